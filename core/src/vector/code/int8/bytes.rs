//! Codes as bytes, little-endian: format, metric, dimension and number of rows in 32 bits each, then the centre, the scales, the
//! biases and the rows.
//!
//! Invariant: whatever the bytes are, reading them ends with codes on which every operation is safe, or with what is wrong. It
//! allocates no more than the bytes justify.

use super::{Codes, Lines, Metric};
use crate::limits::VECTOR_DIMENSION_MAX;
use alloc::vec::Vec;

/// The number of this format.
const FORMAT: u32 = 1;

/// Floats or bytes that are written at once.
const AT_ONCE: usize = 16 << 10;

impl Codes {
    /// Gives its bytes piece by piece: never a second copy in memory.
    pub(crate) fn write(&self, sink: &mut dyn FnMut(&[u8])) {
        for number in [FORMAT, u32::from(self.metric.number()), self.dimension as u32, self.len() as u32] {
            sink(&number.to_le_bytes());
        }
        let mut room = Vec::with_capacity(4 * AT_ONCE);
        for floats in [&self.centre, &self.scales, &self.biases].iter().flat_map(|floats| floats.chunks(AT_ONCE)) {
            room.clear();
            room.extend(floats.iter().flat_map(|x| x.to_le_bytes()));
            sink(&room);
        }
        for bytes in self.bytes.chunks(AT_ONCE) {
            room.clear();
            room.extend(bytes.iter().map(|byte| *byte as u8));
            sink(&room);
        }
    }

    /// Reads what [`write`](Self::write) gave. The error says what is wrong with it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Codes, &'static str> {
        let Some((head, mut rest)) = bytes.split_first_chunk::<16>() else {
            return Err("the codes are cut off");
        };
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (dimension, rows) = (number(8) as usize, number(12) as usize);
        if number(0) != FORMAT {
            return Err("the codes have an unknown format");
        }
        let metric =
            u8::try_from(number(4)).ok().and_then(Metric::from_number).ok_or("the codes have an unknown metric")?;
        if !(1..=VECTOR_DIMENSION_MAX).contains(&dimension) {
            return Err("the codes have a dimension beyond its range");
        }
        let mut codes = Codes::new(metric, dimension, &[]);
        let biases = if metric == Metric::Euclidean { rows } else { 0 };
        let length = 4 * (dimension as u64 + rows as u64 + biases as u64) + rows as u64 * codes.stride as u64;
        if rest.len() as u64 != length {
            return Err("the codes have another length than their rows need");
        }
        let mut floats = |count: usize| {
            let (own, others) = rest.split_at(4 * count);
            rest = others;
            own.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect::<Vec<f32>>()
        };
        (codes.centre, codes.scales, codes.biases) = (floats(dimension), floats(rows), floats(biases));
        if [&codes.centre, &codes.scales, &codes.biases].iter().any(|floats| !floats.iter().all(|x| x.is_finite())) {
            return Err("the codes have a scale that is no number");
        }
        codes.bytes = Lines::new();
        codes.bytes.reserve_exact(rest.len());
        codes.bytes.resize_unfilled(rest.len());
        for (to, from) in codes.bytes.iter_mut().zip(rest) {
            *to = *from as i8;
        }
        if codes.bytes.chunks_exact(codes.stride).any(|row| row[dimension..].iter().any(|byte| *byte != 0)) {
            return Err("the codes have something behind the end of a row");
        }
        Ok(codes)
    }
}
