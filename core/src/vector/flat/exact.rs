//! Rows as they are: 32 bits a component, and the length of each if the metric needs it.

use super::{Candidate, best::Best, stored::are_finite};
use crate::vector::{
    mask::Mask,
    metric::Metric,
    paged::{Array, ArrayMut},
    score::{self, Query},
};
use alloc::{vec, vec::Vec};

#[derive(Clone, Debug)]
pub(super) struct Exact {
    dimension: usize,
    metric: Metric,
    components: Vec<f32>,
    norms: Vec<f32>,
    len: usize,
}

impl Exact {
    pub(super) fn new(dimension: usize, metric: Metric) -> Exact {
        Exact { dimension, metric, components: Vec::new(), norms: Vec::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        (self.components.capacity() + self.norms.capacity()) * size_of::<f32>()
    }

    pub(super) fn push(&mut self, row: &[f32]) {
        super::extend(&mut self.components, row.iter().copied());
        if self.metric == Metric::Cosine {
            super::extend(&mut self.norms, [score::norm(row)]);
        }
        self.len += 1;
    }

    /// Bytes of the arrays of so many rows.
    pub(super) fn lengths(dimension: usize, metric: Metric, len: usize) -> Option<[usize; 4]> {
        let norms = if metric == Metric::Cosine { len } else { 0 };
        Some([len.checked_mul(dimension)?.checked_mul(4)?, norms.checked_mul(4)?, 0, 0])
    }

    /// So many rows, to be read.
    pub(super) fn zeroed(dimension: usize, metric: Metric, len: usize) -> Exact {
        let norms = vec![0.0; if metric == Metric::Cosine { len } else { 0 }];
        Exact { dimension, metric, components: vec![0.0; len * dimension], norms, len }
    }

    pub(super) fn arrays<'s>(&'s self, out: &mut Vec<Array<'s>>) {
        out.extend([&self.components, &self.norms].map(|floats| Array::of(floats)));
    }

    pub(super) fn arrays_mut<'s>(&'s mut self, out: &mut Vec<ArrayMut<'s>>) {
        out.extend([&mut self.components, &mut self.norms].map(|floats| ArrayMut::of(floats, None)));
    }

    pub(super) fn check(&self) -> bool {
        are_finite(&self.components) && are_finite(&self.norms)
    }

    /// A row as it was pushed.
    pub(super) fn row(&self, row: u32) -> Option<&[f32]> {
        self.components.get((row as usize).checked_mul(self.dimension)?..)?.get(..self.dimension)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.components.chunks_exact(self.dimension)
    }

    pub(super) fn scan(&self, query: &Query, mask: Option<&Mask>, keep: usize) -> Vec<Candidate> {
        let mut best = Best::new(keep, self.len);
        // The largest value is the nearest.
        let sign = if self.metric == Metric::Euclidean { -1.0 } else { 1.0 };
        let mut offer = |at: usize, row: &[f32]| {
            let norm = self.norms.get(at).copied().unwrap_or_default();
            best.offer(at as u32, sign * score::score_of_length(query, row, norm));
        };
        match mask {
            None => self.rows().enumerate().for_each(|(at, row)| offer(at, row)),
            Some(mask) => mask.iter().map(|row| row as usize).take_while(|row| *row < self.len).for_each(|at| {
                offer(at, &self.components[at * self.dimension..][..self.dimension]);
            }),
        }
        let candidate = |(value, row)| Candidate { row, score: sign * value, at_best: sign * value };
        best.into_sorted().into_iter().map(candidate).collect()
    }
}
