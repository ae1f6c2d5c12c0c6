//! AArch64.

use super::{LANES, Lanes};
use crate::vector::kernel::float::scalar::HALF_IS_TOO_SMALL_BY;
use core::arch::aarch64::*;

#[derive(Clone, Copy)]
pub(in crate::vector::kernel) struct Neon(float32x4_t, float32x4_t, float32x4_t, float32x4_t);

impl Neon {
    #[inline(always)]
    fn each(self, other: Neon, of: impl Fn(float32x4_t, float32x4_t) -> float32x4_t) -> Neon {
        Neon(of(self.0, other.0), of(self.1, other.1), of(self.2, other.2), of(self.3, other.3))
    }
}

// Sound: the module is there only if the target has the feature. Loads and stores are of arrays of `LANES`.
impl Lanes for Neon {
    #[inline(always)]
    fn zero() -> Neon {
        let zero = unsafe { vdupq_n_f32(0.0) };
        Neon(zero, zero, zero, zero)
    }

    #[inline(always)]
    fn splat(x: f32) -> Neon {
        let all = unsafe { vdupq_n_f32(x) };
        Neon(all, all, all, all)
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Neon {
        let at = from.as_ptr();
        unsafe { Neon(vld1q_f32(at), vld1q_f32(at.add(4)), vld1q_f32(at.add(8)), vld1q_f32(at.add(12))) }
    }

    #[inline(always)]
    fn load_half(from: &[u16; LANES]) -> Neon {
        // As `scalar::from_half`: in the baseline of the language there is no conversion.
        let four = |at: usize| unsafe {
            let bits = vmovl_u16(vld1_u16(from.as_ptr().add(at)));
            let sign = vshlq_n_u32::<16>(vandq_u32(bits, vdupq_n_u32(0x8000)));
            let size = vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7fff)));
            vmulq_f32(vreinterpretq_f32_u32(vorrq_u32(sign, size)), vdupq_n_f32(HALF_IS_TOO_SMALL_BY))
        };
        Neon(four(0), four(4), four(8), four(12))
    }

    #[inline(always)]
    fn from_ints(from: &[u16; LANES]) -> Neon {
        let four = |at: usize| unsafe { vcvtq_f32_u32(vmovl_u16(vld1_u16(from.as_ptr().add(at)))) };
        Neon(four(0), four(4), four(8), four(12))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        let at = to.as_mut_ptr();
        unsafe {
            vst1q_f32(at, self.0);
            vst1q_f32(at.add(4), self.1);
            vst1q_f32(at.add(8), self.2);
            vst1q_f32(at.add(12), self.3);
        }
    }

    #[inline(always)]
    fn add(self, other: Neon) -> Neon {
        self.each(other, |a, b| unsafe { vaddq_f32(a, b) })
    }

    #[inline(always)]
    fn sub(self, other: Neon) -> Neon {
        self.each(other, |a, b| unsafe { vsubq_f32(a, b) })
    }

    #[inline(always)]
    fn mul(self, other: Neon) -> Neon {
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

    #[inline(always)]
    fn any_above(self, other: Neon) -> bool {
        unsafe {
            let low = vorrq_u32(vcgtq_f32(self.0, other.0), vcgtq_f32(self.1, other.1));
            let high = vorrq_u32(vcgtq_f32(self.2, other.2), vcgtq_f32(self.3, other.3));
            vmaxvq_u32(vorrq_u32(low, high)) != 0
        }
    }
}
