//! The best rows that a walk has seen, in one sorted array: for the sizes that are searched with, inserting into it is
//! cheaper than two heaps, and the next row to expand is known early enough to ask for its links.
//!
//! Invariant: the order is total and the same everywhere. An entry is the score, the complement of the row and whether it was
//! expanded in one integer, so that the larger is the nearer and of equal scores the smaller row comes first.

use alloc::vec::Vec;

/// Largest number of a row: one bit of an entry says whether it was expanded.
pub(crate) const ROW_MAX: u32 = (1 << 31) - 1;

/// A row and its score as one integer, in the order of scores.
#[inline]
pub(super) fn entry(score: f32, row: u32) -> u64 {
    let bits = score.to_bits();
    let flip = if score.is_sign_negative() { u32::MAX } else { 1 << 31 };
    // What is no number comes last. Finite rows can make one only by overflowing.
    let ordered = if score.is_nan() { 0 } else { bits ^ flip };
    u64::from(ordered) << 32 | u64::from(!row & ROW_MAX) << 1
}

#[inline]
pub(super) fn row(entry: u64) -> u32 {
    !(entry >> 1) as u32 & ROW_MAX
}

#[inline]
pub(super) fn score(entry: u64) -> f32 {
    let ordered = (entry >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered ^ 1 << 31 } else { !ordered })
}

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

    /// Takes a row in if it is among the best. Each row is offered once.
    #[inline]
    pub(super) fn offer(&mut self, entry: u64) {
        let full = self.entries.len() >= self.limit;
        if full && self.entries.last().is_none_or(|last| *last > entry) {
            return;
        }
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
    fn entries_are_ordered_by_score_then_by_row_and_give_both_back() {
        let scores = [f32::NAN, f32::NEG_INFINITY, -2.5, -0.0, 0.0, 1e-40, 3.0, f32::INFINITY];
        for pair in scores.windows(2) {
            assert!(entry(pair[0], 0) < entry(pair[1], ROW_MAX), "{pair:?}");
        }
        assert_eq!(entry(f32::NAN, 1), entry(-f32::NAN, 1));
        assert!(entry(1.0, 3) > entry(1.0, 4));
        for x in &scores[1..] {
            assert_eq!(score(entry(*x, 5)).to_bits(), x.to_bits());
        }
        assert_eq!(row(entry(-1.0, ROW_MAX)), ROW_MAX);
        assert_eq!(row(entry(1.0, 0) | 1), 0);
    }

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
