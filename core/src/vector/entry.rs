//! A row and its score as one integer: the larger is the nearer, and of equal scores the smaller row comes first.
//!
//! Everything that is sorted below `vector` is sorted as a `u64`, because the code of another sort takes up to ten kilobytes.

use alloc::vec::Vec;

/// Largest number of a row: the last bit of an entry is free for who keeps it.
pub(crate) const ROW_MAX: u32 = (1 << 31) - 1;

/// A row and its score as one integer, in the order of scores.
#[inline]
pub(crate) fn entry(score: f32, row: u32) -> u64 {
    let bits = score.to_bits();
    let flip = if score.is_sign_negative() { u32::MAX } else { 1 << 31 };
    // What is no number comes last. Finite rows can make one only by overflowing.
    let ordered = if score.is_nan() { 0 } else { bits ^ flip };
    u64::from(ordered) << 32 | u64::from(!row & ROW_MAX) << 1
}

#[inline]
pub(crate) fn row(entry: u64) -> u32 {
    !(entry >> 1) as u32 & ROW_MAX
}

#[inline]
pub(crate) fn score(entry: u64) -> f32 {
    let ordered = (entry >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered ^ 1 << 31 } else { !ordered })
}

/// Sorts numbers, and leaves each only once.
pub(crate) fn sort_numbers(numbers: &mut Vec<u32>) {
    // As those that the graph sorts: of each type there would be a copy of the sort.
    let mut wide: Vec<u64> = numbers.iter().copied().map(u64::from).collect();
    wide.sort_unstable();
    wide.dedup();
    numbers.clear();
    numbers.extend(wide.into_iter().map(|number| number as u32));
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
    fn rows_are_sorted_and_each_is_left_once() {
        let mut rows = [3, u32::MAX, 0, 3, 1].to_vec();
        sort_numbers(&mut rows);
        assert_eq!(rows, [0, 1, 3, u32::MAX]);
    }
}
