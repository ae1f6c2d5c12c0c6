//! Rows are taken in by batches: each row of a batch is searched for in the graph as it was before the batch and compared with
//! the rows before it in the batch, then links are written in the order of rows. The searches, and the choice among links
//! where there are too many, are tasks that do not depend on each other.

use super::{
    Entry, Graph,
    bits::contains,
    level::{batch_end, level},
    links::{self, NONE, filled},
    parallel::{Parallel, Sequential, tasks},
    pool::{ROW_MAX, entry, row},
    select::{Selector, ties},
    walk::{self, Scratch},
};
use crate::vector::code::int8::Codes;
use alloc::vec::Vec;
use core::ops::Range;

/// A piece of the work on a batch: what it works in, and what it found.
#[derive(Debug, Default)]
pub(crate) struct Task {
    pub(super) scratch: Scratch,
    pub(super) selector: Selector,
    /// Entries of the pool that did not come by a walk.
    pub(super) entries: Vec<u64>,
    /// Which part of the work it has.
    pub(super) part: Range<usize>,
    /// The rows that it made lists for, where that does not follow from its part.
    pub(super) rows: Vec<u32>,
    /// The lists that it made, one after another.
    pub(super) lists: Vec<u32>,
}

/// A batch that is being taken in. Its rows are searched for in as many calls as one likes.
pub(crate) struct Batch {
    /// How many rows the graph has, and is to have.
    from: u32,
    to: u32,
    rows: Vec<u32>,
    found: Found,
    tasks: Vec<Task>,
}

/// What was found for the first rows of a batch.
#[derive(Default)]
struct Found {
    rows: usize,
    /// For each row, for each of its levels from the lowest: a list of `m`.
    lists: Vec<u32>,
}

/// Rows that are searched for again at once.
const AGAIN_AT_ONCE: usize = 64;

/// Less work than this is not worth a thread.
pub(super) const PARALLEL_MIN: usize = 64;

impl Graph {
    /// Takes in the rows up to `up_to`, at most those that there are codes of. Without all pages it takes in none.
    #[cfg(test)]
    pub(crate) fn extend(&mut self, codes: &Codes, up_to: u32, parallel: &dyn Parallel) {
        while let Some(mut batch) = self.begin_batch(codes, up_to, parallel) {
            self.search_for(codes, &mut batch, usize::MAX, parallel);
            self.finish_batch(codes, batch, parallel);
        }
    }

    /// The next batch on the way to `up_to` rows, at most those that there are codes of. `None` if there is nothing to take in,
    /// or not without pages that are missing.
    pub(crate) fn begin_batch(&self, codes: &Codes, up_to: u32, parallel: &dyn Parallel) -> Option<Batch> {
        let up_to = (up_to as usize).min(codes.len()).min(ROW_MAX as usize) as u32;
        if self.rows >= up_to || !self.is_there() || !codes.are_there() {
            return None;
        }
        let (from, to) = (self.rows, batch_end(self.rows).min(up_to));
        let rows = (from..to).filter(|row| !contains(&self.removed, *row)).collect();
        Some(Batch { from, to, rows, found: Found::default(), tasks: tasks(parallel) })
    }

    /// Searches for at most `count` more rows of a batch, and returns whether these were the last ones.
    pub(crate) fn search_for(&self, codes: &Codes, batch: &mut Batch, count: usize, parallel: &dyn Parallel) -> bool {
        self.find_some(codes, &batch.rows, &mut batch.found, count, parallel, &mut batch.tasks);
        batch.found.rows == batch.rows.len()
    }

    /// Takes in a batch whose rows were all searched for, in this graph as it is now.
    pub(crate) fn finish_batch(&mut self, codes: &Codes, batch: Batch, parallel: &dyn Parallel) {
        let Batch { from, to, rows, found, mut tasks } = batch;
        debug_assert_eq!((from, found.rows), (self.rows, rows.len()), "a batch of another graph, or not whole");
        self.rows = to;
        self.links.grow(from..to);
        self.link(codes, &rows, &found.lists, parallel, &mut tasks);
        for row in rows {
            let level = level(row, self.params.m);
            if self.entry.is_none_or(|entry| entry.level < level) {
                self.entry = Some(Entry { row, level });
            }
        }
    }

    /// Searches again for rows that are in the graph already, ascending, and gives them the links that they would get as new.
    pub(super) fn insert_again(&mut self, codes: &Codes, rows: &[u32], parallel: &dyn Parallel, tasks: &mut [Task]) {
        for batch in rows.chunks(AGAIN_AT_ONCE) {
            let mut found = Found::default();
            self.find_some(codes, batch, &mut found, usize::MAX, parallel, tasks);
            self.link(codes, batch, &found.lists, parallel, tasks);
        }
    }

    fn find_some(
        &self,
        codes: &Codes,
        batch: &[u32],
        found: &mut Found,
        count: usize,
        parallel: &dyn Parallel,
        tasks: &mut [Task],
    ) {
        let from = found.rows;
        let count = count.min(batch.len() - from);
        share(tasks, count);
        parallel.each(tasks, &|task| {
            task.lists.clear();
            for at in task.part.clone() {
                self.find(codes, &batch[..from + at], batch[from + at], task);
            }
        });
        found.rows += count;
        tasks.iter().for_each(|task| found.lists.extend_from_slice(&task.lists));
    }

    /// Writes the lists that were found for the batch, and the links that come back.
    fn link(&mut self, codes: &Codes, batch: &[u32], lists: &[u32], parallel: &dyn Parallel, tasks: &mut [Task]) {
        let m = self.params.m;
        // For each level the links that come back, as target and source.
        let mut back: Vec<Vec<u64>> = Vec::new();
        let mut lists = lists.chunks_exact(m as usize);
        for row in batch {
            for (level, list) in (0..=level(*row, m)).zip(&mut lists) {
                links::write(self.links.list_mut(*row, level), filled(list));
                let at = usize::from(level);
                back.resize_with(back.len().max(at + 1), Vec::new);
                back[at].extend(filled(list).iter().map(|target| u64::from(*target) << 32 | u64::from(*row)));
            }
        }
        for (level, back) in back.iter_mut().enumerate() {
            back.sort_unstable();
            self.link_back(codes, level as u8, back, parallel, tasks);
        }
    }

    /// Finds the links of one row of a batch: for each of its levels, from the lowest, a list of `m`. `peers` are the rows
    /// before it in the batch.
    fn find(&self, codes: &Codes, peers: &[u32], new: u32, task: &mut Task) {
        let (m, ef) = (self.params.m as usize, self.params.ef_construction as usize);
        let own = level(new, self.params.m);
        let Task { scratch, selector, entries, lists, .. } = task;
        let at = lists.len();
        lists.resize(at + m * (usize::from(own) + 1), NONE);
        let probe = codes.row(new);
        scratch.batch.clear();
        scratch.batch.extend_from_slice(peers);
        let _whole = scratch.score(codes, probe);
        entries.clear();
        entries.extend(scratch.batch.iter().zip(&scratch.scores).map(|(peer, score)| entry(*score, *peer)));

        let top = self.entry.map_or(0, |entry| entry.level);
        let mut from = self.entry.map(|entry| entry.row);
        for on in (0..=own.max(top)).rev() {
            scratch.reset(self.rows as usize, ef, ties(m));
            if let Some(row) = &mut from
                && on <= top
            {
                *row = match on {
                    _ if on > own => {
                        let reached = walk::descend(&self.links.higher(on), codes, probe, *row, scratch);
                        reached.unwrap_or_else(|row| row)
                    }
                    0 => walk::nearest(&self.links.lowest(), codes, probe, *row, scratch),
                    _ => walk::nearest(&self.links.higher(on), codes, probe, *row, scratch),
                };
            }
            if on <= own {
                for peer in &*entries {
                    let peer_row = row(*peer);
                    if level(peer_row, self.params.m) >= on && !scratch.seen.contains(peer_row) {
                        scratch.pool.offer(*peer);
                    }
                }
                selector.select(codes, new, scratch.pool.entries(), m);
                links::write(&mut lists[at + m * usize::from(on)..][..m], &selector.rows);
            }
        }
    }

    /// Adds the links that come back to the lists of their targets, and chooses where there is no room. `back` is sorted.
    fn link_back(&mut self, codes: &Codes, level: u8, back: &[u64], parallel: &dyn Parallel, tasks: &mut [Task]) {
        let target = |pair: u64| (pair >> 32) as u32;
        let graph = &*self;
        share(tasks, back.len());
        // The links of one target belong to one task.
        for at in 1..tasks.len() {
            let mut cut = tasks[at].part.start.max(tasks[at - 1].part.start);
            while cut > 0 && cut < back.len() && target(back[cut]) == target(back[cut - 1]) {
                cut += 1;
            }
            tasks[at - 1].part.end = cut;
            tasks[at].part = cut..tasks[at].part.end.max(cut);
        }
        let work = |task: &mut Task| {
            task.lists.clear();
            for group in back[task.part.clone()].chunk_by(|a, b| target(*a) == target(*b)) {
                let row = target(group[0]);
                let list = filled(graph.links.list(row, level));
                task.scratch.batch.clear();
                task.scratch.batch.extend_from_slice(list);
                task.scratch.batch.extend(group.iter().map(|pair| *pair as u32).filter(|other| !list.contains(other)));
                graph.choose(codes, level, row, task);
            }
        };
        if back.len() < PARALLEL_MIN {
            Sequential.each(tasks, &work)
        } else {
            parallel.each(tasks, &work)
        }
        let places = self.links.places(level);
        let lists = tasks.iter().flat_map(|task| task.lists.chunks_exact(places));
        for (group, list) in back.chunk_by(|a, b| target(*a) == target(*b)).zip(lists) {
            self.links.list_mut(target(group[0]), level).copy_from_slice(list);
        }
    }

    /// Appends to the task the list of a row: of the rows of the batch all, or those that are chosen if there is no room.
    pub(super) fn choose(&self, codes: &Codes, level: u8, row: u32, task: &mut Task) {
        let Task { scratch, selector, entries, lists, .. } = task;
        let places = self.links.places(level);
        let at = lists.len();
        lists.resize(at + places, NONE);
        if scratch.batch.len() <= places {
            links::write(&mut lists[at..], &scratch.batch);
            return;
        }
        let _whole = scratch.score(codes, codes.row(row));
        entries.clear();
        entries.extend(scratch.batch.iter().zip(&scratch.scores).map(|(other, score)| entry(*score, *other)));
        entries.sort_unstable();
        entries.reverse();
        selector.select(codes, row, entries, places);
        links::write(&mut lists[at..], &selector.rows);
    }
}

/// Gives each task an equal part of so many pieces of work.
pub(super) fn share(tasks: &mut [Task], count: usize) {
    let each = count.div_ceil(tasks.len().max(1));
    for (at, task) in tasks.iter_mut().enumerate() {
        task.part = (at * each).min(count)..((at + 1) * each).min(count);
    }
}
