//! Rows as signed bytes: what the graph compares.
//!
//! A row is `scale * bytes`, the largest component being 127. The score of a row for a query is `<query, row> + bias(row)`,
//! larger is nearer for every metric: with cosine the scale makes the bytes a vector of unit length and there is no bias,
//! with the dot product there is none, and with the Euclidean distance it is minus half of the row's square, so that the order
//! is that of distances between what the bytes stand for. Rows of a Euclidean set lose a common centre first, which moves
//! no distance and leaves the bytes to what differs.
//!
//! Invariant: sums are integers, and what is done with them is one multiplication or addition at a time, so that a score has
//! the same bits on every platform.

mod stored;
#[cfg(test)]
mod tests;

use crate::vector::{
    kernel::{
        int8::{self, lines::Lines},
        memory,
    },
    metric::Metric,
    paged::Pages,
};
use alloc::vec::Vec;

/// Rows are padded with zeros to whole halves of a cache line: at most a line more is touched than has to be.
const PAD: usize = 32;

/// Rows that the centre is taken of. More change it by little.
const CENTRE_ROWS: usize = 4096;

/// Rows as signed bytes, in the order in which they were pushed.
#[derive(Clone)]
pub(crate) struct Codes {
    metric: Metric,
    centre: Vec<f32>,
    dimension: usize,
    stride: usize,
    bytes: Lines<i8>,
    there: Pages,
    scales: Vec<f32>,
    /// One for each row with the Euclidean distance, none otherwise.
    biases: Vec<f32>,
}

/// A query or a row, to be compared with rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe<'a> {
    bytes: &'a [i8],
    scale: f32,
    /// Its own bias, 0 for a query.
    pub(crate) bias: f32,
}

/// A query as signed bytes.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    bytes: Vec<i8>,
    scale: f32,
    /// The square of the vector's length, without the centre.
    square: f32,
}

/// Standard deviations that a score by code is never off by.
const NEVER: f32 = 6.0;

/// The variance of what rounding to whole steps leaves, for a step of 1.
const ROUNDING: f32 = 1.0 / 12.0;

impl Query {
    pub(crate) fn probe(&self) -> Probe<'_> {
        Probe { bytes: &self.bytes, scale: self.scale, bias: 0.0 }
    }
}

/// The centre of the first rows of a set, in their order.
pub(crate) fn centre<'a>(dimension: usize, rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut sums = alloc::vec![0.0_f64; dimension];
    let mut count = 0_u32;
    for row in rows.take(CENTRE_ROWS) {
        count += 1;
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    sums.iter().map(|sum| (sum / f64::from(count.max(1))) as f32).collect()
}

impl Codes {
    /// No rows yet. `centre` is what [`centre`] gives for the first rows; only the Euclidean distance makes use of it.
    pub(crate) fn new(metric: Metric, dimension: usize, centre: &[f32]) -> Codes {
        let centre = match metric {
            Metric::Euclidean if centre.len() == dimension => centre.to_vec(),
            _ => alloc::vec![0.0; dimension],
        };
        let stride = dimension.next_multiple_of(PAD).max(PAD);
        let (bytes, there) = (Lines::new(), Pages::default());
        Codes { metric, centre, dimension, stride, bytes, there, scales: Vec::new(), biases: Vec::new() }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.scales.len()
    }

    /// Makes room for `more` rows and nothing beyond them.
    pub(crate) fn reserve_exact(&mut self, more: usize) {
        self.bytes.reserve_exact(more * self.stride);
        self.scales.reserve_exact(more);
        if self.metric == Metric::Euclidean {
            self.biases.reserve_exact(more);
        }
    }

    /// Appends a row of finite components.
    ///
    /// # Panics
    /// If it has another dimension.
    pub(crate) fn push(&mut self, row: &[f32]) {
        let at = self.bytes.len();
        grow(&mut self.scales);
        self.bytes.resize(at + self.stride, 0);
        let step = encode(row, &self.centre, &mut self.bytes[at..][..self.dimension]);
        let square = int8::dot(&self.bytes[at..], &self.bytes[at..]) as f32;
        match self.metric {
            Metric::Cosine => self.scales.push(if square > 0.0 { 1.0 / libm::sqrtf(square) } else { 0.0 }),
            Metric::Dot => self.scales.push(step),
            Metric::Euclidean => {
                self.scales.push(step);
                grow(&mut self.biases);
                self.biases.push(-0.5 * ((square * step) * step));
            }
        }
    }

    /// Makes a query of finite components ready.
    ///
    /// # Panics
    /// If it has another dimension.
    pub(crate) fn query(&self, vector: &[f32]) -> Query {
        let mut bytes = alloc::vec![0; self.stride];
        let step = encode(vector, &self.centre, &mut bytes[..self.dimension]);
        let scale = match self.metric {
            Metric::Cosine => {
                let square = int8::dot(&bytes, &bytes) as f32;
                if square > 0.0 { 1.0 / libm::sqrtf(square) } else { 0.0 }
            }
            Metric::Dot | Metric::Euclidean => step,
        };
        let square = vector.iter().zip(&self.centre).map(|(x, c)| (x - c) * (x - c)).sum();
        Query { bytes, scale, square }
    }

    /// The score of the metric that the exact one of a row is never better than, of which `score` is that by code.
    ///
    /// What rounding leaves of each component is as good as independent of the others, so a product with it is normally
    /// distributed, with a deviation of the other's length times that of one component.
    pub(crate) fn at_best(&self, query: &Query, row: u32, score: f32) -> f32 {
        let own = self.scales.get(row as usize).copied().unwrap_or_default();
        // Of both sides together, for rows of length 1.
        let variance = ROUNDING * (query.scale * query.scale + own * own);
        if self.metric == Metric::Cosine {
            // Bytes are also longer than what they stand for, by what rounding adds to their square.
            let longer = 0.5 * self.dimension as f32 * variance * score.abs();
            return (score + NEVER * libm::sqrtf(variance) + longer).min(1.0);
        }
        let bytes = self.row(row).bytes;
        let square = int8::dot(bytes, bytes) as f32 * own * own;
        let by_query = ROUNDING * query.scale * query.scale * square;
        let both = ROUNDING * ROUNDING * self.dimension as f32 * query.scale * query.scale * own * own;
        match self.metric {
            Metric::Euclidean => {
                let distance = (query.square - 2.0 * score).max(0.0);
                let off = 2.0 * NEVER * libm::sqrtf(by_query + both + ROUNDING * own * own * distance);
                libm::sqrtf((distance - off).max(0.0))
            }
            _ => score + NEVER * libm::sqrtf(by_query + both + ROUNDING * own * own * query.square),
        }
    }

    /// A row, to be compared with others.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub(crate) fn row(&self, row: u32) -> Probe<'_> {
        let at = row as usize;
        let bias = self.biases.get(at).copied().unwrap_or(0.0);
        Probe { bytes: &self.bytes[at * self.stride..][..self.stride], scale: self.scales[at], bias }
    }

    /// Asks for the memory of a row.
    #[inline(always)]
    pub(crate) fn prefetch(&self, row: u32) {
        let start = row as usize * self.stride;
        memory::prefetch_anywhere(self.bytes.get(start..start + self.stride).unwrap_or_default());
    }

    /// The scores of rows for a query, in place of what was in `scores`. `sums` is room to work in.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub(crate) fn scores(&self, probe: Probe<'_>, rows: &[u32], sums: &mut Vec<i32>, scores: &mut Vec<f32>) {
        sums.clear();
        sums.resize(rows.len(), 0);
        memory::prefetch_items(&self.scales, rows.iter().copied());
        int8::dot_rows(probe.bytes, &self.bytes, rows, sums);
        scores.clear();
        let product = |row: &u32, sum: &i32| (*sum as f32 * self.scales[*row as usize]) * probe.scale;
        if self.biases.is_empty() {
            scores.extend(rows.iter().zip(&*sums).map(|(row, sum)| product(row, sum)));
        } else {
            scores.extend(rows.iter().zip(&*sums).map(|(row, sum)| product(row, sum) + self.biases[*row as usize]));
        }
    }

    /// Bytes of memory that it holds.
    pub(crate) fn bytes(&self) -> usize {
        let floats = self.scales.capacity() + self.biases.capacity() + self.centre.capacity();
        self.bytes.bytes() + floats * size_of::<f32>()
    }
}

/// Makes room for one more by a sixteenth at a time: the bytes of these arrays are counted.
fn grow(floats: &mut Vec<f32>) {
    if floats.len() == floats.capacity() {
        floats.reserve_exact(floats.len() / 16 + 64);
    }
}

/// Writes the nearest multiples of the step, which is returned: 1/127 of the largest component.
fn encode(vector: &[f32], centre: &[f32], bytes: &mut [i8]) -> f32 {
    assert_eq!(vector.len(), bytes.len(), "the dimension of a vector");
    let largest = vector.iter().zip(centre).fold(0.0_f32, |largest, (x, c)| largest.max((x - c).abs()));
    let inverse = 127.0 / largest;
    if !inverse.is_finite() {
        // All zero, or so near to it that no step can be told.
        bytes.fill(0);
        return 0.0;
    }
    for ((byte, x), c) in bytes.iter_mut().zip(vector).zip(centre) {
        let scaled = (x - c) * inverse;
        *byte = (scaled + if scaled < 0.0 { -0.5 } else { 0.5 }) as i8;
    }
    largest / 127.0
}
