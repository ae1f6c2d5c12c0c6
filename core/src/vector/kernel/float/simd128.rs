//! WebAssembly with simd128. Never relaxed instructions: their results may differ.

use super::{Lanes, dot_and_square_in, dot_in, scalar::LANES, squared_distance_in};
use core::arch::wasm32::*;

#[derive(Clone, Copy)]
struct Wide(v128, v128, v128, v128);

impl Wide {
    #[inline(always)]
    fn each(self, other: Wide, of: impl Fn(v128, v128) -> v128) -> Wide {
        Wide(of(self.0, other.0), of(self.1, other.1), of(self.2, other.2), of(self.3, other.3))
    }
}

// Sound: the module is there only if the target has the feature. Every load is of an array of `LANES`.
impl Lanes for Wide {
    #[inline(always)]
    fn zero() -> Wide {
        let zero = f32x4_splat(0.0);
        Wide(zero, zero, zero, zero)
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Wide {
        let at = from.as_ptr().cast::<v128>();
        unsafe { Wide(v128_load(at), v128_load(at.add(1)), v128_load(at.add(2)), v128_load(at.add(3))) }
    }

    #[inline(always)]
    fn add(self, other: Wide) -> Wide {
        self.each(other, f32x4_add)
    }

    #[inline(always)]
    fn sub(self, other: Wide) -> Wide {
        self.each(other, f32x4_sub)
    }

    #[inline(always)]
    fn mul(self, other: Wide) -> Wide {
        self.each(other, f32x4_mul)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let four = f32x4_add(f32x4_add(self.0, self.2), f32x4_add(self.1, self.3));
        let two = f32x4_add(four, i32x4_shuffle::<2, 3, 0, 1>(four, four));
        f32x4_extract_lane::<0>(two) + f32x4_extract_lane::<1>(two)
    }
}

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    dot_in::<Wide>(a, b)
}

pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    squared_distance_in::<Wide>(a, b)
}

pub(super) fn dot_and_square(a: &[f32], b: &[f32]) -> (f32, f32) {
    dot_and_square_in::<Wide>(a, b)
}
