//! Sums over the components of f32 vectors: dot product, square of the length, square of the distance.
//!
//! Invariant: the order of every sum is that of `scalar`, on every platform, so a score has the same bits everywhere.
//! Nothing is fused: the forms here are the definition with several lanes in a register.

pub(crate) mod scalar;

#[cfg(target_arch = "x86_64")]
use super::detect::{Level, level};
use super::lanes::{LANES, Lanes, padded};

/// How many zeros make vectors of a dimension the fastest.
pub(crate) fn padding(dimension: usize) -> usize {
    dimension.next_multiple_of(LANES) - dimension
}

/// Calls `each` with the vectors, `LANES` components at a time, the last ones padded.
#[inline(always)]
fn walk<L: Lanes>(a: &[f32], b: &[f32], mut each: impl FnMut(L, L)) {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        each(L::load(a), L::load(b));
    }
    if !a_rest.is_empty() {
        each(L::load_rest(a_rest), L::load_rest(b_rest));
    }
}

#[inline(always)]
fn dot_in<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = L::zero();
    walk::<L>(a, b, |a, b| sum = sum.add(a.mul(b)));
    sum.sum()
}

#[inline(always)]
fn squared_distance_in<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = L::zero();
    walk::<L>(a, b, |a, b| {
        let difference = a.sub(b);
        sum = sum.add(difference.mul(difference));
    });
    sum.sum()
}

#[inline(always)]
fn dot_and_square_in<L: Lanes>(a: &[f32], b: &[f32]) -> (f32, f32) {
    let (mut dot, mut square) = (L::zero(), L::zero());
    walk::<L>(a, b, |a, b| {
        dot = dot.add(a.mul(b));
        square = square.add(b.mul(b));
    });
    (dot.sum(), square.sum())
}

#[inline(always)]
fn dot_half_in<L: Lanes>(a: &[f32], b: &[u16]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sum = L::zero();
    for (a, b) in a.iter().zip(b) {
        sum = sum.add(L::load(a).mul(L::load_half(b)));
    }
    if !a_rest.is_empty() {
        sum = sum.add(L::load_rest(a_rest).mul(L::load_half(&padded(b_rest))));
    }
    sum.sum()
}

macro_rules! kernels {
    ($($(#[doc = $doc:literal])+ $name:ident = $of:ident: $b:ty => $result:ty;)+) => {
        $($(#[doc = $doc])+ pub(crate) fn $name(a: &[f32], b: &[$b]) -> $result {
            assert_eq!(a.len(), b.len(), "vectors of one dimension are compared");
            #[cfg(target_arch = "x86_64")]
            if level() != Level::Scalar {
                // Sound: every other level of this architecture has the features.
                return unsafe { avx2::$name(a, b) };
            }
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            return $of::<super::lanes::neon::Neon>(a, b);
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            return $of::<super::lanes::simd128::Simd128>(a, b);
            #[allow(unreachable_code, reason = "on the platforms that have none of those")]
            scalar::$name(a, b)
        })+

        /// AVX-512 was no faster: rows come from memory, and half of this keeps up with it.
        #[cfg(target_arch = "x86_64")]
        mod avx2 {
            use super::*;
            use crate::vector::kernel::lanes::avx2::Avx2;

            $(#[target_feature(enable = "avx2,f16c")]
            pub(super) fn $name(a: &[f32], b: &[$b]) -> $result {
                $of::<Avx2>(a, b)
            })+
        }
    };
}

kernels! {
    /// The dot product of two vectors of one dimension.
    dot = dot_in: f32 => f32;
    /// The square of the Euclidean distance of two vectors of one dimension.
    squared_distance = squared_distance_in: f32 => f32;
    /// The dot product of two vectors, and that of the second one with itself.
    dot_and_square = dot_and_square_in: f32 => (f32, f32);
    /// The dot product of a vector with one whose components are numbers of 16 bits, none of them infinite or NaN.
    dot_half = dot_half_in: u16 => f32;
}

#[cfg(test)]
mod tests;
