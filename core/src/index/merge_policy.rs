//! Which tables to merge: size-tiered, and only neighbours in age, so that "the newest wins" stays true.
//!
//! A table's class is the logarithm of its size to the base `TABLE_FANOUT`. A table that stands before a larger, newer one
//! counts as of that one's class, so classes only fall from old to new, and `TABLE_FANOUT` tables of one class are merged.
//!
//! Invariant: when nothing is to be merged there are fewer than `TABLE_FANOUT` tables a class, O(log n) in all. A merge ends
//! with a table that is truly of its class, so a table that takes part grows by at least one class size; after at most
//! `TABLE_FANOUT` merges in a class its entries are in the next: each entry is rewritten O(log n) times.

use crate::limits::{TABLE_BLOCK_BYTES, TABLE_FANOUT};
use core::ops::Range;

/// A table and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableSize {
    pub number: u32,
    pub bytes: u64,
}

/// The class of a size. All tables below some blocks are of the lowest: merging them costs next to nothing.
fn class(bytes: u64) -> u32 {
    let units = bytes / TABLE_BLOCK_BYTES as u64;
    units.checked_ilog(TABLE_FANOUT as u64).unwrap_or(0)
}

/// The neighbours to merge next, given all tables from oldest to newest, or `None` when they are few enough.
///
/// The newest possible merge comes first: its result may be what completes an older, larger one.
pub(crate) fn pick_merge(oldest_first: &[TableSize]) -> Option<Range<usize>> {
    let (mut run, mut run_class) = (0, 0);
    for (number, table) in oldest_first.iter().enumerate().rev() {
        let class = class(table.bytes);
        if class > run_class {
            if run >= TABLE_FANOUT {
                return Some(number + 1..number + 1 + run);
            }
            (run, run_class) = (0, class);
        }
        run += 1;
    }
    (run >= TABLE_FANOUT).then_some(0..run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// Makes tables of the given sizes one after the other, merging whenever there is something to merge.
    /// Returns the most tables there ever were and the bytes written by merges.
    fn simulate(checkpoints: &[u64]) -> (usize, u64) {
        let (mut tables, mut most, mut rewritten) = (Vec::new(), 0, 0);
        for &bytes in checkpoints {
            tables.push(TableSize { number: 0, bytes });
            while let Some(range) = pick_merge(&tables) {
                assert!(range.len() >= TABLE_FANOUT && range.end <= tables.len());
                let bytes = tables[range.clone()].iter().map(|table| table.bytes).sum();
                rewritten += bytes;
                tables.splice(range, [TableSize { number: 0, bytes }]);
            }
            most = most.max(tables.len());
        }
        (most, rewritten)
    }

    fn check(checkpoints: &[u64]) {
        let total: u64 = checkpoints.iter().sum();
        let classes = u64::from(class(total)) + 1;
        let (most, rewritten) = simulate(checkpoints);
        assert!(most as u64 <= (TABLE_FANOUT as u64 - 1) * classes, "{most} tables of {classes} classes");
        // Beside the lowest class, whose tables may be rewritten as long as they are tiny.
        let lowest = checkpoints.len() as u64 * TABLE_BLOCK_BYTES as u64 * TABLE_FANOUT as u64 * 2;
        let bound = total * (TABLE_FANOUT as u64 + 1) * classes + lowest;
        assert!(rewritten <= bound, "{rewritten} bytes rewritten of {total}, bound {bound}");
    }

    #[test]
    fn equal_checkpoints_are_merged_like_counting() {
        let (most, rewritten) = simulate(&[1 << 20; 1024]);
        assert_eq!(most, 3 * 5);
        assert_eq!(rewritten, 5 << 30, "each entry is written once a level");
        check(&[1 << 20; 1000]);
    }

    #[test]
    fn rising_and_falling_sizes_stay_within_the_bounds() {
        check(&(0..1000).map(|n| n << 12).collect::<Vec<_>>());
        check(&(0..1000).rev().map(|n| n << 12).collect::<Vec<_>>());
        check(&(0..1000).map(|n| if n % 4 == 3 { 4 << 20 } else { 300 }).collect::<Vec<_>>());
        check(&(0..1000).map(|n| if n % 2 == 0 { 16 << 20 } else { 65 << 10 }).collect::<Vec<_>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_thousand_checkpoints_leave_few_tables_and_are_rewritten_seldom(
            checkpoints in proptest::collection::vec((8u32..24, any::<u64>()), 1000)
        ) {
            check(&checkpoints.iter().map(|(bits, low)| (1 << bits) + low % (1 << bits)).collect::<Vec<_>>());
        }
    }
}
