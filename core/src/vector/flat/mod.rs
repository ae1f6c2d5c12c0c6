//! Rows in the order in which they came, compared one after the other: no build, no structure, every row is looked at.
//!
//! Invariant: what is kept and what a scan returns are functions of the rows, their order and the query alone.

mod best;
mod coded;
mod exact;
mod stored;
#[cfg(test)]
mod tests;

use crate::vector::{mask::Mask, metric::Metric, score::Query};
use alloc::vec::Vec;
use coded::Coded;
use exact::Exact;
pub(crate) use stored::Unread;

/// Rows from which a centre is computed. Until there are as many, they are kept as they are.
pub(crate) const TRAINING_ROWS: usize = 1024;

/// How rows are kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Codes {
    /// As they are: 32 bits a component.
    F32,
    /// 16 bits a component.
    F16,
    /// 4 bits a component.
    I4,
    /// 1 bit a component.
    Binary,
}

impl Codes {
    #[cfg(test)]
    pub(crate) const ALL: &'static [Codes] = &[Codes::F32, Codes::F16, Codes::I4, Codes::Binary];

    /// How many rows a scan has to keep so that the best `k` are among them: 0.999 of the best 10 and 100, on each of three
    /// sets of 100,000 to 1,000,000 rows. Of binary codes it is 0.998 on the kindest of them, and 0.76 on another.
    pub(crate) const fn keep(self, k: usize) -> usize {
        match self {
            Codes::F32 => k,
            Codes::F16 => k.saturating_add(k / 8 + 4),
            Codes::I4 => k.saturating_mul(4).saturating_add(160),
            Codes::Binary => k.saturating_mul(16).saturating_add(240),
        }
    }
}

/// A row that was found, and its score: exact if rows are kept as they are, else approximate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) row: u32,
    pub(crate) score: f32,
    /// The exact score is hardly ever better than this: a row needs no rescoring once there are enough that are better.
    pub(crate) at_best: f32,
}

/// Rows of vectors.
#[derive(Clone, Debug)]
pub(crate) struct Flat {
    dimension: usize,
    metric: Metric,
    codes: Codes,
    rows: Rows,
}

#[derive(Clone, Debug)]
enum Rows {
    Exact(Exact),
    Coded(Coded),
}

impl Flat {
    /// No rows yet, of a dimension from 1 to `limits::VECTOR_DIMENSION_MAX`.
    pub(crate) fn new(dimension: usize, metric: Metric, codes: Codes) -> Flat {
        Flat { dimension, metric, codes, rows: Rows::Exact(Exact::new(dimension, metric)) }
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn metric(&self) -> Metric {
        self.metric
    }

    pub(crate) fn codes(&self) -> Codes {
        self.codes
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        match &self.rows {
            Rows::Exact(exact) => exact.len(),
            Rows::Coded(coded) => coded.len(),
        }
    }

    /// The memory that the rows take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.rows {
            Rows::Exact(exact) => exact.bytes(),
            Rows::Coded(coded) => coded.bytes(),
        }
    }

    /// Whether scores of a scan are exact: such rows need no rescoring.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.rows, Rows::Exact(_))
    }

    /// A row as it was pushed, while rows are kept as they are.
    pub(crate) fn row(&self, row: u32) -> Option<&[f32]> {
        match &self.rows {
            Rows::Exact(exact) => exact.row(row),
            Rows::Coded(_) => None,
        }
    }

    /// Whether so many rows are kept as codes.
    fn coded(codes: Codes, rows: usize) -> bool {
        codes != Codes::F32 && rows >= TRAINING_ROWS
    }

    /// Adds a row. It has the dimension of the others, and its components are finite and within their bound.
    pub(crate) fn push(&mut self, row: &[f32]) {
        assert_eq!(row.len(), self.dimension, "rows of one dimension are kept together");
        match &mut self.rows {
            Rows::Exact(exact) => {
                exact.push(row);
                if Flat::coded(self.codes, exact.len()) {
                    self.rows = Rows::Coded(Coded::train(self.metric, self.codes, exact));
                }
            }
            Rows::Coded(coded) => coded.push(row),
        }
    }

    /// The `keep` best rows of the mask, the nearest first and of equal ones the first one. Rows beyond those of the mask
    /// are not looked at. Whoever rescores them goes through them in order, and passes over those that are at best worse
    /// than the last of the `k` that are wanted.
    pub(crate) fn scan(&self, query: &Query, mask: Option<&Mask>, keep: usize) -> Vec<Candidate> {
        assert_eq!(query.vector().len(), self.dimension, "a query has the dimension of the rows");
        match &self.rows {
            Rows::Exact(exact) => exact.scan(query, mask, keep),
            Rows::Coded(coded) => coded.scan(query, mask, keep),
        }
    }
}

/// Adds to a vector that grows by an eighth: rows are most of the memory, and doubling would leave half of it unused.
fn extend<T>(to: &mut Vec<T>, items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) {
    let items = items.into_iter();
    if to.capacity() - to.len() < items.len() {
        to.reserve_exact(items.len().max(to.len() / 8));
    }
    to.extend(items);
}
