//! The index of one named vector: its rows, their codes, and a graph over the first of them.
//!
//! Rows are added at the end, as codes; the graph follows in batches, and rows behind it are scanned. A search takes the set
//! of rows that may be returned, and gives candidates by their codes, which are to be compared exactly.
//!
//! Invariant: codes and graph are functions of the rows, of the configuration and of how far the graph was extended.

use super::{
    Codes, IndexKind, Metric, VectorConfig,
    code::int8,
    flat::{self, Flat},
    hnsw::{self, Graph, Params, Scratch, parallel::Parallel},
    mask::Mask,
    rows::Rows,
    score::Query,
};
use crate::limits;
use alloc::vec::Vec;

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
    Bytes { codes: int8::Codes, graph: Graph },
}

/// What a search by codes found.
pub(crate) struct Found {
    pub(crate) by_graph: bool,
    /// Whether the scores are exact.
    pub(crate) exact: bool,
    /// Rows and scores by code: larger is nearer, unless they are exact.
    pub(crate) rows: Vec<(u32, f32)>,
}

impl Structure {
    pub(crate) fn new(layout: Layout) -> Structure {
        let codes = match layout.codes {
            // Signed bytes begin as floats: their centre is taken of the first rows.
            Codes::F32 | Codes::I8 | Codes::Auto => flat::Codes::F32,
            Codes::F16 => flat::Codes::F16,
            Codes::I4 => flat::Codes::I4,
            Codes::Binary => flat::Codes::Binary,
        };
        Structure { layout, rows: Kept::Flat(Flat::new(layout.dimension, layout.metric, codes)) }
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn len(&self) -> usize {
        match &self.rows {
            Kept::Flat(flat) => flat.len(),
            Kept::Bytes { codes, .. } => codes.len(),
        }
    }

    /// How many rows the graph reaches to.
    pub(crate) fn linked(&self) -> usize {
        match &self.rows {
            Kept::Flat(_) => 0,
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
            Kept::Bytes { codes, graph } => codes.bytes() + graph.bytes(),
        }
    }

    /// Adds a row of the layout's dimension.
    pub(crate) fn push(&mut self, row: &[f32]) {
        match &mut self.rows {
            Kept::Flat(flat) => {
                flat.push(row);
                if self.layout.codes == Codes::I8 && flat.len() >= flat::TRAINING_ROWS {
                    self.rows = self.bytes_of_floats();
                }
            }
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

    /// Takes up to about `rows` more rows into the graph.
    pub(crate) fn link(&mut self, rows: usize, parallel: &dyn Parallel) {
        if let Kept::Bytes { codes, graph } = &mut self.rows {
            let up_to = (graph.rows() as usize + rows).min(codes.len()) as u32;
            graph.extend(codes, hnsw::boundary(up_to), parallel);
        }
    }

    /// Whether a search is to follow the graph: it takes in nearly all rows, and few of them are left out.
    fn follows_graph(&self) -> bool {
        self.layout.graph && (self.len() - self.linked()) * UNLINKED_SHARE <= self.len() && self.linked() > 0
    }

    /// The `keep` best rows of a set by their codes, or more; `ef` is how many the graph follows.
    pub(crate) fn search(&self, query: &Query, mask: &Mask, keep: usize, ef: usize, scratch: &mut Scratch) -> Found {
        match &self.rows {
            Kept::Flat(flat) => {
                let found = flat.scan(query, Some(mask), keep);
                let rows = found.iter().map(|c| (c.row, c.score)).collect();
                Found { by_graph: false, exact: flat.is_exact(), rows }
            }
            Kept::Bytes { codes, graph } => {
                let probe = codes.query(query.vector());
                let mut best = Best::new(keep);
                let linked = self.linked();
                let mut by_graph = false;
                if self.follows_graph() {
                    let ef = ef.max(keep);
                    let all = mask.rows() >= linked && mask.first(linked) == linked;
                    let filter = hnsw::Filter {
                        accept: mask.words(),
                        count: mask.first(linked),
                        // A scan scores a row in a small part of the time that the graph takes for one.
                        budget: (linked / 4).max(4 * ef),
                    };
                    let found = graph.search(codes, &probe, ef, (!all).then_some(filter), scratch);
                    for candidate in found.unwrap_or_default() {
                        best.add(candidate.row, candidate.score);
                    }
                    by_graph = found.is_some();
                }
                let from = if by_graph { linked } else { 0 };
                scan(codes, &probe, mask, from as u32, &mut best);
                Found { by_graph, exact: false, rows: best.finish() }
            }
        }
    }
}

/// Scores the rows of a set from one on.
fn scan(codes: &int8::Codes, query: &int8::Query, mask: &Mask, from: u32, best: &mut Best) {
    let (mut batch, mut sums, mut scores) = (Vec::with_capacity(64), Vec::new(), Vec::new());
    let mut score = |batch: &mut Vec<u32>, best: &mut Best| {
        codes.scores(query.probe(), batch, &mut sums, &mut scores);
        batch.iter().zip(&scores).for_each(|(row, score)| best.add(*row, *score));
        batch.clear();
    };
    let len = codes.len() as u32;
    for row in mask.iter_from(from).take_while(|row| *row < len) {
        batch.push(row);
        if batch.len() == 64 {
            score(&mut batch, best);
        }
    }
    score(&mut batch, best);
}

/// The rows with the largest scores; of equal ones the first.
struct Best {
    keep: usize,
    least: f32,
    rows: Vec<(u32, f32)>,
}

fn nearest(a: &(u32, f32), b: &(u32, f32)) -> core::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

impl Best {
    fn new(keep: usize) -> Best {
        Best { keep: keep.max(1), least: f32::NEG_INFINITY, rows: Vec::new() }
    }

    #[inline]
    fn add(&mut self, row: u32, score: f32) {
        if score < self.least {
            return;
        }
        self.rows.push((row, score));
        if self.rows.len() >= 2 * self.keep + 64 {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.rows.len() > self.keep {
            self.rows.select_nth_unstable_by(self.keep - 1, nearest);
            self.rows.truncate(self.keep);
            self.least = self.rows.iter().map(|row| row.1).fold(f32::INFINITY, f32::min);
        }
    }

    fn finish(mut self) -> Vec<(u32, f32)> {
        self.shrink();
        self.rows.sort_unstable_by(nearest);
        self.rows
    }
}

/// The index of one named vector.
pub(crate) struct Index {
    pub(crate) dimension: usize,
    pub(crate) rows: Rows,
    /// The vectors of the last rows, which are not coded yet, one after the other.
    pub(crate) pending: Vec<f32>,
    /// Codes of the first rows; `None` while it is not known what to keep.
    pub(crate) structure: Option<Structure>,
    filters: Vec<Filtered>,
}

/// What a filter says of rows. A row is a version, so that never changes.
struct Filtered {
    /// The filter, as it stands for itself.
    filter: Vec<u8>,
    asked: Mask,
    taken: Mask,
}

impl Index {
    pub(crate) fn new(dimension: usize) -> Index {
        Index { dimension, rows: Rows::default(), pending: Vec::new(), structure: None, filters: Vec::new() }
    }

    pub(crate) fn bytes(&self) -> usize {
        let filters = self.filters.iter().map(|f| f.asked.bytes() + f.taken.bytes() + f.filter.len()).sum::<usize>();
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

    /// The rows of a set that a filter was not asked about yet.
    pub(crate) fn unasked(&mut self, filter: &[u8], mask: &Mask) -> Vec<u32> {
        let at = match self.filters.iter().position(|f| f.filter == filter) {
            Some(at) => at,
            None => {
                self.filters.truncate(limits::VECTOR_FILTERS_KEPT - 1);
                self.filters.push(Filtered { filter: filter.to_vec(), asked: Mask::none(0), taken: Mask::none(0) });
                self.filters.len() - 1
            }
        };
        // The one that was used last stands first.
        self.filters[..=at].rotate_right(1);
        let mut unasked = mask.clone();
        unasked.subtract(&self.filters[0].asked);
        unasked.iter().collect()
    }

    /// Keeps what a filter says of rows.
    pub(crate) fn answer(&mut self, filter: &[u8], answers: &[(u32, bool)]) {
        let rows = self.rows.len();
        let Some(filtered) = self.filters.iter_mut().find(|f| f.filter == filter) else { return };
        filtered.asked.grow(rows);
        filtered.taken.grow(rows);
        for &(row, taken) in answers {
            filtered.asked.insert(row);
            if taken {
                filtered.taken.insert(row);
            }
        }
    }

    /// Leaves in a set only the rows that a filter takes. `false` if it was not asked about all of them.
    pub(crate) fn filter(&self, filter: &[u8], mask: &mut Mask) -> bool {
        let Some(filtered) = self.filters.iter().find(|f| f.filter == filter) else { return false };
        let mut unasked = mask.clone();
        unasked.subtract(&filtered.asked);
        mask.intersect(&filtered.taken);
        unasked.count() == 0
    }
}
