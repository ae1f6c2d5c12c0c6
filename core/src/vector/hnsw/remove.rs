//! Rows leave the graph. Whoever linked to one of them chooses anew among the neighbours that are left and those behind the
//! removed ones (Singh, Subramanya, Krishnaswamy and Simhadri, "FreshDiskANN", 2021), so that the ways that led through it
//! stay. Who is left with few links is searched for as if it were new.
//!
//! Invariant: no list names a removed row, and the lists of removed rows are empty.

use super::{
    Entry, Graph,
    bits::{contains, insert},
    build::{Task, share},
    level::level,
    links::{NONE, filled},
    parallel::{Parallel, tasks},
};
use crate::vector::{code::int8::Codes, entry::sort_numbers};
use alloc::vec::Vec;

impl Graph {
    /// Removes rows, also such as it does not reach to yet. Their codes have to be there still. It reads every list once, so
    /// many rows at a time cost less than one by one. All pages have to be there.
    pub(crate) fn remove(&mut self, codes: &Codes, rows: &[u32], parallel: &dyn Parallel) {
        let new = |row: &&u32| (**row as usize) < codes.len() && !contains(&self.removed, **row);
        let mut leaving: Vec<u32> = rows.iter().filter(new).copied().collect();
        sort_numbers(&mut leaving);
        for row in &leaving {
            insert(&mut self.removed, *row);
        }
        leaving.retain(|row| *row < self.rows);
        let Some(entry) = self.entry.filter(|_| !leaving.is_empty()) else { return };
        let mut tasks = tasks(parallel);
        let mut poor = Vec::new();
        for on in 0..=entry.level {
            self.repair(codes, on, parallel, &mut tasks, &mut poor);
        }
        for row in &leaving {
            for on in 0..=level(*row, self.params.m) {
                self.links.list_mut(*row, on).fill(NONE);
            }
        }
        if contains(&self.removed, entry.row) {
            self.entry = self.highest();
        }
        sort_numbers(&mut poor);
        self.insert_again(codes, &poor, parallel, &mut tasks);
    }

    /// How many of its rows were removed.
    pub(crate) fn removed(&self) -> u32 {
        let (whole, rest) = (self.rows as usize / 64, self.rows % 64);
        let ones: u32 = self.removed.iter().take(whole).map(|word| word.count_ones()).sum();
        ones + self.removed.get(whole).map_or(0, |word| (word & ((1 << rest) - 1)).count_ones())
    }

    /// Gives new lists to the rows of a level that link to removed rows. Those that have few links then are added to `poor`.
    fn repair(&mut self, codes: &Codes, on: u8, parallel: &dyn Parallel, tasks: &mut [Task], poor: &mut Vec<u32>) {
        let graph = &*self;
        let higher: Vec<u32> = if on == 0 { Vec::new() } else { self.links.rows_on(on) };
        share(tasks, if on == 0 { self.rows as usize } else { higher.len() });
        parallel.each(tasks, &|task| {
            task.lists.clear();
            task.rows.clear();
            for at in task.part.clone() {
                let row = if on == 0 { at as u32 } else { higher[at] };
                let list = filled(graph.links.list(row, on));
                if !contains(&graph.removed, row) && list.iter().any(|other| contains(&graph.removed, *other)) {
                    graph.bypass(codes, on, row, task);
                }
            }
        });
        let places = self.links.places(on);
        for task in &*tasks {
            for (row, list) in task.rows.iter().zip(task.lists.chunks_exact(places)) {
                self.links.list_mut(*row, on).copy_from_slice(list);
                if filled(list).len() < places / POOR_SHARE {
                    poor.push(*row);
                }
            }
        }
    }

    /// Appends to the task the row and its new list: of the neighbours that are left, and of those that removed neighbours had.
    fn bypass(&self, codes: &Codes, on: u8, row: u32, task: &mut Task) {
        let batch = &mut task.scratch.batch;
        batch.clear();
        for neighbour in filled(self.links.list(row, on)) {
            if contains(&self.removed, *neighbour) {
                let behind = filled(self.links.list(*neighbour, on)).iter().copied();
                batch.extend(behind.filter(|other| *other != row && !contains(&self.removed, *other)));
            } else {
                batch.push(*neighbour);
            }
        }
        sort_numbers(batch);
        task.rows.push(row);
        self.choose(codes, on, row, task);
    }

    /// The first of the rows on the highest level that is left.
    pub(super) fn highest(&self) -> Option<Entry> {
        let mut best: Option<Entry> = None;
        for row in self.links.rows_on(1).into_iter().filter(|row| !contains(&self.removed, *row)) {
            let level = level(row, self.params.m);
            if best.is_none_or(|best| best.level < level) {
                best = Some(Entry { row, level });
            }
        }
        let lowest = || (0..self.rows).find(|row| !contains(&self.removed, *row)).map(|row| Entry { row, level: 0 });
        best.or_else(lowest)
    }
}

/// A row with fewer links than this part of its places is searched for again.
const POOR_SHARE: usize = 8;
