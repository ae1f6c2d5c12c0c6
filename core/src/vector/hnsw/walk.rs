//! Walks over one level of the graph: down to the nearest row, or for the best `ef`.

use super::{
    bits::Seen,
    links::{Layer, filled},
    pool::{self, Pool, entry},
    search::Candidate,
};
use crate::vector::{
    code::int8::{Codes, Probe},
    kernel::int8::prefetch,
    mask::Mask,
};
use alloc::vec::Vec;

/// What a walk works in, to be used again: marks for every row, and the best that were seen.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(super) seen: Seen,
    pub(super) pool: Pool,
    pub(super) batch: Vec<u32>,
    /// Neighbours that are not accepted, and are looked behind.
    bridges: Vec<u32>,
    sums: Vec<i32>,
    pub(super) scores: Vec<f32>,
    pub(super) candidates: Vec<Candidate>,
    /// Rows that were scored.
    pub(super) scored: usize,
}

impl Scratch {
    /// How many rows the last search scored.
    pub(crate) fn scored(&self) -> usize {
        self.scored
    }

    /// Forgets all, for a walk that keeps the best `ef` of rows below `count`, of each score at most `ties`.
    pub(super) fn reset(&mut self, count: usize, ef: usize, ties: usize) {
        self.seen.reset(count);
        self.pool.reset(ef, ties);
    }

    /// Scores the nodes of the batch.
    #[inline]
    pub(super) fn score(&mut self, codes: &Codes, probe: Probe<'_>) {
        self.scored += self.batch.len();
        codes.scores(probe, &self.batch, &mut self.sums, &mut self.scores);
    }

    /// Scores the nodes of the batch and offers them to the pool.
    #[inline]
    pub(super) fn offer(&mut self, codes: &Codes, probe: Probe<'_>) {
        self.score(codes, probe);
        for (row, score) in self.batch.iter().zip(&self.scores) {
            self.pool.offer(entry(*score, *row));
        }
    }

    /// Begins a walk at a row.
    pub(super) fn begin(&mut self, codes: &Codes, probe: Probe<'_>, row: u32) {
        self.batch.clear();
        if self.seen.insert(row) {
            self.batch.push(row);
        }
        self.offer(codes, probe);
    }
}

/// From a row to a neighbour as long as that is nearer. Every step is to a better one, so it ends.
pub(super) fn descend(layer: &impl Layer, codes: &Codes, probe: Probe<'_>, from: u32, scratch: &mut Scratch) -> u32 {
    let mut batch = core::mem::take(&mut scratch.batch);
    batch.clear();
    batch.push(from);
    let mut best = 0;
    loop {
        scratch.batch.clear();
        scratch.batch.extend_from_slice(&batch);
        scratch.score(codes, probe);
        let next = scratch.batch.iter().zip(&scratch.scores).map(|(row, score)| entry(*score, *row)).max();
        match next {
            Some(next) if next > best => best = next,
            _ => return pool::row(best),
        }
        batch.clear();
        batch.extend_from_slice(filled(layer.list(pool::row(best))));
    }
}

/// Walks from a row with a scratch that was reset; the best row that was seen.
pub(super) fn nearest(layer: &impl Layer, codes: &Codes, probe: Probe<'_>, from: u32, scratch: &mut Scratch) -> u32 {
    scratch.begin(codes, probe, from);
    walk(layer, codes, probe, scratch);
    scratch.pool.entries().first().map_or(from, |best| pool::row(*best))
}

/// Expands the best row of the pool until all in it are expanded. Each row is scored once, so it ends.
pub(super) fn walk(layer: &impl Layer, codes: &Codes, probe: Probe<'_>, scratch: &mut Scratch) {
    while let Some(row) = scratch.pool.expand() {
        if let Some(next) = scratch.pool.peek() {
            prefetch(layer.list(next));
        }
        scratch.batch.clear();
        for neighbour in filled(layer.list(row)) {
            if scratch.seen.insert(*neighbour) {
                scratch.batch.push(*neighbour);
            }
        }
        scratch.offer(codes, probe);
    }
}

/// Like [`walk`], over the accepted rows alone: a neighbour that is not accepted is not scored, but its own neighbours count
/// as the row's, until there are as many accepted ones as the row has places. `false` when more than `budget` were scored.
pub(super) fn walk_accepted(
    layer: &impl Layer,
    codes: &Codes,
    probe: Probe<'_>,
    accept: &Mask,
    budget: usize,
    scratch: &mut Scratch,
) -> bool {
    while let Some(row) = scratch.pool.expand() {
        if let Some(next) = scratch.pool.peek() {
            prefetch(layer.list(next));
        }
        scratch.batch.clear();
        scratch.bridges.clear();
        let list = filled(layer.list(row));
        let mut accepted = 0;
        for neighbour in list {
            if accept.contains(*neighbour) {
                accepted += 1;
                if scratch.seen.insert(*neighbour) {
                    scratch.batch.push(*neighbour);
                }
            } else {
                scratch.bridges.push(*neighbour);
            }
        }
        let places = layer.list(row).len();
        for (at, bridge) in scratch.bridges.iter().enumerate() {
            if accepted >= places {
                break;
            }
            if let Some(next) = scratch.bridges.get(at + 4) {
                prefetch(layer.list(*next));
            }
            for neighbour in filled(layer.list(*bridge)) {
                if accept.contains(*neighbour) && scratch.seen.insert(*neighbour) {
                    accepted += 1;
                    scratch.batch.push(*neighbour);
                }
            }
        }
        scratch.offer(codes, probe);
        if scratch.scored > budget {
            return false;
        }
    }
    true
}
