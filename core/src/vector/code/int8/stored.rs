//! Codes as arrays of a file: centre, scales and biases are read at once, and of the rows' bytes only what is compared.
//!
//! Invariant: any bytes are a row, so only the numbers beside them are checked.

use super::{Codes, Lines, Metric};
use crate::vector::paged::{Array, ArrayMut, Pages, Paging};
use alloc::{vec, vec::Vec};

impl Codes {
    /// Codes of so many rows, whose arrays are to be read. `None` if the file cannot have them.
    pub(crate) fn open(metric: Metric, dimension: usize, rows: usize, paging: &mut Paging) -> Option<Codes> {
        let mut codes = Codes::new(metric, dimension, &[]);
        let biases = if metric == Metric::Euclidean { rows } else { 0 };
        paging.give(dimension, 4)?;
        paging.give(rows, 4)?;
        paging.give(biases, 4)?;
        let bytes = rows.checked_mul(codes.stride)?;
        codes.there = Pages::none(paging.give(bytes, 1)?, bytes);
        (codes.scales, codes.biases) = (vec![0.0; rows], vec![0.0; biases]);
        codes.bytes = Lines::zeroed(bytes);
        Some(codes)
    }

    /// The arrays, in the order in which they lie in the file.
    pub(crate) fn arrays<'s>(&'s self, out: &mut Vec<Array<'s>>) {
        out.extend([&self.centre, &self.scales, &self.biases].map(|floats| Array::of(floats)));
        out.push(Array::of(&self.bytes));
    }

    /// The same, to be read.
    pub(crate) fn arrays_mut<'s>(&'s mut self, out: &mut Vec<ArrayMut<'s>>) {
        let floats = [&mut self.centre, &mut self.scales, &mut self.biases];
        out.extend(floats.map(|floats| ArrayMut::of(floats, None)));
        out.push(ArrayMut::of(&mut self.bytes, Some(&self.there)));
    }

    /// Whether what is read as a whole fits together.
    pub(crate) fn check(&self) -> bool {
        let finite = |floats: &Vec<f32>| floats.iter().fold(true, |all, x| all & x.is_finite());
        [&self.centre, &self.scales, &self.biases].into_iter().all(finite)
    }

    /// Takes in a page of the file; whether it is one of these.
    pub(crate) fn take_in(&mut self, page: u32, bytes: &[u8]) -> bool {
        self.there.take_in(page, bytes, ArrayMut::of(&mut self.bytes, None))
    }

    /// Adds the missing pages of some rows; whether there was none.
    #[inline]
    pub(crate) fn need(&self, rows: &[u32], out: &mut Vec<u32>) -> bool {
        self.are_there() || self.need_missing(rows, out)
    }

    #[cold]
    fn need_missing(&self, rows: &[u32], out: &mut Vec<u32>) -> bool {
        let range = |row: u32| row as usize * self.stride..(row as usize + 1) * self.stride;
        rows.iter().fold(true, |all, row| all & self.there.need(range(*row), out))
    }

    /// Adds all missing pages.
    pub(crate) fn need_all(&self, out: &mut Vec<u32>) {
        self.there.need(0..usize::MAX, out);
    }

    /// How many pages are missing, and how many there are.
    pub(crate) fn pages(&self) -> (usize, usize) {
        self.there.counts()
    }

    /// Whether no page is missing.
    #[inline]
    pub(crate) fn are_there(&self) -> bool {
        self.there.are_all()
    }
}
