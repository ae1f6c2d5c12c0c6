//! Who is let into a full cache: a document that was asked for before, and not long ago.
//!
//! Most documents that are read once are not read again while they would stay. Letting each of them in costs more than
//! it ever saves, and pushes out those that are. (The doorkeeper of TinyLFU: Einziger, Friedman and Manes, 2017.)
//! What it remembers is a hint: forgetting or mistaking a document costs a read, not truth.

use crate::sync::OnceCell;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

/// Bytes of the cache's budget for each document that is remembered, in two bytes: so it remembers some times as many as
/// there is room for.
const BUDGET_BYTES_EACH: usize = 512;

/// Marks of a place. With one, documents that share a place would never be known when they are read in turn.
const MARKS: usize = 4;

pub(super) struct Doorkeeper {
    budget: usize,
    /// For each place the marks of the documents that last came by, the last one lowest. Made when it is first asked.
    seen: OnceCell<Box<[AtomicU64]>>,
}

impl Doorkeeper {
    pub(super) fn new(budget: usize) -> Self {
        Doorkeeper { budget, seen: OnceCell::new() }
    }

    /// Whether a document with this hash came by not long ago. From now on it did.
    pub(super) fn knows(&self, hash: u64) -> bool {
        let places = (self.budget / BUDGET_BYTES_EACH / MARKS).max(1);
        let seen = self.seen.get_or_init(|| (0..places).map(|_| AtomicU64::new(0)).collect());
        let place = (u64::from(hash as u32) * seen.len() as u64) >> 32;
        // Not a bit of the place. Never the zero of a place where nobody was.
        let mark = (hash >> 40) as u16 | 1;
        let Some(place) = seen.get(place as usize) else { return true };
        let marks = place.load(Ordering::Relaxed);
        let known = (0..MARKS).any(|at| (marks >> (16 * at)) as u16 == mark);
        if !known {
            place.store(marks << 16 | u64::from(mark), Ordering::Relaxed);
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_who_came_by_and_few_others() {
        let keeper = Doorkeeper::new(1 << 20);
        let hash = |n: u64| crate::index::filter::filter_hash(&n.to_le_bytes());
        let strangers = (0..1_000).filter(|&n| keeper.knows(hash(n))).count();
        assert!(strangers <= 5, "{strangers} of 1,000 strangers were let in");
        let known = (900..1_000).filter(|&n| keeper.knows(hash(n))).count();
        assert!(known >= 95, "{known} of the last 100 were known");
        (0..100_000).for_each(|n| _ = keeper.knows(hash(1_000_000 + n)));
        let remembered = (0..1_000).filter(|&n| keeper.knows(hash(n))).count();
        assert!(remembered <= 10, "{remembered} of 1,000 were remembered for ever");
        // A fifth of what it remembers, read in turn: nearly all of them are known each time.
        let keeper = Doorkeeper::new(1 << 20);
        let in_turn = || (0..400).filter(|&n| keeper.knows(hash(n))).count();
        in_turn();
        let known = in_turn();
        assert!(known >= 380, "{known} of 400 were known");
    }
}
