//! Codes of one bit: the signs of a residual. The query keeps its precision ("RaBitQ": Gao and Long, 2024).
//!
//! Four signs are one code of four bits, so that tables are looked up as those of `int4` are.

use super::tables::QueryTables;
use crate::vector::kernel::float;

/// Components whose signs are one code.
pub(crate) const SIGNS: usize = 4;

/// The variance of a product with signs whose scale is 1: of components of a normal distribution, 1 - 2/pi is lost, and the
/// scale is larger than their deviation by the root of pi/2.
const LOSS: f32 = 1.0 - core::f32::consts::FRAC_2_PI;

/// Writes the codes of a residual, and gives the scale of its signs.
pub(crate) fn encode(residual: &[f32], codes: &mut [u8]) -> f32 {
    for (part, code) in residual.chunks(SIGNS).zip(codes) {
        *code = part.iter().enumerate().map(|(at, x)| u8::from(*x >= 0.0) << at).sum();
    }
    let sizes: alloc::vec::Vec<f32> = residual.iter().map(|x| x.abs()).collect();
    let sum = float::dot(&sizes, &alloc::vec![1.0; sizes.len()]);
    if sum > 0.0 { float::dot(residual, residual) / sum } else { 0.0 }
}

/// What each code adds to the product with a query.
pub(crate) fn tables(query: &[f32]) -> QueryTables {
    let columns = query.chunks(SIGNS).map(|part| {
        let mut values = [0.0; 16];
        for (at, x) in part.iter().enumerate() {
            for (code, value) in values.iter_mut().enumerate() {
                *value += if code >> at & 1 == 1 { *x } else { -x };
            }
        }
        (values, part.iter().fold(0.0, |sum, x| sum + x.abs()))
    });
    QueryTables::new(columns, LOSS * float::dot(query, query))
}
