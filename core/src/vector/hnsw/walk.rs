//! Walks over one level of the graph: down to the nearest row, or for the best `ef`.

use super::{
    bits::Seen,
    links::{Layer, filled},
    pool::{self, Pool, entry},
    search::Candidate,
};
use crate::vector::{
    code::int8::{Codes, Probe},
    kernel::memory::{prefetch, prefetch_anywhere},
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
    /// Pages that a walk needs to go on.
    pub(crate) missing: Vec<u32>,
    pub(super) stage: Stage,
    /// Whether a search turned out to be one for accepted rows alone, on the way.
    pub(super) narrowed: bool,
    /// Rows of the graph that it is a search of.
    pub(super) rows: u32,
}

/// How far a search has come: one that stops because something is missing goes on from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Begin,
    /// Down from a row of a level.
    Down { row: u32, level: u8 },
    /// Over the lowest level.
    Across,
    /// Over the lowest level, for accepted rows alone, until so many rows are scored.
    Accepted { count: usize, budget: usize },
}

/// A walk stopped because pages are missing: [`Scratch::missing`] says which. Once they are there, the same call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Scratch {
    /// How many rows the last search scored.
    pub(crate) fn scored(&self) -> usize {
        self.scored
    }

    /// Gives up a search that stopped.
    pub(crate) fn begin_anew(&mut self) {
        (self.stage, self.narrowed) = (Stage::Begin, false);
        self.missing.clear();
    }

    /// Forgets all, for a walk that keeps the best `ef` of rows below `count`, of each score at most `ties`.
    pub(super) fn reset(&mut self, count: usize, ef: usize, ties: usize) {
        self.seen.reset(count);
        self.pool.reset(ef, ties);
    }

    /// Scores the nodes of the batch.
    #[inline]
    pub(super) fn score(&mut self, codes: &Codes, probe: Probe<'_>) -> Result<(), Stopped> {
        if !codes.need(&self.batch, &mut self.missing) {
            return Err(Stopped);
        }
        self.scored += self.batch.len();
        codes.scores(probe, &self.batch, &mut self.sums, &mut self.scores);
        Ok(())
    }

    /// Scores the nodes of the batch and offers them to the pool.
    #[inline]
    pub(super) fn offer(&mut self, codes: &Codes, probe: Probe<'_>) -> Result<(), Stopped> {
        self.score(codes, probe)?;
        for (row, score) in self.batch.iter().zip(&self.scores) {
            self.pool.offer(entry(*score, *row));
        }
        Ok(())
    }

    /// Begins a walk at a row.
    pub(super) fn begin(&mut self, row: u32) {
        self.batch.clear();
        if self.seen.insert(row) {
            self.batch.push(row);
        }
    }
}

/// Rows that a walk expands before it scores what they lead to: memory is waited for once for all of them. With more, it
/// scores rows that it would not have come to.
const EXPANDED_AT_ONCE: usize = 3;

impl Scratch {
    /// Whether the lists of the rows to be expanded next are there.
    #[cold]
    fn next_are_there(&mut self, layer: &impl Layer, count: usize) -> Result<(), Stopped> {
        let Scratch { pool, missing, .. } = self;
        let there = pool.unexpanded().take(count).fold(true, |all, row| all & layer.need(row, missing));
        if there { Ok(()) } else { Err(Stopped) }
    }

    /// Whether those of its neighbours are there that are not accepted, and may be looked behind.
    #[cold]
    fn beyond_next_is_there(&mut self, layer: &impl Layer, accept: &Mask) -> Result<(), Stopped> {
        let Some(row) = self.pool.peek() else { return Ok(()) };
        let beyond = filled(layer.list(row)).iter().filter(|neighbour| !accept.contains(**neighbour));
        let there = beyond.fold(true, |all, neighbour| all & layer.need(*neighbour, &mut self.missing));
        if there { Ok(()) } else { Err(Stopped) }
    }
}

/// From a row to a neighbour as long as that is nearer. Every step is to a better one, so it ends. The error is the row to go
/// on from.
pub(super) fn descend(
    layer: &impl Layer,
    codes: &Codes,
    probe: Probe<'_>,
    from: u32,
    scratch: &mut Scratch,
) -> Result<u32, u32> {
    let (mut at, mut best) = (from, 0);
    scratch.batch.clear();
    scratch.batch.push(from);
    loop {
        scratch.score(codes, probe).map_err(|Stopped| at)?;
        let next = scratch.batch.iter().zip(&scratch.scores).map(|(row, score)| entry(*score, *row)).max();
        match next {
            Some(next) if next > best => best = next,
            _ => return Ok(pool::row(best)),
        }
        at = pool::row(best);
        if !layer.need(at, &mut scratch.missing) {
            return Err(at);
        }
        scratch.batch.clear();
        scratch.batch.extend_from_slice(filled(layer.list(at)));
        for row in &scratch.batch {
            codes.prefetch(*row);
            layer.prefetch(*row);
        }
    }
}

/// Walks from a row with a scratch that was reset; the best row that was seen. Everything has to be there.
pub(super) fn nearest(layer: &impl Layer, codes: &Codes, probe: Probe<'_>, from: u32, scratch: &mut Scratch) -> u32 {
    scratch.begin(from);
    let _whole = walk(layer, codes, probe, scratch);
    scratch.pool.entries().first().map_or(from, |best| pool::row(*best))
}

/// Offers the batch, and expands the best row of the pool until all in it are expanded. Each row is scored once, so it ends.
pub(super) fn walk(layer: &impl Layer, codes: &Codes, probe: Probe<'_>, scratch: &mut Scratch) -> Result<(), Stopped> {
    loop {
        scratch.offer(codes, probe)?;
        scratch.batch.clear();
        if !layer.is_whole() {
            scratch.next_are_there(layer, EXPANDED_AT_ONCE)?;
        }
        let rows = [(); EXPANDED_AT_ONCE].map(|()| scratch.pool.expand());
        if rows[0].is_none() {
            return Ok(());
        }
        for row in rows.iter().flatten() {
            prefetch(layer.list(*row));
        }
        if let Some(next) = scratch.pool.peek() {
            prefetch_anywhere(layer.list(next));
        }
        for row in rows.into_iter().flatten() {
            for neighbour in filled(layer.list(row)) {
                if scratch.seen.insert(*neighbour) {
                    codes.prefetch(*neighbour);
                    scratch.batch.push(*neighbour);
                }
            }
        }
    }
}

/// Like [`walk`], over the accepted rows alone: a neighbour that is not accepted is not scored, but its own neighbours count
/// as the row's, until there are as many accepted ones as the row has places. `false` when more than `budget` were scored.
/// The batch is not offered before the first row.
pub(super) fn walk_accepted(
    layer: &impl Layer,
    codes: &Codes,
    probe: Probe<'_>,
    accept: &Mask,
    budget: usize,
    scratch: &mut Scratch,
) -> Result<bool, Stopped> {
    loop {
        scratch.offer(codes, probe)?;
        scratch.batch.clear();
        if scratch.scored > budget {
            return Ok(false);
        }
        if !layer.is_whole() {
            scratch.next_are_there(layer, 1)?;
            scratch.beyond_next_is_there(layer, accept)?;
        }
        let Some(row) = scratch.pool.expand() else { return Ok(true) };
        if let Some(next) = scratch.pool.peek() {
            prefetch_anywhere(layer.list(next));
        }
        scratch.bridges.clear();
        let list = filled(layer.list(row));
        let mut accepted = 0;
        for neighbour in list {
            if accept.contains(*neighbour) {
                accepted += 1;
                if scratch.seen.insert(*neighbour) {
                    codes.prefetch(*neighbour);
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
                prefetch_anywhere(layer.list(*next));
            }
            for neighbour in filled(layer.list(*bridge)) {
                if accept.contains(*neighbour) && scratch.seen.insert(*neighbour) {
                    accepted += 1;
                    codes.prefetch(*neighbour);
                    scratch.batch.push(*neighbour);
                }
            }
        }
    }
}
