//! The best rows of a scan, in bounded memory.
//!
//! Invariant: what is kept is the first `keep` of all that was offered, ordered by value, the largest first, then row.
//! Rows are offered in ascending order, so of equal ones an earlier row is never pushed out.

use crate::vector::entry::{entry, row, score};
use alloc::vec::Vec;

#[derive(Debug)]
pub(crate) struct Best {
    keep: usize,
    /// Entries.
    found: Vec<u64>,
    /// Only larger values can still be among the best.
    threshold: f32,
}

impl Best {
    /// Room for `keep` of at most `rows` rows.
    pub(crate) fn new(keep: usize, rows: usize) -> Best {
        let keep = keep.min(rows);
        Best { keep, found: Vec::with_capacity(Best::room(keep).min(rows)), threshold: f32::NEG_INFINITY }
    }

    /// How many are collected before the worst of them are dropped.
    fn room(keep: usize) -> usize {
        2 * keep + 64
    }

    #[inline(always)]
    pub(crate) fn threshold(&self) -> f32 {
        self.threshold
    }

    #[inline(always)]
    pub(crate) fn offer(&mut self, row: u32, value: f32) {
        if value > self.threshold {
            self.found.push(entry(value, row));
            if self.found.len() >= Best::room(self.keep) {
                self.shrink();
            }
        }
    }

    /// Sorts, and drops all but the best. A selection would be quicker, but this is due only each time that as many new ones
    /// have been among the best.
    #[cold]
    fn shrink(&mut self) {
        self.found.sort_unstable();
        let worst = self.found.len().saturating_sub(self.keep);
        self.found.copy_within(worst.., 0);
        self.found.truncate(self.keep);
        if self.found.len() == self.keep {
            self.threshold = self.found.first().map_or(f32::INFINITY, |&entry| score(entry));
        }
    }

    /// The best, in order.
    pub(crate) fn into_sorted(mut self) -> Vec<(f32, u32)> {
        self.shrink();
        self.found.into_iter().rev().map(|entry| (score(entry), row(entry))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn the_best_are_the_first_of_all_in_order(
            values in proptest::collection::vec(-20..20_i8, 0..1500), keep in 0..200_usize,
        ) {
            let mut best = Best::new(keep, values.len());
            let mut all = Vec::new();
            for (row, value) in values.iter().enumerate() {
                best.offer(row as u32, f32::from(*value));
                all.push((f32::from(*value), row as u32));
                prop_assert!(best.found.len() <= Best::room(keep));
            }
            all.sort_by(|a: &(f32, u32), b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(keep);
            prop_assert_eq!(best.into_sorted(), all);
        }
    }
}
