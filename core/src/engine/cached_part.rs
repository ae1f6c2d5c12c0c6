//! What is cached of files beside documents: blocks of index tables, and vectors that searches compare.
//!
//! Invariant: neither ever changes, so what is cached is true for as long as it is there. A table's number is never given
//! again, nor is that of an index of vectors in memory.

use super::{
    Engine,
    cache::{self, Item},
};
use crate::{
    index::{block::Block, table::BlockCache},
    storage::AsyncStorage,
};
use alloc::sync::Arc;

/// A part of a file in the cache.
#[derive(Clone)]
pub(super) struct CachedPart {
    /// What it is part of, and its number there.
    of: Whole,
    number: u32,
    content: Content,
}

/// What something is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Table(u32),
    /// An index of vectors in memory, by its number.
    Vectors(u64),
}

#[derive(Clone)]
enum Content {
    Block(Arc<Block>),
    Vector(Arc<[f32]>),
}

impl Item for CachedPart {
    fn bytes(&self) -> usize {
        let content = match &self.content {
            Content::Block(block) => block.memory_bytes(),
            Content::Vector(vector) => size_of_val::<[f32]>(vector) + 2 * size_of::<usize>(),
        };
        content + size_of::<CachedPart>()
    }
}

impl Whole {
    /// Fibonacci hashing, folded so that the high bits, which choose the shard, depend on all of it.
    fn hash(self, number: u32) -> u64 {
        let (of, kind) = match self {
            Whole::Table(table) => (u64::from(table), 0),
            Whole::Vectors(index) => (index, 1 << 63),
        };
        let all = of << 32 ^ kind ^ u64::from(number);
        let mixed = all.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }
}

impl<S: AsyncStorage> Engine<S> {
    fn part(&self, of: Whole, number: u32, found: impl Fn(&CachedPart)) -> Option<Content> {
        let part = self.parts.get(of.hash(number), |part| {
            let same = part.of == of && part.number == number;
            if same {
                found(part);
            }
            same
        });
        part.map(|part| part.content)
    }

    fn keep_part(&self, of: Whole, number: u32, content: Content) {
        let hash = of.hash(number);
        let part = CachedPart { of, number, content };
        self.parts.insert(hash, part, u64::MAX, |part| part.of == of && part.number == number);
        cache::balance(self.cache_budget(), &self.parts, &self.documents, hash);
    }

    /// Forgets the blocks of tables that are no longer read.
    pub(super) fn forget_blocks(&self, of: impl Fn(u32) -> bool) {
        self.parts.remove_all(|part| matches!(part.of, Whole::Table(table) if of(table)));
    }

    /// The vector of a row of an index, if it is cached.
    pub(super) fn kept_vector(&self, index: u64, row: u32) -> Option<Arc<[f32]>> {
        match self.part(Whole::Vectors(index), row, |_| {})? {
            Content::Vector(vector) => Some(vector),
            Content::Block(_) => None,
        }
    }

    /// Asks for the memory of where that of a row would be.
    pub(super) fn prefetch_vector(&self, index: u64, row: u32) {
        // Elsewhere there is no such call, and the lock would be taken for nothing.
        if cfg!(target_arch = "x86_64") {
            self.parts.prefetch(Whole::Vectors(index).hash(row));
        }
    }

    /// Caches the vector of a row if it was asked for before: most are not asked for again.
    pub(super) fn keep_vector(&self, index: u64, row: u32, vector: &[f32]) {
        let of = Whole::Vectors(index);
        if self.doorkeeper.knows(of.hash(row)) {
            self.keep_part(of, row, Content::Vector(vector.into()));
        }
    }
}

impl<S: AsyncStorage> BlockCache for Engine<S> {
    fn get(&self, table: u32, block: u32) -> Option<Arc<Block>> {
        let touch = |part: &CachedPart| {
            if let Content::Block(block) = &part.content {
                block.touch_restarts();
            }
        };
        match self.part(Whole::Table(table), block, touch)? {
            Content::Block(block) => Some(block),
            Content::Vector(_) => None,
        }
    }

    fn insert(&self, table: u32, number: u32, block: &Arc<Block>) {
        self.keep_part(Whole::Table(table), number, Content::Block(block.clone()));
    }
}
