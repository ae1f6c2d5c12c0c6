//! Searches: through the graph, through the part of it that is accepted, or over all rows that are accepted.

use super::{
    Graph, pool,
    walk::{self, Scratch, Stage, Stopped},
};
use crate::vector::{
    code::int8::{Codes, Probe, Query},
    mask::Mask,
};
use alloc::vec::Vec;
use core::ops::Range;

/// A row that was found, and its score by code: larger is nearer, with every metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) row: u32,
    pub(crate) score: f32,
}

/// Which rows may be returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter<'a> {
    pub(crate) accept: &'a Mask,
    /// How many rows of the graph are accepted.
    pub(crate) count: usize,
}

/// Where so many rows for each of `ef` are accepted, or fewer, they are scanned in the time of a walk: it scores some 35 rows
/// for each of `ef` and waits for memory at most of them, while a scan knows what comes next.
const SCAN_SHARE: usize = 200;

/// Where of so many rows one at most is left out, all are walked over and what is left out is dropped in the end: nothing is
/// to be asked on the way.
const NEARLY_ALL_SHARE: usize = 8;

/// How many more than ought to be dropped such a walk keeps.
const NEARLY_ALL_MORE: usize = 8;

/// The least rows of the neighbourhood of a query that are looked at before a filtered walk.
const PROBED: usize = 64;

/// How many accepted ones that look is to come by, if they lie near the query as densely as elsewhere: so many that hardly ever
/// too few are met by chance.
const PROBED_ACCEPTED: usize = 16;

/// A look takes at most a quarter of the time of a scan of what is accepted, if it goes beyond the least.
const PROBE_SHARE: usize = 4 * 35;

/// How many of those have to be accepted. Where fewer are, the accepted rows lie elsewhere or are so thin that a walk over them
/// loses its way, and nothing that it finds would tell.
const PROBED_MIN: usize = 6;

/// How many more rows a filtered walk keeps for each that is missing near the query.
const THINNER: usize = 3;

/// A walk gives up when it has scored this part of what is accepted: from there on a scan is faster.
const BUDGET_SHARE: usize = 4;

/// Rows that a scan scores at once.
const AT_ONCE: usize = 64;

impl Graph {
    /// The best `ef` rows by code, best first, of equal scores the smaller row first. Without a filter there is always an
    /// answer. With one there may be more than `ef`, and `None` says that a [`scan`] of the accepted rows is what to do: it is
    /// faster, or the graph could miss some of them.
    ///
    /// # Errors
    /// If something is missing: the same call goes on once it is there.
    pub(crate) fn search<'s>(
        &self,
        codes: &Codes,
        query: &Query,
        ef: usize,
        filter: Option<Filter<'_>>,
        scratch: &'s mut Scratch,
    ) -> Result<Option<&'s [Candidate]>, Stopped> {
        let probe = query.probe();
        // A graph that has grown meanwhile is searched from the begin.
        if scratch.stage == Stage::Begin || scratch.rows != self.rows {
            scratch.begin_anew();
            (scratch.scored, scratch.rows) = (0, self.rows);
        }
        let walked = match filter {
            None => self.walk(codes, probe, ef, scratch).map(|()| true)?,
            Some(filter) if !scratch.narrowed && self.walk_nearly_all(codes, probe, ef, filter, scratch)? => true,
            Some(filter) if filter.count <= ef.saturating_mul(SCAN_SHARE) => false,
            Some(filter) => self.walk_accepted(codes, probe, ef, filter, scratch)?,
        };
        scratch.stage = Stage::Begin;
        Ok(walked.then(|| scratch.found()))
    }

    fn walk(&self, codes: &Codes, probe: Probe<'_>, ef: usize, scratch: &mut Scratch) -> Result<(), Stopped> {
        if scratch.stage == Stage::Begin {
            scratch.reset(self.rows as usize, ef.max(1), usize::MAX);
            let Some(entry) = self.entry else { return Ok(()) };
            scratch.stage = Stage::Down { row: entry.row, level: entry.level };
        }
        if let Stage::Down { mut row, mut level } = scratch.stage {
            while level > 0 {
                let reached = walk::descend(&self.links.higher(level), codes, probe, row, scratch);
                row = reached.map_err(|row| {
                    scratch.stage = Stage::Down { row, level };
                    Stopped
                })?;
                level -= 1;
            }
            scratch.begin(row);
            scratch.stage = Stage::Across;
        }
        walk::walk(&self.links.lowest(), codes, probe, scratch)
    }

    /// `false` unless nearly all rows are accepted, near the query as well.
    fn walk_nearly_all(
        &self,
        codes: &Codes,
        probe: Probe<'_>,
        ef: usize,
        filter: Filter<'_>,
        scratch: &mut Scratch,
    ) -> Result<bool, Stopped> {
        let rows = self.rows as usize;
        if rows.saturating_sub(filter.count).saturating_mul(NEARLY_ALL_SHARE) > rows {
            return Ok(false);
        }
        let expected = ef.saturating_mul(rows) / filter.count.max(1);
        self.walk(codes, probe, expected.saturating_add(NEARLY_ALL_MORE), scratch)?;
        scratch.pool.retain(|row| filter.accept.contains(row));
        let enough = scratch.pool.entries().len() >= filter.count.min(ef);
        // What follows begins anew, and if it stops it does not come here again.
        (scratch.stage, scratch.narrowed) = (Stage::Begin, !enough);
        Ok(enough)
    }

    fn walk_accepted(
        &self,
        codes: &Codes,
        probe: Probe<'_>,
        ef: usize,
        filter: Filter<'_>,
        scratch: &mut Scratch,
    ) -> Result<bool, Stopped> {
        let (count, budget) = match scratch.stage {
            Stage::Accepted { count, budget } => (count, budget),
            _ => {
                let rows = self.rows as usize;
                let wanted = (PROBED_ACCEPTED * rows).div_ceil(filter.count.max(1));
                let probed = wanted.min(filter.count / PROBE_SHARE).max(PROBED);
                self.walk(codes, probe, probed, scratch)?;
                let near = scratch.pool.entries().iter().filter(|entry| filter.accept.contains(pool::row(**entry)));
                let near: Vec<u64> = near.map(|entry| entry & !1).collect();
                if near.len() < PROBED_MIN {
                    return Ok(false);
                }
                // Where fewer are accepted near the query than elsewhere, the nearest accepted ones are further away, in a
                // shell that has more rows in it.
                let expected = (filter.count.min(rows) * probed).checked_div(rows).unwrap_or(0);
                let ef = ef + THINNER * expected.saturating_sub(near.len());
                scratch.reset(rows, ef, usize::MAX);
                for entry in near {
                    scratch.seen.insert(pool::row(entry));
                    scratch.pool.offer(entry);
                }
                let (count, budget) = (filter.count.min(ef), scratch.scored + filter.count / BUDGET_SHARE);
                scratch.stage = Stage::Accepted { count, budget };
                (count, budget)
            }
        };
        let within = walk::walk_accepted(&self.links.lowest(), codes, probe, filter.accept, budget, scratch)?;
        Ok(within && scratch.pool.entries().len() >= count)
    }
}

/// The best `keep` of the rows of a range, in the order of a search. All of them are scored, or those that are accepted.
///
/// # Errors
/// If something is missing: then of all those rows what is.
pub(crate) fn scan<'s>(
    codes: &Codes,
    query: &Query,
    rows: Range<u32>,
    accept: Option<&Mask>,
    keep: usize,
    scratch: &'s mut Scratch,
) -> Result<&'s [Candidate], Stopped> {
    scratch.scored = 0;
    scratch.reset(0, keep, usize::MAX);
    scan_more(codes, query, rows, accept, scratch)
}

/// As [`scan`], beside what the scratch has found so far: the best of both, as many as were to be kept.
///
/// # Errors
/// As [`scan`].
pub(crate) fn scan_more<'s>(
    codes: &Codes,
    query: &Query,
    rows: Range<u32>,
    accept: Option<&Mask>,
    scratch: &'s mut Scratch,
) -> Result<&'s [Candidate], Stopped> {
    let probe = query.probe();
    scratch.batch.clear();
    let end = (rows.end as usize).min(codes.len()) as u32;
    let mut at = rows.start;
    let mut there = true;
    while at < end {
        // What is accepted of one word.
        let (word, first) = (at / 64, at % 64);
        let next = (word + 1).saturating_mul(64).min(end);
        let bits = accept.map_or(u64::MAX, |accept| accept.word(word as usize));
        let mut bits = bits >> first << first;
        if next % 64 != 0 {
            bits &= (1 << (next % 64)) - 1;
        }
        while bits != 0 {
            let row = word * 64 + bits.trailing_zeros();
            if accept.is_some() {
                codes.prefetch(row);
            }
            scratch.batch.push(row);
            bits &= bits - 1;
        }
        if scratch.batch.len() >= AT_ONCE {
            there &= scratch.offer(codes, probe).is_ok();
            scratch.batch.clear();
        }
        at = next;
    }
    there &= scratch.offer(codes, probe).is_ok();
    if there { Ok(scratch.found()) } else { Err(Stopped) }
}

impl Scratch {
    fn found(&mut self) -> &[Candidate] {
        let Scratch { candidates, pool, .. } = self;
        candidates.clear();
        candidates.extend(pool.entries().iter().map(|e| Candidate { row: pool::row(*e), score: pool::score(*e) }));
        candidates
    }
}
