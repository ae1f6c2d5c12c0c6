//! What is cached of files beside documents: blocks of index tables and of the log, and vectors that searches compare.
//!
//! Invariant: none of them ever changes, so what is cached is true for as long as it is there. A table's number is never given
//! again, nor is that of an index of vectors in memory; and of the log only what lies before the last checkpoint is cached,
//! which no write and no crash touches any more.

use super::{
    Engine,
    cache::{self, Item},
};
use crate::{
    bug::{self, Bug},
    error::Result,
    index::{block::Block, table::BlockCache},
    limits::LOG_BLOCK_BYTES,
    log::{Location, reader},
    storage::AsyncStorage,
};
use alloc::sync::Arc;

/// Blocks of the log that are read at once while the cache has room.
const BLOCKS_AT_ONCE: usize = 4;

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
    /// A segment of the log.
    Log(u32),
    /// An index of vectors in memory, by its number.
    Vectors(u64),
}

#[derive(Clone)]
enum Content {
    Block(Arc<Block>),
    Log(Arc<[u8]>),
    Vector(Arc<[f32]>),
}

impl CachedPart {
    fn is(&self, of: Whole, number: u32) -> bool {
        self.of == of && self.number == number
    }
}

impl Item for CachedPart {
    fn bytes(&self) -> usize {
        let content = match &self.content {
            Content::Block(block) => block.memory_bytes(),
            Content::Log(bytes) => bytes.len() + 2 * size_of::<usize>(),
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
            Whole::Log(segment) => (u64::from(segment), 1 << 62),
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
            let same = part.is(of, number);
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
        self.parts.insert(hash, part, u64::MAX, |part| part.is(of, number));
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
            _ => None,
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

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Reads the value of a record that the index names, and shows it to `use_it`, once. Where calls of the storage are slow
    /// the block of the log around it is read and cached.
    pub(super) async fn read_value(&self, at: Location, use_it: &mut dyn FnMut(&[u8])) -> Result<()> {
        let within = (at.offset % LOG_BLOCK_BYTES as u64) as usize;
        let end = within + at.bytes as usize;
        let number = u32::try_from(at.offset / LOG_BLOCK_BYTES as u64).ok();
        let number = number.filter(|_| end <= LOG_BLOCK_BYTES && self.storage.wants_block_reads());
        let Some(number) = number else { return reader::read_value(&self.storage, at, use_it).await };
        let mut show =
            |block: &[u8]| reader::show_value(block.get(within..end.min(block.len())).unwrap_or_default(), at, use_it);
        let of = Whole::Log(at.segment);
        let shown = self.parts.with(
            of.hash(number),
            |part| part.is(of, number),
            |part| match &part.content {
                Content::Log(block) => Some(show(block)),
                _ => None,
            },
        );
        if let Some(shown) = shown.flatten() {
            return shown;
        }
        match self.read_log_block(at.segment, number).await? {
            Some(block) => show(&block),
            None => reader::read_value(&self.storage, at, use_it).await,
        }
    }

    /// Reads a block of the log into the cache; `None` where it may still grow.
    async fn read_log_block(&self, segment: u32, number: u32) -> Result<Option<Arc<[u8]>>> {
        let of = Whole::Log(segment);
        let checkpoint = self.files.lock().manifest.checkpoint;
        let is_settled = |number: u32| {
            let end = (u64::from(number) + 1) * LOG_BLOCK_BYTES as u64;
            (segment, end) <= (checkpoint.segment, checkpoint.offset) || bug::active(Bug::CachesUnsettledLog)
        };
        // While there is room, those beside it come along: most of a log that fits into the cache is asked for some time.
        let is_roomy =
            self.documents.bytes() + self.parts.bytes() + BLOCKS_AT_ONCE * LOG_BLOCK_BYTES <= self.cache_budget();
        let first = number / BLOCKS_AT_ONCE as u32 * BLOCKS_AT_ONCE as u32;
        let (first, count) = match is_roomy && is_settled(first + BLOCKS_AT_ONCE as u32 - 1) {
            true => (first, BLOCKS_AT_ONCE),
            false if is_settled(number) => (number, 1),
            false => return Ok(None),
        };
        let read = reader::read_blocks(&self.storage, segment, first, count).await?;
        let mut wanted: Arc<[u8]> = Arc::default();
        for (number_read, block) in (first..).zip(read.chunks(LOG_BLOCK_BYTES)) {
            let block: Arc<[u8]> = block.into();
            if number_read == number {
                wanted = block.clone();
            }
            self.keep_part(of, number_read, Content::Log(block));
        }
        Ok(Some(wanted))
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
            _ => None,
        }
    }

    fn insert(&self, table: u32, number: u32, block: &Arc<Block>) {
        self.keep_part(Whole::Table(table), number, Content::Block(block.clone()));
    }
}
