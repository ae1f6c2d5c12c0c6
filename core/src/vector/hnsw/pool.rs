//! The best rows that a walk has seen, in one sorted array: for the sizes that are searched with, inserting into it is
//! cheaper than two heaps, and the next row to expand is known early enough to ask for its links.
//!
//! Invariant: the order is total and the same everywhere: that of entries, of which the last bit says whether the row was
//! expanded.

pub(super) use crate::vector::entry::{ROW_MAX, entry, row, score};
use alloc::vec::Vec;

#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Best first.
    entries: Vec<u64>,
    limit: usize,
    /// Most of one score.
    ties: usize,
    /// All before it are expanded.
    cursor: usize,
}

impl Pool {
    /// Empties it, to keep at most `limit` from now on, of each score at most `ties`.
    pub(super) fn reset(&mut self, limit: usize, ties: usize) {
        self.entries.clear();
        self.limit = limit;
        self.ties = ties;
        self.cursor = 0;
    }

    /// Takes a row in if it is among the best. Each row is offered once, and most are not.
    #[inline(always)]
    pub(super) fn offer(&mut self, entry: u64) {
        let full = self.entries.len() >= self.limit;
        if !full || self.entries.last().is_some_and(|last| *last <= entry) {
            self.insert(entry, full);
        }
    }

    fn insert(&mut self, entry: u64, full: bool) {
        let at = self.entries.partition_point(|other| *other > entry);
        if at >= self.ties && self.entries[at - self.ties] >> 32 == entry >> 32 {
            return;
        }
        if full {
            self.entries.pop();
        }
        self.entries.insert(at, entry);
        self.cursor = self.cursor.min(at);
    }

    /// Drops the rows for which `keep` does not hold, when the walk is over.
    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.entries.retain(|entry| keep(row(*entry)));
    }

    /// The best row that was not expanded; now it is.
    #[inline]
    pub(super) fn expand(&mut self) -> Option<u32> {
        let at = self.skip()?;
        self.entries[at] |= 1;
        self.cursor = at + 1;
        Some(row(self.entries[at]))
    }

    /// The row that [`expand`](Self::expand) would give.
    #[inline]
    pub(super) fn peek(&self) -> Option<u32> {
        self.skip().map(|at| row(self.entries[at]))
    }

    /// The rows that it would give one after the other.
    pub(super) fn unexpanded(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().skip(self.cursor).filter(|entry| **entry & 1 == 0).map(|entry| row(*entry))
    }

    #[inline]
    fn skip(&self) -> Option<usize> {
        let rest = self.entries.get(self.cursor..)?;
        rest.iter().position(|entry| entry & 1 == 0).map(|at| self.cursor + at)
    }

    pub(super) fn entries(&self) -> &[u64] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_keeps_the_best_and_expands_each_once_best_first() {
        let mut pool = Pool::default();
        pool.reset(3, usize::MAX);
        for (row, score) in [1.0, 5.0, 3.0, 4.0].into_iter().enumerate() {
            pool.offer(entry(score, row as u32));
        }
        assert_eq!(pool.expand(), Some(1));
        pool.offer(entry(9.0, 7));
        assert_eq!(pool.peek(), Some(7));
        assert_eq!((pool.expand(), pool.expand(), pool.expand()), (Some(7), Some(3), None));
        assert_eq!(pool.entries().iter().map(|e| row(*e)).collect::<Vec<_>>(), [7, 1, 3]);
    }

    #[test]
    fn a_pool_keeps_a_few_of_equal_scores_and_room_for_others() {
        let mut pool = Pool::default();
        pool.reset(4, 2);
        for row in 0..10 {
            pool.offer(entry(1.0, row));
            pool.offer(entry(0.5, 10 + row));
        }
        assert_eq!(pool.entries().iter().map(|e| row(*e)).collect::<Vec<_>>(), [0, 1, 10, 11]);
    }
}
