//! Rows as codes of their residuals. A row's value, the larger the nearer, is the product of the query with its code times
//! its scale, plus its bias.

use super::{Candidate, Codes, best::Best, bytes, exact::Exact};
use crate::vector::{
    code::{
        bits, half, int4,
        residual::{Residuals, Rotated},
        tables::QueryTables,
    },
    kernel::{
        float,
        lookup::{self, Block, ROWS, Unit, Visit},
    },
    mask::Mask,
    metric::Metric,
    score::Query,
};
use alloc::{vec, vec::Vec};
use core::iter::repeat_n;

#[derive(Clone, Debug)]
pub(super) struct Coded {
    metric: Metric,
    residuals: Residuals,
    packed: Packed,
    /// Of each row, in blocks as long as those of codes.
    scales: Vec<Block>,
    /// Only for the metrics that have one.
    biases: Vec<Block>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Packed {
    Half(Vec<u16>),
    Int4(Vec<Unit>),
    Bits(Vec<Unit>),
}

impl Coded {
    pub(super) fn train(metric: Metric, codes: Codes, rows: &Exact) -> Coded {
        let dimension = rows.rows().next().map_or(0, <[f32]>::len);
        let mut coded = Coded {
            metric,
            residuals: Residuals::train(metric, dimension, rows.rows()),
            packed: match codes {
                Codes::F32 | Codes::F16 => Packed::Half(Vec::new()),
                Codes::I4 => Packed::Int4(Vec::new()),
                Codes::Binary => Packed::Bits(Vec::new()),
            },
            scales: Vec::new(),
            biases: Vec::new(),
            len: 0,
        };
        rows.rows().for_each(|row| coded.push(row));
        coded
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        let codes = match &self.packed {
            Packed::Half(codes) => codes.capacity() * size_of::<u16>(),
            Packed::Int4(units) | Packed::Bits(units) => units.capacity() * size_of::<Unit>(),
        };
        codes + (self.scales.capacity() + self.biases.capacity()) * size_of::<Block>()
    }

    /// Appends everything to bytes.
    pub(super) fn write_to(&self, to: &mut Vec<u8>) {
        bytes::put_floats(to, self.residuals.centre());
        bytes::put_floats(to, self.scales.as_flattened());
        bytes::put_floats(to, self.biases.as_flattened());
        match &self.packed {
            Packed::Half(codes) => codes.iter().for_each(|code| to.extend_from_slice(&code.to_le_bytes())),
            Packed::Int4(units) | Packed::Bits(units) => units.iter().for_each(|unit| to.extend_from_slice(&unit.0)),
        }
    }

    /// What was written, at the front of the bytes, unless it is not that many rows.
    pub(super) fn read_from(
        from: &mut &[u8],
        dimension: usize,
        metric: Metric,
        codes: Codes,
        len: usize,
    ) -> Option<Coded> {
        let blocks = len.div_ceil(ROWS);
        let residuals = Residuals::with_centre(metric, bytes::take_floats(from, dimension)?);
        let scales = bytes::take_blocks(from, blocks)?;
        let biases = bytes::take_blocks(from, if metric == Metric::Euclidean { blocks } else { 0 })?;
        let packed = match codes {
            Codes::F32 => return None,
            Codes::F16 => Packed::Half(bytes::take(from, len.checked_mul(dimension + float::padding(dimension))?)?),
            Codes::I4 => Packed::Int4(bytes::take_units(from, blocks.checked_mul(lookup::units(dimension))?)?),
            Codes::Binary => {
                let per_block = lookup::units(dimension.div_ceil(bits::SIGNS));
                Packed::Bits(bytes::take_units(from, blocks.checked_mul(per_block)?)?)
            }
        };
        Some(Coded { metric, residuals, packed, scales, biases, len })
    }

    pub(super) fn push(&mut self, row: &[f32]) {
        let (residual, bias) = self.residuals.of_row(row);
        let place = self.len % ROWS;
        if place == 0 {
            super::extend(&mut self.scales, [[0.0; ROWS]]);
            if self.metric == Metric::Euclidean {
                super::extend(&mut self.biases, [[0.0; ROWS]]);
            }
        }
        let scale = match &mut self.packed {
            Packed::Half(codes) => {
                let scale = half::scale(&residual);
                super::extend(codes, residual.iter().map(|x| half::from_f32(x / scale)));
                super::extend(codes, repeat_n(0, float::padding(residual.len())));
                scale
            }
            Packed::Int4(units) => {
                let mut codes = vec![0; residual.len()];
                let scale = int4::encode(&residual, &mut codes);
                pack(units, place, &codes);
                scale
            }
            Packed::Bits(units) => {
                let mut codes = vec![0; residual.len().div_ceil(bits::SIGNS)];
                let scale = bits::encode(&residual, &mut codes);
                pack(units, place, &codes);
                scale
            }
        };
        if let Some(scales) = self.scales.last_mut() {
            scales[place] = scale;
        }
        if let Some(biases) = self.biases.last_mut() {
            biases[place] = bias;
        }
        self.len += 1;
    }

    pub(super) fn scan(&self, query: &Query, mask: Option<&Mask>, keep: usize) -> Vec<Candidate> {
        let query = self.residuals.of_query(query);
        let mut best = Best::new(keep, self.len);
        let deviation = match &self.packed {
            Packed::Half(codes) => {
                self.scan_half(codes, &query, mask, &mut best);
                half::LOST * libm::sqrtf(float::dot(&query.vector, &query.vector))
            }
            Packed::Int4(units) => self.scan_tables(units, &int4::tables(&query.vector), mask, &mut best),
            Packed::Bits(units) => self.scan_tables(units, &bits::tables(&query.vector), mask, &mut best),
        };
        let candidate = |(value, row): (f32, u32)| {
            let deviation = deviation * self.scales[row as usize / ROWS][row as usize % ROWS];
            Candidate { row, score: query.score(value), at_best: query.score_at_best(value, deviation) }
        };
        best.into_sorted().into_iter().map(candidate).collect()
    }

    fn scan_half(&self, codes: &[u16], query: &Rotated, mask: Option<&Mask>, best: &mut Best) {
        let mut query_vector = query.vector.clone();
        query_vector.resize(query_vector.len() + float::padding(query_vector.len()), 0.0);
        let length = query_vector.len();
        let mut offer = |at: usize| {
            let product = float::dot_half(&query_vector, &codes[at * length..][..length]);
            let (block, place) = (at / ROWS, at % ROWS);
            let bias = self.biases.get(block).map_or(0.0, |biases| biases[place]);
            best.offer(at as u32, product * self.scales[block][place] + bias);
        };
        match mask {
            None => (0..self.len).for_each(&mut offer),
            Some(mask) => mask.iter().map(|row| row as usize).take_while(|row| *row < self.len).for_each(&mut offer),
        }
    }

    /// Scans codes, and gives the standard deviation of the value of a row whose scale is 1.
    fn scan_tables(&self, units: &[Unit], query: &QueryTables, mask: Option<&Mask>, best: &mut Best) -> f32 {
        let rows = lookup::Rows {
            codes: units,
            scales: &self.scales,
            biases: &self.biases,
            step: query.step,
            base: query.base,
        };
        // Memory is read ahead only where it is read in order: to leave out less than a half takes longer than to read it.
        let skip = mask.is_some_and(|mask| 2 * mask.sixteens() < self.scales.len());
        lookup::scan(&query.tables, rows, &mut Scan { len: self.len, mask, skip, best });
        query.deviation
    }
}

/// Adds the codes of a row at its place in the last block.
fn pack(units: &mut Vec<Unit>, place: usize, codes: &[u8]) {
    let per_block = lookup::units(codes.len());
    if place == 0 {
        super::extend(units, repeat_n(Unit([0; 64]), per_block));
    }
    let start = units.len() - per_block;
    for (column, code) in codes.iter().enumerate() {
        lookup::set_code(&mut units[start..], place, column, *code);
    }
}

/// Offers the values of the rows of a mask.
struct Scan<'a> {
    len: usize,
    mask: Option<&'a Mask>,
    /// Whether blocks without rows of the mask are left out.
    skip: bool,
    best: &'a mut Best,
}

impl Visit for Scan<'_> {
    #[inline(always)]
    fn next(&self, block: usize) -> usize {
        self.mask.filter(|_| self.skip).map_or(block, |mask| mask.next_sixteen(block))
    }

    #[inline(always)]
    fn threshold(&self) -> f32 {
        self.best.threshold()
    }

    fn visit(&mut self, block: usize, values: &Block) {
        let first = block * ROWS;
        let there = u16::MAX >> (ROWS - (self.len - first).min(ROWS));
        let mut left = self.mask.map_or(u16::MAX, |mask| mask.sixteen(block)) & there;
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            self.best.offer((first + place) as u32, values[place]);
        }
    }
}
