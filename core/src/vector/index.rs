//! The index of one named vector: its rows, their codes, and a graph over the first of them.
//!
//! Rows are added at the end, as codes; the graph follows in batches, and rows behind it are scanned. A search takes the set
//! of rows that may be returned, and gives candidates by their codes, which are to be compared exactly.
//!
//! Invariant: codes and graph are functions of the rows, of the configuration and of how far the graph was extended.

mod stored;

pub(crate) use stored::Unread;

use super::{
    Codes, IndexKind, Metric, VectorConfig,
    code::int8,
    entry,
    flat::{self, Candidate, Flat},
    hnsw::{self, Batch, Graph, Params, Scratch, Stopped, parallel::Parallel},
    mask::{Counted, Mask},
    rows::Rows,
    score::Query,
};
use crate::{
    limits,
    sync::{Mutex, RwLock},
};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

/// Rows from which `auto` chooses the graph: where it is quicker than a scan of codes, with room.
pub(crate) const AUTO_GRAPH_ROWS: usize = 250_000;

/// Dimension from which `auto` chooses 4-bit codes: a row of fewer numbers is small as it is.
const AUTO_CODES_DIMENSION: usize = 16;

/// The part of the rows that may stand behind the graph for it to be followed: they are scanned.
const UNLINKED_SHARE: usize = 8;

/// What is kept of the rows, as a configuration and the number of rows say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) dimension: usize,
    pub(crate) metric: Metric,
    pub(crate) codes: Codes,
    pub(crate) graph: bool,
}

impl Layout {
    /// What a configuration means for so many rows.
    pub(crate) fn of(config: &VectorConfig, rows: usize) -> Layout {
        let follows = matches!(config.codes, Codes::Auto | Codes::I8) && rows >= AUTO_GRAPH_ROWS;
        let graph = config.index == IndexKind::Hnsw || (config.index == IndexKind::Auto && follows);
        let codes = match config.codes {
            _ if graph => Codes::I8,
            Codes::Auto if config.dimension < AUTO_CODES_DIMENSION => Codes::F32,
            Codes::Auto => Codes::I4,
            codes => codes,
        };
        Layout { dimension: config.dimension, metric: config.metric, codes, graph }
    }
}

/// Codes of rows, and the graph.
#[derive(Clone)]
pub(crate) struct Structure {
    layout: Layout,
    rows: Kept,
}

#[derive(Clone)]
enum Kept {
    Flat(Flat),
    /// What is flat in a file, until it is needed.
    Unread(flat::Unread),
    Bytes {
        codes: int8::Codes,
        graph: Graph,
    },
}

/// What a search by codes found.
pub(crate) struct Found {
    pub(crate) by_graph: bool,
    /// Whether the scores are exact.
    pub(crate) exact: bool,
    /// The best by code first.
    pub(crate) rows: Vec<Candidate>,
}

impl Structure {
    pub(crate) fn new(layout: Layout) -> Structure {
        Structure { layout, rows: Kept::Flat(Flat::new(layout.dimension, layout.metric, flat_codes(layout.codes))) }
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn len(&self) -> usize {
        match &self.rows {
            Kept::Flat(flat) => flat.len(),
            Kept::Unread(unread) => unread.len,
            Kept::Bytes { codes, .. } => codes.len(),
        }
    }

    /// How many rows the graph reaches to.
    pub(crate) fn linked(&self) -> usize {
        match &self.rows {
            Kept::Flat(_) | Kept::Unread(_) => 0,
            Kept::Bytes { graph, .. } => graph.rows() as usize,
        }
    }

    /// Rows that the graph is still to take in.
    pub(crate) fn unlinked(&self) -> usize {
        match &self.rows {
            Kept::Bytes { codes, graph } if self.layout.graph => {
                (hnsw::boundary(codes.len() as u32) as usize).saturating_sub(graph.rows() as usize)
            }
            _ => 0,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match &self.rows {
            Kept::Flat(flat) => flat.bytes(),
            Kept::Unread(unread) => unread.bytes,
            Kept::Bytes { codes, graph } => codes.bytes() + graph.bytes(),
        }
    }

    /// Adds a row of the layout's dimension. To what is unread none is added: whoever counts them sees it.
    pub(crate) fn push(&mut self, row: &[f32]) {
        match &mut self.rows {
            Kept::Flat(flat) => {
                flat.push(row);
                if self.layout.codes == Codes::I8 && flat.len() >= flat::TRAINING_ROWS {
                    self.rows = self.bytes_of_floats();
                }
            }
            Kept::Unread(_) => {}
            Kept::Bytes { codes, .. } => codes.push(row),
        }
    }

    /// The rows that were kept as floats so far, as signed bytes.
    fn bytes_of_floats(&self) -> Kept {
        let Kept::Flat(flat) = &self.rows else { return self.rows.clone() };
        let floats = || (0..flat.len() as u32).filter_map(|row| flat.row(row));
        let centre = int8::centre(self.layout.dimension, floats());
        let mut codes = int8::Codes::new(self.layout.metric, self.layout.dimension, &centre);
        floats().for_each(|row| codes.push(row));
        Kept::Bytes { codes, graph: Graph::new(Params::default()) }
    }

    /// The next batch of rows for the graph to take in; `None` if there is none, or pages are missing.
    pub(crate) fn begin_batch(&self, parallel: &dyn Parallel) -> Option<Batch> {
        match &self.rows {
            Kept::Bytes { codes, graph } if self.layout.graph => {
                graph.begin_batch(codes, hnsw::boundary(codes.len() as u32), parallel)
            }
            _ => None,
        }
    }

    /// Searches for at most `rows` more rows of a batch, and returns whether it can be finished.
    pub(crate) fn search_for(&self, batch: &mut Batch, rows: usize, parallel: &dyn Parallel) -> bool {
        match &self.rows {
            Kept::Bytes { codes, graph } => graph.search_for(codes, batch, rows, parallel),
            _ => true,
        }
    }

    /// Takes in a batch that was searched for.
    pub(crate) fn finish_batch(&mut self, batch: Batch, parallel: &dyn Parallel) {
        if let Kept::Bytes { codes, graph } = &mut self.rows {
            graph.finish_batch(codes, batch, parallel);
        }
    }

    /// Whether a search is to follow the graph: it takes in nearly all rows, and few of them are left out.
    pub(crate) fn follows_graph(&self) -> bool {
        self.layout.graph && (self.len() - self.linked()) * UNLINKED_SHARE <= self.len() && self.linked() > 0
    }

    /// The `keep` best rows of a set by their codes, or more; `ef` is how many the graph follows.
    ///
    /// # Errors
    /// If something is missing: pages, or the codes as a whole. The same call goes on once it is there.
    pub(crate) fn search(
        &self,
        query: &Query,
        mask: &Counted,
        keep: usize,
        ef: usize,
        scratch: &mut Scratch,
    ) -> Result<Found, Stopped> {
        let found = match &self.rows {
            Kept::Unread(_) => return Err(Stopped),
            Kept::Flat(flat) => {
                Found { by_graph: false, exact: flat.is_exact(), rows: flat.scan(query, Some(mask), keep) }
            }
            Kept::Bytes { codes, graph } => {
                let probe = codes.query(query.vector());
                let (linked, len) = (self.linked() as u32, codes.len() as u32);
                let mut by_graph = false;
                if self.follows_graph() {
                    // Few rows stand behind the graph: those are counted and not the many in it.
                    let count = mask.count() - mask.count_from(linked as usize);
                    let filter = hnsw::Filter { accept: mask, count };
                    let filter = (count < linked as usize).then_some(filter);
                    by_graph = graph.search(codes, &probe, ef.max(keep), filter, scratch)?.is_some();
                }
                let found = match by_graph {
                    true => hnsw::scan_more(codes, &probe, linked..len, Some(mask), scratch)?,
                    false => hnsw::scan(codes, &probe, 0..len, Some(mask), keep, scratch)?,
                };
                let candidate = |&hnsw::Candidate { row, score }: &_| Candidate {
                    row,
                    score,
                    at_best: codes.at_best(&probe, row, score),
                };
                let rows = found.iter().take(keep).map(candidate).collect();
                Found { by_graph, exact: false, rows }
            }
        };
        Ok(found)
    }
}

/// How many of the best by code are to be compared exactly, for the nearest `k` to be among them.
pub(crate) fn keep(codes: Codes, k: usize) -> usize {
    match codes {
        Codes::I8 => k + k / 2 + 10,
        codes => flat_codes(codes).keep(k),
    }
}

/// How rows begin to be kept. Signed bytes begin as floats: their centre is taken of the first rows.
fn flat_codes(codes: Codes) -> flat::Codes {
    match codes {
        Codes::F32 | Codes::I8 | Codes::Auto => flat::Codes::F32,
        Codes::F16 => flat::Codes::F16,
        Codes::I4 => flat::Codes::I4,
        Codes::Binary => flat::Codes::Binary,
    }
}

/// Numbers of indexes that were made.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The index of one named vector.
pub(crate) struct Index {
    /// No other one of this process has it: what is cached of the rows goes by it.
    pub(crate) number: u64,
    pub(crate) dimension: usize,
    pub(crate) rows: Rows,
    /// The vectors of the last rows, which are not coded yet, one after the other.
    pub(crate) pending: Vec<f32>,
    /// Codes of the first rows; `None` while it is not known what to keep.
    pub(crate) structure: Option<Structure>,
    /// The configuration as of a sequence of commits.
    config: RwLock<Option<(u64, VectorConfig)>>,
    filters: Mutex<Vec<Filtered>>,
    masks: Mutex<Vec<Shown>>,
}

/// The rows that are alive after so many own commits, and not among so many shared ones. That never changes.
#[derive(Debug)]
struct Shown {
    cutoff: u32,
    shared: usize,
    rows: Counted,
}

/// What a filter says of rows. A row is a version, so that never changes.
struct Filtered {
    /// The filter, as it stands for itself.
    filter: Vec<u8>,
    asked: Mask,
    taken: Mask,
    /// The last set that it was wholly asked about, and what it takes of it: a search is often followed by one at the same
    /// moment.
    last: Option<[Counted; 2]>,
}

impl Index {
    pub(crate) fn new(dimension: usize) -> Index {
        let (rows, pending, config, filters, masks) = Default::default();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Index { number, dimension, rows, pending, structure: None, config, filters, masks }
    }

    /// The configuration, if it is known as of this sequence.
    pub(crate) fn config(&self, sequence: u64) -> Option<VectorConfig> {
        self.config.read().filter(|(of, _)| *of == sequence).map(|(_, config)| config)
    }

    /// Keeps the configuration as of a sequence.
    pub(crate) fn keep_config(&self, sequence: u64, config: VectorConfig) {
        *self.config.write() = Some((sequence, config));
    }

    /// The rows that are alive after so many own commits, as far as they are not shared or expired.
    pub(crate) fn alive(&self, cutoff: u32) -> Counted {
        let shared = self.rows.shared().len();
        let mut masks = self.masks.lock();
        match masks.iter().position(|shown| (shown.cutoff, shown.shared) == (cutoff, shared)) {
            Some(at) => masks[..=at].rotate_right(1),
            None => {
                masks.truncate(limits::VECTOR_MASKS_KEPT - 1);
                masks.insert(0, Shown { cutoff, shared, rows: Counted::new(self.rows.alive(cutoff)) });
            }
        }
        masks[0].rows.clone()
    }

    pub(crate) fn bytes(&self) -> usize {
        let of_filter = |f: &Filtered| {
            let last = f.last.as_ref().map_or(0, |[_, taken]| taken.bytes());
            f.asked.bytes() + f.taken.bytes() + f.filter.len() + last
        };
        let filters = self.filters.lock().iter().map(of_filter).sum::<usize>();
        self.rows.bytes() + self.pending.capacity() * 4 + filters + self.structure.as_ref().map_or(0, Structure::bytes)
    }

    /// Codes the rows that are not coded yet, as a configuration says. `false` if what is there was made for another one:
    /// it has to be made anew.
    pub(crate) fn encode(&mut self, config: &VectorConfig) -> bool {
        let layout = Layout::of(config, self.rows.len());
        let coded = self.structure.as_ref().map_or(0, Structure::len);
        let whole = coded * layout.dimension + self.pending.len() == self.rows.len() * layout.dimension;
        if !whole {
            self.pending = Vec::new();
            return false;
        }
        let structure = self.structure.get_or_insert_with(|| Structure::new(layout));
        let fits = structure.layout.dimension == layout.dimension;
        if fits {
            self.pending.chunks_exact(layout.dimension).for_each(|row| structure.push(row));
        }
        self.pending = Vec::new();
        fits && structure.layout == layout
    }

    /// The structure, if it has all rows and was made for this configuration.
    pub(crate) fn ready(&self, config: &VectorConfig) -> Option<&Structure> {
        let layout = Layout::of(config, self.rows.len());
        self.structure.as_ref().filter(|s| s.len() == self.rows.len() && s.layout == layout)
    }

    /// The rows of a set that a filter is known to take, and those that it was not asked about yet.
    pub(crate) fn filter(&self, filter: &[u8], set: &Counted) -> (Counted, Vec<u32>) {
        let mut filters = self.filters.lock();
        let at = match filters.iter().position(|f| f.filter == filter) {
            Some(at) => at,
            None => {
                filters.truncate(limits::VECTOR_FILTERS_KEPT - 1);
                let (asked, taken) = (Mask::none(0), Mask::none(0));
                filters.push(Filtered { filter: filter.to_vec(), asked, taken, last: None });
                filters.len() - 1
            }
        };
        // The one that was used last stands first.
        filters[..=at].rotate_right(1);
        let filtered = &mut filters[0];
        if let Some([_, taken]) = filtered.last.as_ref().filter(|[of, _]| of.is(set)) {
            return (taken.clone(), Vec::new());
        }
        let taken = Counted::new(set.and(&filtered.taken));
        let unasked: Vec<u32> = set.without(&filtered.asked).iter().collect();
        if unasked.is_empty() {
            filtered.last = Some([set.clone(), taken.clone()]);
        }
        (taken, unasked)
    }

    /// Keeps what a filter says of rows.
    pub(crate) fn answer(&self, filter: &[u8], answers: &[(u32, bool)]) {
        let rows = self.rows.len();
        let mut filters = self.filters.lock();
        let Some(filtered) = filters.iter_mut().find(|f| f.filter == filter) else { return };
        filtered.asked.grow(rows);
        filtered.taken.grow(rows);
        for &(row, taken) in answers {
            filtered.asked.insert(row);
            if taken {
                filtered.taken.insert(row);
            }
        }
    }
}
