//! AArch64.

use super::{Lanes, dot_and_square_in, dot_in, scalar::LANES, squared_distance_in};
use core::arch::aarch64::*;

#[derive(Clone, Copy)]
struct Wide(float32x4_t, float32x4_t, float32x4_t, float32x4_t);

impl Wide {
    #[inline(always)]
    fn each(self, other: Wide, of: impl Fn(float32x4_t, float32x4_t) -> float32x4_t) -> Wide {
        Wide(of(self.0, other.0), of(self.1, other.1), of(self.2, other.2), of(self.3, other.3))
    }
}

// Sound: the module is there only if the target has the feature. Every load is of an array of `LANES`.
impl Lanes for Wide {
    #[inline(always)]
    fn zero() -> Wide {
        let zero = unsafe { vdupq_n_f32(0.0) };
        Wide(zero, zero, zero, zero)
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Wide {
        let at = from.as_ptr();
        unsafe { Wide(vld1q_f32(at), vld1q_f32(at.add(4)), vld1q_f32(at.add(8)), vld1q_f32(at.add(12))) }
    }

    #[inline(always)]
    fn add(self, other: Wide) -> Wide {
        self.each(other, |a, b| unsafe { vaddq_f32(a, b) })
    }

    #[inline(always)]
    fn sub(self, other: Wide) -> Wide {
        self.each(other, |a, b| unsafe { vsubq_f32(a, b) })
    }

    #[inline(always)]
    fn mul(self, other: Wide) -> Wide {
        self.each(other, |a, b| unsafe { vmulq_f32(a, b) })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe {
            let four = vaddq_f32(vaddq_f32(self.0, self.2), vaddq_f32(self.1, self.3));
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
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
