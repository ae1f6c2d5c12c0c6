//! Rows as arrays of a file. A scan goes over all of them, so they are read as a whole, when they are first needed.
//!
//! Invariant: whatever a file holds, rows that were found sound can be scanned and go on.

use super::{Coded, Codes, Exact, Flat, Rows};
use crate::{
    limits::VECTOR_DIMENSION_MAX,
    vector::{
        metric::Metric,
        paged::{Array, ArrayMut, Paging},
    },
};
use alloc::vec::Vec;

/// What is known of rows that are still in a file alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unread {
    pub(crate) dimension: usize,
    pub(crate) metric: Metric,
    pub(crate) codes: Codes,
    pub(crate) len: usize,
    /// The first page of the arrays.
    pub(crate) first: u32,
    /// The memory that they will take.
    pub(crate) bytes: usize,
}

impl Unread {
    /// So many rows. `None` if the file cannot have them.
    pub(crate) fn open(
        dimension: usize,
        metric: Metric,
        codes: Codes,
        len: usize,
        paging: &mut Paging,
    ) -> Option<Unread> {
        let first = paging.next();
        if !(1..=VECTOR_DIMENSION_MAX).contains(&dimension) {
            return None;
        }
        let lengths = match Flat::coded(codes, len) {
            true => Coded::lengths(dimension, metric, codes, len),
            false => Exact::lengths(dimension, metric, len),
        };
        let lengths = lengths?;
        for length in lengths {
            paging.give(length, 1)?;
        }
        Some(Unread { dimension, metric, codes, len, first, bytes: lengths.iter().sum() })
    }

    /// The rows, whose arrays are to be read.
    pub(crate) fn make(&self) -> Flat {
        let &Unread { dimension, metric, codes, len, .. } = self;
        let rows = match Flat::coded(codes, len) {
            true => Rows::Coded(Coded::zeroed(dimension, metric, codes, len)),
            false => Rows::Exact(Exact::zeroed(dimension, metric, len)),
        };
        Flat { dimension, metric, codes, rows }
    }
}

impl Flat {
    /// The arrays, in the order in which they lie in the file.
    pub(crate) fn arrays<'s>(&'s self, out: &mut Vec<Array<'s>>) {
        match &self.rows {
            Rows::Exact(exact) => exact.arrays(out),
            Rows::Coded(coded) => coded.arrays(out),
        }
    }

    /// The same, to be read.
    pub(crate) fn arrays_mut<'s>(&'s mut self, out: &mut Vec<ArrayMut<'s>>) {
        match &mut self.rows {
            Rows::Exact(exact) => exact.arrays_mut(out),
            Rows::Coded(coded) => coded.arrays_mut(out),
        }
    }

    /// Whether what was read can be used: numbers are finite. Any bytes are codes.
    pub(crate) fn check(&self) -> bool {
        match &self.rows {
            Rows::Exact(exact) => exact.check(),
            Rows::Coded(coded) => coded.check(),
        }
    }
}

/// Whether all numbers are finite: others would never have been written.
pub(super) fn are_finite(floats: &[f32]) -> bool {
    floats.iter().fold(true, |all, x| all & x.is_finite())
}
