//! Sums over the components of f32 vectors: dot product, square of the length, square of the distance.
//!
//! Invariant: the order of every sum is that of `scalar`, on every platform, so a score has the same bits everywhere.
//! Nothing is fused: the forms here are the definition with several lanes in a register.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
pub(crate) mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

use scalar::LANES;

/// `LANES` numbers in registers.
trait Lanes: Copy {
    /// `LANES` times +0.
    fn zero() -> Self;
    fn load(from: &[f32; LANES]) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Adds up the lanes: the upper half to the lower half, until one is left.
    fn sum(self) -> f32;
}

/// The first components of a rest of less than `LANES`, and zeros.
#[inline(always)]
fn padded(rest: &[f32]) -> [f32; LANES] {
    let mut all = [0.0; LANES];
    for (to, from) in all.iter_mut().zip(rest) {
        *to = *from;
    }
    all
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
        each(L::load(&padded(a_rest)), L::load(&padded(b_rest)));
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

macro_rules! choose {
    ($name:ident($a:ident, $b:ident)) => {{
        assert_eq!($a.len(), $b.len(), "vectors of one dimension are compared");
        #[cfg(target_arch = "x86_64")]
        if super::detect::level() != super::detect::Level::Scalar {
            // Sound: every other level of this architecture has AVX2.
            return unsafe { avx2::$name($a, $b) };
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        return neon::$name($a, $b);
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return simd128::$name($a, $b);
        #[allow(unreachable_code, reason = "on the platforms that have none of those")]
        scalar::$name($a, $b)
    }};
}

/// The dot product of two vectors of one dimension.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    choose!(dot(a, b))
}

/// The square of the Euclidean distance of two vectors of one dimension.
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    choose!(squared_distance(a, b))
}

/// The dot product of two vectors, and that of the second one with itself.
pub(crate) fn dot_and_square(a: &[f32], b: &[f32]) -> (f32, f32) {
    choose!(dot_and_square(a, b))
}

#[cfg(test)]
mod tests;
