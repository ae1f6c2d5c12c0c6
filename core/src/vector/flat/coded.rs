//! Rows as codes of their residuals. A row's value, the larger the nearer, is the product of the query with its code times
//! its scale, plus its bias.

use super::{Candidate, Codes, best::Best, exact::Exact, stored::are_finite};
use crate::vector::{
    code::{
        bits, half, int4,
        residual::{Residuals, Rotated},
        tables::QueryTables,
    },
    kernel::{
        float,
        int8::lines::Lines,
        lookup::{self, Block, ROWS, Unit, Visit},
    },
    mask::Mask,
    metric::Metric,
    paged::{Array, ArrayMut},
    score::Query,
};
use alloc::{vec, vec::Vec};
use core::iter::repeat_n;

/// Blocks that are to be left out by a leap, on average, for leaping to be worth it. Where blocks are left out at random this
/// says: more than half of them.
const LEAP_BLOCKS: usize = 2;

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
    Int4(Lines<Unit>),
    Bits(Lines<Unit>),
}

impl Coded {
    pub(super) fn train(metric: Metric, codes: Codes, rows: &Exact) -> Coded {
        let dimension = rows.rows().next().map_or(0, <[f32]>::len);
        let mut coded = Coded {
            metric,
            residuals: Residuals::train(metric, dimension, rows.rows()),
            packed: match codes {
                Codes::F32 | Codes::F16 => Packed::Half(Vec::new()),
                Codes::I4 => Packed::Int4(Lines::new()),
                Codes::Binary => Packed::Bits(Lines::new()),
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
            Packed::Int4(units) | Packed::Bits(units) => units.bytes(),
        };
        codes + (self.scales.capacity() + self.biases.capacity()) * size_of::<Block>()
    }

    /// Bytes of the arrays of so many rows: centre, scales, biases, codes.
    pub(super) fn lengths(dimension: usize, metric: Metric, codes: Codes, len: usize) -> Option<[usize; 4]> {
        let blocks = len.div_ceil(ROWS);
        let numbers = blocks.checked_mul(size_of::<Block>())?;
        let biases = if metric == Metric::Euclidean { numbers } else { 0 };
        let units = |columns| blocks.checked_mul(lookup::units(columns))?.checked_mul(size_of::<Unit>());
        let codes = match codes {
            Codes::F32 | Codes::F16 => len.checked_mul(dimension + float::padding(dimension))?.checked_mul(2)?,
            Codes::I4 => units(dimension)?,
            Codes::Binary => units(dimension.div_ceil(bits::SIGNS))?,
        };
        Some([dimension * 4, numbers, biases, codes])
    }

    /// So many rows, to be read.
    pub(super) fn zeroed(dimension: usize, metric: Metric, codes: Codes, len: usize) -> Coded {
        let [_, scales, biases, bytes] = Coded::lengths(dimension, metric, codes, len).unwrap_or_default();
        let blocks = |bytes| vec![[0.0; ROWS]; bytes / size_of::<Block>()];
        let units = || Lines::to_fill(bytes / size_of::<Unit>());
        Coded {
            metric,
            residuals: Residuals::with_centre(metric, vec![0.0; dimension]),
            packed: match codes {
                Codes::F32 | Codes::F16 => Packed::Half(vec![0; bytes / 2]),
                Codes::I4 => Packed::Int4(units()),
                Codes::Binary => Packed::Bits(units()),
            },
            scales: blocks(scales),
            biases: blocks(biases),
            len,
        }
    }

    pub(super) fn arrays<'s>(&'s self, out: &mut Vec<Array<'s>>) {
        out.extend([Array::of(self.residuals.centre()), Array::of(&self.scales), Array::of(&self.biases)]);
        out.push(match &self.packed {
            Packed::Half(codes) => Array::of(codes),
            Packed::Int4(units) | Packed::Bits(units) => Array::of(units),
        });
    }

    pub(super) fn arrays_mut<'s>(&'s mut self, out: &mut Vec<ArrayMut<'s>>) {
        out.push(ArrayMut::of(self.residuals.centre_mut(), None));
        out.extend([&mut self.scales, &mut self.biases].map(|blocks| ArrayMut::of(blocks, None)));
        out.push(match &mut self.packed {
            Packed::Half(codes) => ArrayMut::of(codes, None),
            Packed::Int4(units) | Packed::Bits(units) => ArrayMut::of(units, None),
        });
    }

    pub(super) fn check(&self) -> bool {
        let numbers = [self.residuals.centre(), self.scales.as_flattened(), self.biases.as_flattened()];
        numbers.into_iter().all(are_finite)
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
        // Memory is read ahead only where it is read in order: a leap over fewer blocks than that takes longer than to read them.
        let skip = mask.is_some_and(|mask| {
            let (groups, runs) = mask.sixteens();
            LEAP_BLOCKS * runs < self.scales.len().saturating_sub(groups)
        });
        lookup::scan(&query.tables, rows, &mut Scan { len: self.len, mask, skip, best });
        query.deviation
    }
}

/// Adds the codes of a row at its place in the last block.
fn pack(units: &mut Lines<Unit>, place: usize, codes: &[u8]) {
    let per_block = lookup::units(codes.len());
    if place == 0 {
        units.resize(units.len() + per_block, Unit([0; 64]));
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
