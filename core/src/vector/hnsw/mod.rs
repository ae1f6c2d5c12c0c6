//! A graph for approximate search: hierarchical navigable small worlds (Malkov and Yashunin, 2016) over rows as signed bytes.
//!
//! Invariant: the graph is a function of the rows, of where batches ended and of what was removed in between: the same bytes
//! with any number of threads and on every platform. Where every batch was asked for up to a [`boundary`], it does not even
//! depend on how many calls there were.

mod bits;
mod build;
mod level;
mod links;
pub(crate) mod parallel;
mod pool;
mod remove;
mod search;
mod select;
mod stored;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use build::Batch;
pub(crate) use level::boundary;
pub(crate) use search::{Candidate, Filter, scan, scan_more};
pub(crate) use walk::{Scratch, Stopped};

use crate::limits::{GRAPH_EF_CONSTRUCTION_MAX, GRAPH_LINKS_MAX};
use alloc::vec::Vec;
use links::Links;

/// How a graph is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Params {
    /// Links that a new row takes on each level. There is room for twice as many on the lowest, for those that come back.
    pub(crate) m: u32,
    /// How many of the nearest rows it chooses from.
    pub(crate) ef_construction: u32,
}

impl Params {
    const M: core::ops::RangeInclusive<u32> = 2..=GRAPH_LINKS_MAX;
    const EF: core::ops::RangeInclusive<u32> = 1..=GRAPH_EF_CONSTRUCTION_MAX;

    /// Whether a graph can be built with them.
    pub(crate) fn are_valid(&self) -> bool {
        Self::M.contains(&self.m) && Self::EF.contains(&self.ef_construction)
    }
}

impl Default for Params {
    fn default() -> Self {
        Params { m: 16, ef_construction: 200 }
    }
}

/// Where walks begin: the first of the rows on the highest level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    row: u32,
    level: u8,
}

/// The graph. Its rows are those of [`Codes`](super::code::int8::Codes), which it is given with every call.
#[derive(Clone)]
pub(crate) struct Graph {
    params: Params,
    rows: u32,
    links: Links,
    entry: Option<Entry>,
    /// Rows that were removed, as bits.
    removed: Vec<u64>,
}

impl Graph {
    /// No rows yet. Parameters are brought into their ranges: `m` is at least 2, `ef_construction`
    /// at least 1, both at most what `limits` says.
    pub(crate) fn new(params: Params) -> Graph {
        let params = Params {
            m: params.m.clamp(*Params::M.start(), *Params::M.end()),
            ef_construction: params.ef_construction.clamp(*Params::EF.start(), *Params::EF.end()),
        };
        Graph { params, rows: 0, links: Links::new(params.m), entry: None, removed: Vec::new() }
    }

    /// How many rows it reaches to. Those that follow are not found by it.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    pub(crate) fn params(&self) -> Params {
        self.params
    }

    /// Bytes of memory that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.links.bytes() + self.removed.capacity() * size_of::<u64>()
    }
}
