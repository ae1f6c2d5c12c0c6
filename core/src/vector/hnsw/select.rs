//! Which of the candidates a row links to: those that are nearer to it than to any that was taken before (Malkov and
//! Yashunin, 2016, algorithm 4), so that links lead in every direction.

use super::pool;
use crate::vector::code::int8::{Codes, Probe};
use alloc::vec::Vec;

/// How many taken ones are compared at once; after each of these a candidate may be found too near.
const AT_ONCE: usize = 4;

/// How many of equally near candidates are kept where there are `places`: copies of one row must not take all of them, or
/// nothing leads away from the copies.
pub(super) fn ties(places: usize) -> usize {
    places.div_ceil(2)
}

#[derive(Debug, Default)]
pub(super) struct Selector {
    /// What was selected, nearest first.
    pub(super) rows: Vec<u32>,
    sums: Vec<i32>,
    scores: Vec<f32>,
}

impl Selector {
    /// Selects up to `most` of the candidates, which are sorted, nearest first. It does not select itself.
    pub(super) fn select(&mut self, codes: &Codes, own: u32, candidates: &[u64], most: usize) {
        self.rows.clear();
        let bias = codes.row(own).bias;
        let mut last = None;
        let mut alike = 0;
        for &candidate in candidates {
            if self.rows.len() == most {
                break;
            }
            alike = if last == Some(candidate >> 32) { alike } else { 0 };
            last = Some(candidate >> 32);
            if alike == ties(most) {
                continue;
            }
            let row = pool::row(candidate);
            if row != own && self.is_apart(codes, codes.row(row), pool::score(candidate) + bias) {
                self.rows.push(row);
                alike += 1;
            }
        }
    }

    /// Whether a candidate is at most as far from the row as from all that are selected. `near` is minus its distance.
    ///
    /// The distance of a and b is `-<a, b> - bias(a) - bias(b)` for every metric (half of the square, up to a constant), and
    /// the score of b for a is `<a, b> + bias(b)`.
    fn is_apart(&mut self, codes: &Codes, candidate: Probe<'_>, near: f32) -> bool {
        for rows in self.rows.chunks(AT_ONCE) {
            codes.scores(candidate, rows, &mut self.sums, &mut self.scores);
            if self.scores.iter().any(|other| other + candidate.bias > near) {
                return false;
            }
        }
        true
    }
}
