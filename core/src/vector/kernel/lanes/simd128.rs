//! WebAssembly with simd128. Never relaxed instructions: their results may differ.

use super::{LANES, Lanes};
use crate::vector::kernel::float::scalar::HALF_IS_TOO_SMALL_BY;
use core::arch::wasm32::*;

#[derive(Clone, Copy)]
pub(in crate::vector::kernel) struct Simd128(v128, v128, v128, v128);

impl Simd128 {
    #[inline(always)]
    fn each(self, other: Simd128, of: impl Fn(v128, v128) -> v128) -> Simd128 {
        Simd128(of(self.0, other.0), of(self.1, other.1), of(self.2, other.2), of(self.3, other.3))
    }
}

// Sound: the module is there only if the target has the feature. Loads and stores are of arrays of `LANES`.
impl Lanes for Simd128 {
    #[inline(always)]
    fn zero() -> Simd128 {
        let zero = f32x4_splat(0.0);
        Simd128(zero, zero, zero, zero)
    }

    #[inline(always)]
    fn splat(x: f32) -> Simd128 {
        let all = f32x4_splat(x);
        Simd128(all, all, all, all)
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Simd128 {
        let at = from.as_ptr().cast::<v128>();
        unsafe { Simd128(v128_load(at), v128_load(at.add(1)), v128_load(at.add(2)), v128_load(at.add(3))) }
    }

    #[inline(always)]
    fn load_half(from: &[u16; LANES]) -> Simd128 {
        // As `scalar::from_half`: there is no instruction for it.
        let four = |at: usize| {
            let bits = unsafe { u32x4_load_extend_u16x4(from.as_ptr().add(at)) };
            let sign = u32x4_shl(v128_and(bits, u32x4_splat(0x8000)), 16);
            let size = u32x4_shl(v128_and(bits, u32x4_splat(0x7fff)), 13);
            f32x4_mul(v128_or(sign, size), f32x4_splat(HALF_IS_TOO_SMALL_BY))
        };
        Simd128(four(0), four(4), four(8), four(12))
    }

    #[inline(always)]
    fn from_ints(from: &[u16; LANES]) -> Simd128 {
        let four = |at: usize| unsafe { f32x4_convert_i32x4(u32x4_load_extend_u16x4(from.as_ptr().add(at))) };
        Simd128(four(0), four(4), four(8), four(12))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        let at = to.as_mut_ptr().cast::<v128>();
        unsafe {
            v128_store(at, self.0);
            v128_store(at.add(1), self.1);
            v128_store(at.add(2), self.2);
            v128_store(at.add(3), self.3);
        }
    }

    #[inline(always)]
    fn add(self, other: Simd128) -> Simd128 {
        self.each(other, |a, b| f32x4_add(a, b))
    }

    #[inline(always)]
    fn sub(self, other: Simd128) -> Simd128 {
        self.each(other, |a, b| f32x4_sub(a, b))
    }

    #[inline(always)]
    fn mul(self, other: Simd128) -> Simd128 {
        self.each(other, |a, b| f32x4_mul(a, b))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let four = f32x4_add(f32x4_add(self.0, self.2), f32x4_add(self.1, self.3));
        let two = f32x4_add(four, i32x4_shuffle::<2, 3, 0, 1>(four, four));
        f32x4_extract_lane::<0>(two) + f32x4_extract_lane::<1>(two)
    }

    #[inline(always)]
    fn any_above(self, other: Simd128) -> bool {
        let low = v128_or(f32x4_gt(self.0, other.0), f32x4_gt(self.1, other.1));
        let high = v128_or(f32x4_gt(self.2, other.2), f32x4_gt(self.3, other.3));
        v128_any_true(v128_or(low, high))
    }
}
