//! Searches.

use super::{
    Graph,
    bits::contains,
    level::mix,
    pool,
    walk::{self, Scratch},
};
use crate::vector::code::int8::{Codes, Query};

/// A row that was found, and its score by code: larger is nearer, with every metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) row: u32,
    pub(crate) score: f32,
}

/// Which rows may be returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter<'a> {
    /// A bit for each row; rows behind the last word are not accepted.
    pub(crate) accept: &'a [u64],
    /// How many bits are set for rows that the graph reaches to and that were not removed.
    pub(crate) count: usize,
    /// Most rows to score before giving up. A scan of codes scores a row in a small part of the time.
    pub(crate) budget: usize,
}

/// Accepted rows, spread over all, at which a filtered search begins beside the nearest of the graph. What is accepted may
/// lie in many islands; one that holds a hundredth of it is found through these.
const SEEDS: usize = 256;

impl Graph {
    /// The best `ef` rows by code, best first, of equal scores the smaller row first.
    ///
    /// `None` when a scan of the accepted rows is what to do: the budget was used up, or fewer were found than there are.
    /// Without a filter the answer is never `None`.
    pub(crate) fn search<'s>(
        &self,
        codes: &Codes,
        query: &Query,
        ef: usize,
        filter: Option<Filter<'_>>,
        scratch: &'s mut Scratch,
    ) -> Option<&'s [Candidate]> {
        let probe = query.probe();
        let ef = ef.max(1);
        scratch.scored = 0;
        scratch.reset(self.rows as usize, ef);
        if let Some(entry) = self.entry {
            let mut row = entry.row;
            for level in (1..=entry.level).rev() {
                row = walk::descend(&self.links.higher(level), codes, probe, row, scratch);
            }
            let lowest = self.links.lowest();
            match filter {
                None => {
                    scratch.begin(codes, probe, row);
                    walk::walk(&lowest, codes, probe, scratch);
                }
                Some(filter) => {
                    if filter.count == 0 {
                        return Some(&[]);
                    }
                    self.seed(filter.accept, row, scratch);
                    scratch.offer(codes, probe);
                    let within = walk::walk_accepted(&lowest, codes, probe, filter.accept, filter.budget, scratch);
                    if !within || scratch.pool.entries().len() < filter.count.min(ef) {
                        return None;
                    }
                }
            }
        }
        let Scratch { candidates, pool, .. } = scratch;
        candidates.clear();
        candidates.extend(pool.entries().iter().map(|e| Candidate { row: pool::row(*e), score: pool::score(*e) }));
        Some(candidates)
    }

    /// Makes the batch the accepted rows at which a search begins.
    fn seed(&self, accept: &[u64], nearest: u32, scratch: &mut Scratch) {
        let rows = self.rows as usize;
        let words = &accept[..accept.len().min(rows.div_ceil(64))];
        let mut place = |row: u32, batch: &mut alloc::vec::Vec<u32>| {
            let usable = (row as usize) < rows && contains(accept, row) && !contains(&self.removed, row);
            if usable && scratch.seen.insert(row) {
                batch.push(row);
            }
        };
        let batch = &mut scratch.batch;
        batch.clear();
        place(nearest, batch);
        let step = words.len().div_ceil(SEEDS).max(1);
        for (at, words) in words.chunks(step).enumerate() {
            // From somewhere in the chunk, and somewhere in the word, so that no pattern of rows is missed.
            let hash = mix(at as u64);
            let (first, shift) = (hash as u32 as usize % words.len(), (hash >> 58) as u32);
            let (before, after) = words.split_at(first);
            let found = after.iter().enumerate().map(|(i, w)| (first + i, w)).chain(before.iter().enumerate());
            if let Some((word, bits)) = found.into_iter().find(|(_, word)| **word != 0) {
                let bit = (bits.rotate_right(shift).trailing_zeros() + shift) % 64;
                place(((at * step + word) * 64) as u32 + bit, batch);
            }
        }
    }
}
