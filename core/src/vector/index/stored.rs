//! An index as arrays of a file: which there are, in which order, and which of them are read when.
//!
//! A short description says how long they are; then come the arrays of the rows, and of the structure. What every search needs
//! is read at once. Codes that are scanned are read as a whole by the first search that scans them, and what a graph touches
//! page by page.
//!
//! Invariant: whatever a file holds, an index of it that was checked can be used; with the bytes that were written it is the
//! one that was written.

use super::{Codes, Index, Kept, Layout, Metric, Structure, flat_codes};
use crate::{
    codec::{cursor::Cursor, varint::write_u64},
    limits,
    vector::{
        code::int8,
        flat::{self, Flat},
        hnsw::Graph,
        paged::{Array, ArrayMut, Paging},
        rows::Rows,
    },
};
use alloc::vec::Vec;

/// When this part of the pages of codes and graph was read, the others will be too: searches touch rows all over.
const READ_SHARE: usize = 4;

/// Flat codes that are still in a file: what they are to be read to.
pub(crate) struct Unread {
    /// The first page of their arrays.
    pub(crate) first: u32,
    flat: Flat,
}

impl Unread {
    /// The arrays, in the order in which they lie in the file.
    pub(crate) fn arrays_mut(&mut self) -> Vec<ArrayMut<'_>> {
        let mut arrays = Vec::new();
        self.flat.arrays_mut(&mut arrays);
        arrays
    }
}

/// Numbers of the kinds of structures in a file.
const NONE: u8 = 0;
const FLAT: u8 = 1;
const GRAPH: u8 = 2;

impl Index {
    /// The structure, as far as it goes into a file: codes that lag behind the rows are made anew.
    fn stored(&self) -> Option<&Structure> {
        self.structure.as_ref().filter(|structure| structure.len() == self.rows.len())
    }

    /// Appends what is to be known before the arrays are read.
    pub(crate) fn describe(&self, out: &mut Vec<u8>) {
        write_u64(out, self.dimension as u64);
        self.rows.describe(out);
        let Some(structure) = self.stored() else { return out.push(NONE) };
        let Layout { metric, codes, graph, .. } = structure.layout;
        let place = Codes::ALL.iter().position(|each| *each == codes).unwrap_or_default();
        let kind = if let Kept::Bytes { .. } = structure.rows { GRAPH } else { FLAT };
        out.extend_from_slice(&[kind, metric.number(), place as u8, u8::from(graph)]);
        if let Kept::Bytes { graph, .. } = &structure.rows {
            graph.describe(out);
        }
    }

    /// An index whose arrays are to be read, from pages that come next. `None` if the file cannot have it.
    pub(crate) fn open(input: &mut Cursor<'_>, paging: &mut Paging) -> Option<Index> {
        let dimension = input.length(limits::VECTOR_DIMENSION_MAX).filter(|dimension| *dimension > 0)?;
        let mut index = Index::new(dimension);
        index.rows = Rows::open(input, paging)?;
        let kind = input.u8()?;
        if kind == NONE {
            return Some(index);
        }
        let metric = Metric::from_number(input.u8()?)?;
        let codes = *Codes::ALL.get(usize::from(input.u8()?))?;
        let graph = input.u8().filter(|flag| *flag < 2)? == 1;
        let layout = Layout { dimension, metric, codes, graph };
        let len = index.rows.len();
        let rows = match kind {
            FLAT => Kept::Unread(flat::Unread::open(dimension, metric, flat_codes(codes), len, paging)?),
            GRAPH if codes == Codes::I8 => {
                let codes = int8::Codes::open(metric, dimension, len, paging)?;
                Kept::Bytes { codes, graph: Graph::open(input, len, paging)? }
            }
            _ => return None,
        };
        index.structure = Some(Structure { layout, rows });
        Some(index)
    }

    /// The arrays, in the order in which they lie in the file. Everything has to be there.
    pub(crate) fn arrays(&self) -> Vec<Array<'_>> {
        let mut arrays = Vec::new();
        self.rows.arrays(&mut arrays);
        match self.stored().map(|structure| &structure.rows) {
            Some(Kept::Flat(flat)) => flat.arrays(&mut arrays),
            Some(Kept::Bytes { codes, graph }) => {
                codes.arrays(&mut arrays);
                graph.arrays(&mut arrays);
            }
            Some(Kept::Unread(_)) | None => {}
        }
        arrays
    }

    /// The same, to be read; without codes that are read as a whole when they are needed.
    pub(crate) fn arrays_mut(&mut self) -> Vec<ArrayMut<'_>> {
        let mut arrays = Vec::new();
        self.rows.arrays_mut(&mut arrays);
        if let Some(Structure { rows: Kept::Bytes { codes, graph }, .. }) = &mut self.structure {
            codes.arrays_mut(&mut arrays);
            graph.arrays_mut(&mut arrays);
        }
        arrays
    }

    /// Whether what is read at once is sound; then the index can be used.
    pub(crate) fn check(&mut self) -> bool {
        let rows = self.rows.check();
        rows && match self.structure.as_mut().map(|structure| &mut structure.rows) {
            Some(Kept::Bytes { codes, graph }) => codes.check() && graph.check(codes.len()),
            Some(Kept::Flat(_) | Kept::Unread(_)) | None => true,
        }
    }

    /// Takes in a page of the file. `false` if it is not sound; one that is not missing is passed over.
    pub(crate) fn take_in(&mut self, page: u32, bytes: &[u8]) -> bool {
        if let Some(sound) = self.rows.take_in(page, bytes) {
            return sound;
        }
        match self.structure.as_mut().map(|structure| &mut structure.rows) {
            Some(Kept::Bytes { codes, graph }) => {
                codes.take_in(page, bytes) || graph.take_in(page, bytes) != Some(false)
            }
            Some(Kept::Flat(_) | Kept::Unread(_)) | None => true,
        }
    }

    /// Adds all missing pages.
    pub(crate) fn need_all(&self, out: &mut Vec<u32>) {
        self.rows.need_places(out);
        self.rows.need_keys(out);
        if let Some(Structure { rows: Kept::Bytes { codes, graph }, .. }) = &self.structure {
            codes.need_all(out);
            graph.need_all(out);
        }
    }

    /// Whether nothing is missing.
    pub(crate) fn is_there(&self) -> bool {
        let structure = match self.structure.as_ref().map(|structure| &structure.rows) {
            Some(Kept::Bytes { codes, graph }) => codes.are_there() && graph.is_there(),
            Some(Kept::Unread(_)) => false,
            Some(Kept::Flat(_)) | None => true,
        };
        structure && self.rows.are_there()
    }

    /// Whether so much of codes and graph was read that the rest is to be read as well: a search that has to look for pages
    /// takes longer, and large pages of memory are made only of what is whole.
    pub(crate) fn wants_rest(&self) -> bool {
        let Some(Structure { rows: Kept::Bytes { codes, graph }, .. }) = &self.structure else { return false };
        let (codes, graph) = (codes.pages(), graph.pages());
        let (missing, all) = (codes.0 + graph.0, codes.1 + graph.1);
        missing > 0 && (all - missing) * READ_SHARE >= all
    }

    /// Flat codes that are still in the file.
    pub(crate) fn unread(&self) -> Option<Unread> {
        match &self.structure.as_ref()?.rows {
            Kept::Unread(unread) => Some(Unread { first: unread.first, flat: unread.make() }),
            _ => None,
        }
    }

    /// Takes in flat codes that were read. `false` if they are not sound.
    pub(crate) fn take_in_flat(&mut self, read: Unread) -> bool {
        if let Some(Structure { rows, .. }) = &mut self.structure
            && let Kept::Unread(unread) = rows
            && unread.first == read.first
        {
            if !read.flat.check() {
                return false;
            }
            *rows = Kept::Flat(read.flat);
        }
        true
    }
}
