//! Promises of the graph, each on small sets of clustered rows with fixed seeds.

mod building;
mod change;
mod damage;
mod filter;

use super::*;
use crate::{
    codec::{cursor::Cursor, varint::write_u64},
    vector::{
        code::int8::{self, Codes},
        mask::Mask,
        metric::Metric,
        paged::{PAGE, Paging, files},
        score::{self, score},
    },
};
use alloc::vec::Vec;
use parallel::{Parallel, Sequential};

const DIMENSION: usize = 24;

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let mixed = (self.0 >> 33 ^ self.0).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed >> 32 ^ mixed
    }

    /// From -1 to 1, the middle more often than the ends.
    fn float(&mut self) -> f32 {
        (0..4).map(|_| (self.next() % 20_001) as f32 / 10_000.0 - 1.0).sum::<f32>() / 4.0
    }
}

/// Rows in clusters, and queries like them.
struct Set {
    metric: Metric,
    rows: Vec<Vec<f32>>,
    /// The cluster of each row.
    clusters: Vec<usize>,
    queries: Vec<Vec<f32>>,
}

impl Set {
    fn new(metric: Metric, count: usize) -> Set {
        let mut random = Random(7);
        let middles: Vec<Vec<f32>> = (0..40).map(|_| (0..DIMENSION).map(|_| random.float()).collect()).collect();
        let mut row =
            |cluster: usize| -> Vec<f32> { middles[cluster].iter().map(|x| x + 0.8 * random.float()).collect() };
        let clusters: Vec<usize> = (0..count).map(|at| (at * at + at / 7) % 40).collect();
        let rows = clusters.iter().map(|cluster| row(*cluster)).collect();
        let queries = (0..100).map(|at| row(at % 40)).collect();
        Set { metric, rows, clusters, queries }
    }

    fn codes(&self) -> Codes {
        let centre = int8::centre(DIMENSION, self.rows.iter().map(Vec::as_slice));
        let mut codes = Codes::new(self.metric, DIMENSION, &centre);
        self.rows.iter().for_each(|row| codes.push(row));
        codes
    }

    fn graph(&self, codes: &Codes) -> Graph {
        let mut graph = Graph::new(Params { m: 12, ef_construction: 100 });
        graph.extend(codes, codes.len() as u32, &Sequential);
        graph
    }

    /// The best ten of some rows, exactly.
    fn best(&self, query: &[f32], rows: impl Iterator<Item = u32>) -> Vec<u32> {
        let query = score::Query::new(self.metric, query);
        let mut scored: Vec<(f32, u32)> = rows.map(|row| (score(&query, &self.rows[row as usize]), row)).collect();
        scored.sort_by(|a, b| self.metric.better(a.0, b.0).then(a.1.cmp(&b.1)));
        scored.into_iter().take(10).map(|(_, row)| row).collect()
    }

    /// Which part of the best ten of the accepted rows is among what was found, after the exact scores of the best 30 candidates.
    fn recall(&self, accepted: &[u32], mut search: impl FnMut(&[f32]) -> Vec<Candidate>) -> f64 {
        let (mut hits, mut all) = (0, 0);
        for query in &self.queries {
            let truth = self.best(query, accepted.iter().copied());
            let found = search(query);
            let found = self.best(query, found.iter().take(30).map(|candidate| candidate.row));
            all += truth.len();
            hits += truth.iter().filter(|row| found.contains(row)).count();
        }
        f64::from(hits as u32) / f64::from(all.max(1) as u32)
    }
}

/// The recall of a graph over the rows that were not removed.
fn recall(set: &Set, codes: &Codes, graph: &Graph, live: &[u32], ef: usize) -> f64 {
    let mut scratch = Scratch::default();
    set.recall(live, |query| {
        let found = graph.search(codes, &codes.query(query), ef, None, &mut scratch).unwrap().unwrap().to_vec();
        assert!(found.is_sorted_by(|a, b| a.score > b.score || a.score == b.score && a.row < b.row));
        assert!(found.iter().all(|candidate| live.binary_search(&candidate.row).is_ok()), "a row that is not there");
        found
    })
}

/// What a file has of a graph: its description, and its pages.
fn bytes_of(graph: &Graph) -> (Vec<u8>, Vec<u8>) {
    let (mut description, mut arrays) = (Vec::new(), Vec::new());
    graph.describe(&mut description);
    graph.arrays(&mut arrays);
    (description, files::written(&arrays))
}

/// A graph of which only what is read at once is there, if that is sound.
fn opened((description, pages): &(Vec<u8>, Vec<u8>), codes: usize) -> Option<Graph> {
    let mut input = Cursor::new(description);
    let mut paging = files::paging(pages);
    let mut graph = Graph::open(&mut input, codes, &mut paging)?;
    if !input.is_empty() || !paging.is_used_up() {
        return None;
    }
    let mut arrays = Vec::new();
    graph.arrays_mut(&mut arrays);
    files::read(arrays, pages);
    graph.check(codes).then_some(graph)
}

/// A graph that is read as a whole, if it is sound.
fn read(bytes: &(Vec<u8>, Vec<u8>), codes: usize) -> Option<Graph> {
    let mut graph = opened(bytes, codes)?;
    let sound = files::pages(&bytes.1).all(|(page, bytes)| graph.take_in(page, bytes) != Some(false));
    assert!(!sound || graph.is_there());
    sound.then_some(graph)
}

/// As many tasks as several threads would have, run from the last to the first.
struct Backwards(usize);

impl Parallel for Backwards {
    fn width(&self) -> usize {
        self.0
    }

    fn each(&self, tasks: &mut [build::Task], work: &(dyn Fn(&mut build::Task) + Sync)) {
        tasks.iter_mut().rev().for_each(work);
    }
}
