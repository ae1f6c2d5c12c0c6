//! Dot products of signed bytes, exact integers in every form.
//!
//! Invariant: for slices of up to [`LENGTH_MAX`](self::LENGTH_MAX) bytes no sum overflows, no step saturates, and every form
//! gives the number of its scalar twin, for -128 too.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod lines;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(test)]
mod tests;

use super::{
    detect::{Level, level},
    memory::prefetch,
};

/// Longest slices that are multiplied: the sums of 255 * 128 stay in 32 bits, twice over.
pub(crate) const LENGTH_MAX: usize = 1 << 15;

/// How many rows ahead of the one that is multiplied are asked for from memory. Fewer and the loads wait; more and they
/// push each other out of the line buffers.
const AHEAD: usize = 8;

/// The dot product of two slices of one length.
///
/// # Panics
/// If the lengths differ or are above [`LENGTH_MAX`].
#[inline]
pub(crate) fn dot(a: &[i8], b: &[i8]) -> i32 {
    assert!(a.len() == b.len() && a.len() <= LENGTH_MAX, "lengths {} and {}", a.len(), b.len());
    // SAFETY: the level says that the instructions are there; the lengths are equal.
    unsafe {
        match level() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::dot(a, b),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => neon::dot(a, b),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Simd128 => simd128::dot(a, b),
            _ => scalar::dot(a, b),
        }
    }
}

/// The dot products of `query` with some of the rows that lie in `base` one after another, each as long as the query.
/// Rows are asked for from memory before their turn.
///
/// # Panics
/// If a row is not in `base`, `out` is not as long as `rows`, or the query is longer than [`LENGTH_MAX`].
#[inline]
pub(crate) fn dot_rows(query: &[i8], base: &[i8], rows: &[u32], out: &mut [i32]) {
    assert!(query.len() <= LENGTH_MAX && rows.len() == out.len(), "{} rows, {} sums", rows.len(), out.len());
    let count = if query.is_empty() { usize::MAX } else { base.len() / query.len() };
    // Branch-free, so that it costs next to nothing.
    let largest = rows.iter().fold(0, |largest, row| largest.max(*row));
    assert!(rows.is_empty() || (largest as usize) < count, "row {largest} of {count}");
    // SAFETY: the level says that the instructions are there; every row lies in the base, and `out` has a place for each.
    unsafe {
        match level() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::dot_rows(query, base, rows, out),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::dot_rows(query, base, rows, out),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => neon::dot_rows(query, base, rows, out),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Simd128 => simd128::dot_rows(query, base, rows, out),
            _ => scalar::dot_rows(query, base, rows, out),
        }
    }
}
