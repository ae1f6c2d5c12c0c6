//! Sums of table entries: each code of a row picks one of 16 entries of its column's table. The tables are in registers
//! and rows lie side by side, so one instruction looks up 16 rows or more ("FastScan": André, Kermarrec and Le Scouarnec,
//! "Cache locality is not enough: high-performance nearest neighbor search with product quantization fast scan", 2015).
//!
//! Invariant: sums of integers, so every form gives the same.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(test)]
mod tests;

use super::{
    detect::{Level, level},
    int8::lines::Plain,
    lanes::{LANES, Lanes},
    memory::prefetch,
};
use alloc::{vec, vec::Vec};

/// Rows that lie side by side.
pub(crate) const ROWS: usize = LANES;
/// Columns whose codes of `ROWS` rows are in one unit.
pub(crate) const COLUMNS: usize = 8;
/// The largest entry of a table. Two of them are added in 8 bits.
pub(crate) const ENTRY_MAX: u8 = 127;
/// Units whose sums fit 16 bits, of all columns together.
const UNITS_MAX: usize = 65_535 / (COLUMNS * ENTRY_MAX as usize);

/// 64 bytes that a register is loaded from without crossing a line of the cache.
///
/// Byte `16 * pair + place` has the codes of columns `2 * pair` (low half) and `2 * pair + 1` for the row at that place.
/// Rows 0 to 7 are at the even places and 8 to 15 at the odd ones: sums of 16 bits come apart that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Unit(pub(crate) [u8; 64]);
// SAFETY: bytes.
unsafe impl Plain for Unit {
    const WIDTH: usize = 1;
}

/// How many units a block of `ROWS` rows takes.
pub(crate) const fn units(columns: usize) -> usize {
    columns.div_ceil(COLUMNS)
}

/// Where the code of a row is: its unit, its byte, and whether it is the upper half.
const fn place(row: usize, column: usize) -> (usize, usize, bool) {
    let within = column % COLUMNS;
    (column / COLUMNS, within / 2 * 16 + row % 8 * 2 + row / 8, within % 2 == 1)
}

/// Sets the code of a row.
pub(crate) fn set_code(block: &mut [Unit], row: usize, column: usize, code: u8) {
    let (unit, byte, upper) = place(row, column);
    let byte = &mut block[unit].0[byte];
    *byte = if upper { *byte & 15 | code << 4 } else { *byte & 0xf0 | code & 15 };
}

/// The code of a row.
#[cfg(test)]
fn code(block: &[Unit], row: usize, column: usize) -> u8 {
    let (unit, byte, upper) = place(row, column);
    let byte = block[unit].0[byte];
    if upper { byte >> 4 } else { byte & 15 }
}

/// The tables of all columns, laid out as the codes are: of each unit the even columns, then the odd ones.
#[derive(Clone, Debug)]
pub(crate) struct Tables(Vec<[Unit; 2]>);

impl Tables {
    /// Tables of zeros.
    pub(crate) fn new(columns: usize) -> Tables {
        Tables(vec![[Unit([0; 64]); 2]; units(columns)])
    }

    /// Sets the table of a column. No entry is larger than `ENTRY_MAX`.
    pub(crate) fn set(&mut self, column: usize, entries: [u8; 16]) {
        let within = column % COLUMNS;
        let table = &mut self.0[column / COLUMNS][within % 2].0[within / 2 * 16..][..16];
        table.copy_from_slice(&entries.map(|entry| entry.min(ENTRY_MAX)));
    }

    #[cfg(test)]
    fn entry(&self, column: usize, code: u8) -> u8 {
        let within = column % COLUMNS;
        self.0[column / COLUMNS][within % 2].0[within / 2 * 16 + usize::from(code)]
    }
}

/// A number of each row of a block.
pub(crate) type Block = [f32; ROWS];

/// How sums become values: `(sum * step + base) * scale`, and the bias of the row where there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) codes: &'a [Unit],
    pub(crate) scales: &'a [Block],
    pub(crate) biases: &'a [Block],
    pub(crate) step: f32,
    pub(crate) base: f32,
}

/// What is done with the values.
pub(crate) trait Visit {
    /// The first block from this one on that is of interest; a number beyond them all if none is.
    fn next(&self, block: usize) -> usize;
    /// Only blocks with a larger value are visited.
    fn threshold(&self) -> f32;
    fn visit(&mut self, block: usize, values: &Block);
}

/// What adds up the entries of a block of rows.
trait Lookup {
    type Lanes: Lanes;
    /// Sums of at most `UNITS_MAX` units.
    fn part(tables: &[[Unit; 2]], codes: &[Unit]) -> [u16; ROWS];
}

#[inline(always)]
fn scan_in<L: Lookup>(tables: &Tables, rows: Rows, visitor: &mut impl Visit) {
    let (step, base) = (L::Lanes::splat(rows.step), L::Lanes::splat(rows.base));
    // A slice of no table has no rows either.
    let units = tables.0.len().max(1);
    let mut blocks = rows.codes.chunks_exact(units).zip(rows.scales);
    let mut at = visitor.next(0);
    let mut block = blocks.nth(at);
    while let Some((codes, scales)) = block {
        let next = visitor.next(at + 1);
        if next != at + 1 {
            // Nothing else foresees a leap.
            prefetch(rows.codes.get(next * units..(next + 1) * units).unwrap_or_default());
        }
        // Far below 2^24, sums of floats are as exact as those of integers.
        let mut sums = L::Lanes::zero();
        for (tables, codes) in tables.0.chunks(UNITS_MAX).zip(codes.chunks(UNITS_MAX)) {
            sums = sums.add(L::Lanes::from_ints(&L::part(tables, codes)));
        }
        let mut values = sums.mul(step).add(base).mul(L::Lanes::load(scales));
        if let Some(biases) = rows.biases.get(at) {
            values = values.add(L::Lanes::load(biases));
        }
        if values.any_above(L::Lanes::splat(visitor.threshold())) {
            let mut stored = [0.0; ROWS];
            values.store(&mut stored);
            visitor.visit(at, &stored);
        }
        block = blocks.nth(next - at - 1);
        at = next;
    }
}

/// Gives the visitor the values of every block that it wants, in order.
pub(crate) fn scan(tables: &Tables, rows: Rows, visitor: &mut impl Visit) {
    match level() {
        // Sound: the level says that the instructions are there.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::scan(tables, rows, visitor) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::scan(tables, rows, visitor) },
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        Level::Neon => scan_in::<neon::Neon>(tables, rows, visitor),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Level::Simd128 => scan_in::<simd128::Simd128>(tables, rows, visitor),
        _ => scan_in::<scalar::Scalar>(tables, rows, visitor),
    }
}
