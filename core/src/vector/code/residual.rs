//! What is quantised of a row: its difference from the centre of the first rows, rotated.
//!
//! Rows of embeddings share a direction that tells nothing apart; without it the levels of a code are spent on what does.
//! Approximate scores of all metrics have one form, the larger the nearer: the product of a query with a residual, and a
//! number of the row.

use super::rotate::rotate;
use crate::vector::{kernel::float, metric::Metric, score, score::Query};
use alloc::{vec, vec::Vec};

/// Standard deviations. Of 160 rows that ought to be found and are no nearer than the last one that is, one is missed. Nearly
/// all are nearer: on three sets of 100,000 to 1,000,000 rows, this cost at most 2 of 10,000, and 3.5 of them half as many
/// rows again.
const HARDLY_EVER: f32 = 2.5;

/// The centre, and the metric that says how it is used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Residuals {
    metric: Metric,
    centre: Vec<f32>,
}

/// A query that is compared with residuals.
#[derive(Clone, Debug)]
pub(crate) struct Rotated {
    pub(crate) vector: Vec<f32>,
    metric: Metric,
    norm: f32,
    /// What the score is for a row whose residual is zero, as far as the query decides it.
    start: f32,
}

/// The row of unit length that cosine compares, or the row itself.
fn directed(metric: Metric, row: &[f32]) -> Vec<f32> {
    let norm = if metric == Metric::Cosine { score::norm(row) } else { 1.0 };
    if norm > 0.0 { row.iter().map(|x| x / norm).collect() } else { vec![0.0; row.len()] }
}

impl Residuals {
    /// The centre is the mean of some rows.
    pub(crate) fn train<'a>(metric: Metric, dimension: usize, rows: impl Iterator<Item = &'a [f32]>) -> Residuals {
        let mut centre = vec![0.0; dimension];
        let mut count = 0.0_f32;
        for row in rows {
            centre.iter_mut().zip(directed(metric, row)).for_each(|(sum, x)| *sum += x);
            count += 1.0;
        }
        centre.iter_mut().for_each(|sum| *sum /= count.max(1.0));
        Residuals { metric, centre }
    }

    /// A centre that was stored.
    pub(crate) fn with_centre(metric: Metric, centre: Vec<f32>) -> Residuals {
        Residuals { metric, centre }
    }

    pub(crate) fn centre(&self) -> &[f32] {
        &self.centre
    }

    /// The centre, to be read over.
    pub(crate) fn centre_mut(&mut self) -> &mut [f32] {
        &mut self.centre
    }

    /// The residual of a row, and its bias.
    pub(crate) fn of_row(&self, row: &[f32]) -> (Vec<f32>, f32) {
        let mut residual = directed(self.metric, row);
        residual.iter_mut().zip(&self.centre).for_each(|(x, centre)| *x -= centre);
        rotate(&mut residual);
        let bias = if self.metric == Metric::Euclidean { -0.5 * float::dot(&residual, &residual) } else { 0.0 };
        (residual, bias)
    }

    /// A query as it is compared with residuals.
    pub(crate) fn of_query(&self, query: &Query) -> Rotated {
        let mut vector = query.vector().to_vec();
        let start = match self.metric {
            Metric::Euclidean => {
                vector.iter_mut().zip(&self.centre).for_each(|(x, centre)| *x -= centre);
                float::dot(&vector, &vector)
            }
            Metric::Cosine | Metric::Dot => float::dot(&vector, &self.centre),
        };
        rotate(&mut vector);
        Rotated { vector, metric: self.metric, norm: query.norm(), start }
    }
}

impl Rotated {
    /// The score of the metric, from the product with a residual plus the bias of the row.
    pub(crate) fn score(&self, value: f32) -> f32 {
        match self.metric {
            Metric::Dot => self.start + value,
            Metric::Euclidean => libm::sqrtf((self.start - 2.0 * value).max(0.0)),
            Metric::Cosine if self.norm > 0.0 => ((self.start + value) / self.norm).clamp(-1.0, 1.0),
            Metric::Cosine => 0.0,
        }
    }

    /// The score that a row may have if its value is as far from the truth as values hardly ever are.
    pub(crate) fn score_at_best(&self, value: f32, deviation: f32) -> f32 {
        self.score(value + HARDLY_EVER * deviation)
    }
}
