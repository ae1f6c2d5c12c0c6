//! `LANES` floats at once, in the registers of the processor: what the inner loops are written in.
//!
//! Invariant: the same bits as in `scalar`. Every operation is one of IEEE 754, rounded by itself; nothing is fused.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub(super) mod neon;
pub(super) mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod simd128;
#[cfg(test)]
mod tests;

pub(super) use super::float::scalar::LANES;

/// `LANES` numbers in registers.
pub(super) trait Lanes: Copy {
    /// `LANES` times +0.
    fn zero() -> Self;
    /// The same number in all lanes.
    fn splat(x: f32) -> Self;
    fn load(from: &[f32; LANES]) -> Self;
    /// Loads less than `LANES`, and zeros.
    #[inline(always)]
    fn load_rest(from: &[f32]) -> Self {
        Self::load(&padded(from))
    }
    /// Loads numbers of 16 bits (IEEE 754 binary16), which are neither infinite nor NaN.
    fn load_half(from: &[u16; LANES]) -> Self;
    /// Integers.
    fn from_ints(from: &[u16; LANES]) -> Self;
    fn store(self, to: &mut [f32; LANES]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Adds up the lanes: the upper half to the lower half, until one is left.
    fn sum(self) -> f32;
    /// Whether any of them is larger than that of the other.
    fn any_above(self, other: Self) -> bool;
}

/// The components of a rest of less than `LANES`, and zeros.
#[inline(always)]
pub(super) fn padded<T: Copy + Default>(rest: &[T]) -> [T; LANES] {
    let mut all = [T::default(); LANES];
    for (to, from) in all.iter_mut().zip(rest) {
        *to = *from;
    }
    all
}
