//! The exact score of a row: what a hit reports, and what decides the order of hits.
//!
//! Invariant: bit-equal on every platform. Sums run in the one order of `kernel::float`; everything after them is a
//! multiplication, a division or a square root, which IEEE 754 rounds correctly.

use super::{kernel::float, metric::Metric};
use alloc::vec::Vec;

/// A query, prepared once for a metric and then compared with many rows.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    metric: Metric,
    vector: Vec<f32>,
    norm: f32,
}

impl Query {
    /// The components have to be finite and at most `limits::VECTOR_COMPONENT_MAX` in size.
    pub(crate) fn new(metric: Metric, vector: &[f32]) -> Query {
        Query { metric, norm: norm(vector), vector: vector.to_vec() }
    }

    pub(crate) fn metric(&self) -> Metric {
        self.metric
    }

    pub(crate) fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// The length of the query.
    pub(crate) fn norm(&self) -> f32 {
        self.norm
    }
}

/// The score of a row, which has the dimension of the query.
pub(crate) fn score(query: &Query, row: &[f32]) -> f32 {
    match query.metric {
        Metric::Dot => float::dot(&query.vector, row),
        Metric::Euclidean => libm::sqrtf(float::squared_distance(&query.vector, row)),
        Metric::Cosine => {
            let (dot, square) = float::dot_and_square(&query.vector, row);
            cosine(dot, query.norm, libm::sqrtf(square))
        }
    }
}

/// The score of a row whose length is known: the same bits as `score`.
pub(crate) fn score_of_length(query: &Query, row: &[f32], row_norm: f32) -> f32 {
    match query.metric {
        Metric::Cosine => cosine(float::dot(&query.vector, row), query.norm, row_norm),
        Metric::Dot | Metric::Euclidean => score(query, row),
    }
}

/// The length of a vector.
pub(crate) fn norm(vector: &[f32]) -> f32 {
    libm::sqrtf(float::dot(vector, vector))
}

/// A vector counts as zero when the square of its length is below the smallest float.
fn cosine(dot: f32, a: f32, b: f32) -> f32 {
    let lengths = a * b;
    if lengths > 0.0 { (dot / lengths).clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
        score(&Query::new(metric, a), b)
    }

    #[test]
    fn scores_are_those_of_the_definitions() {
        let (a, b) = ([3.0, 4.0, 0.0], [0.0, 4.0, 3.0]);
        assert_eq!(scored(Metric::Dot, &a, &b), 16.0);
        assert_eq!(scored(Metric::Euclidean, &a, &b), 18.0_f32.sqrt());
        assert_eq!(scored(Metric::Cosine, &a, &b), 0.64);
    }

    #[test]
    fn a_cosine_is_zero_for_the_zero_vector_and_never_beyond_one() {
        assert_eq!(scored(Metric::Cosine, &[0.0; 5], &[1.0; 5]), 0.0);
        assert_eq!(scored(Metric::Cosine, &[1.0; 5], &[0.0; 5]), 0.0);
        assert_eq!(scored(Metric::Cosine, &[1e-40; 5], &[1.0; 5]), 0.0, "its square is below the smallest float");
        for dimension in 1..300 {
            let row: Vec<f32> = (0..dimension).map(|i| (i as f32 * 0.37).sin() + 0.01).collect();
            let against: Vec<f32> = row.iter().map(|x| -x * 3.0).collect();
            assert!(scored(Metric::Cosine, &row, &row) <= 1.0);
            assert!(scored(Metric::Cosine, &row, &against) >= -1.0);
        }
    }
}
