//! x86-64 with AVX2. AVX-512 was no faster: rows come from memory, and half of this keeps up with it.

use super::{Lanes, dot_and_square_in, dot_in, scalar::LANES, squared_distance_in};
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
struct Wide(__m256, __m256);

// Sound where it is inlined: the functions below have the feature. Every load is of an array of `LANES`.
impl Lanes for Wide {
    #[inline(always)]
    fn zero() -> Wide {
        unsafe { Wide(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Wide {
        unsafe { Wide(_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn add(self, other: Wide) -> Wide {
        unsafe { Wide(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn sub(self, other: Wide) -> Wide {
        unsafe { Wide(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn mul(self, other: Wide) -> Wide {
        unsafe { Wide(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe {
            let eight = _mm256_add_ps(self.0, self.1);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    dot_in::<Wide>(a, b)
}

#[target_feature(enable = "avx2")]
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    squared_distance_in::<Wide>(a, b)
}

#[target_feature(enable = "avx2")]
pub(super) fn dot_and_square(a: &[f32], b: &[f32]) -> (f32, f32) {
    dot_and_square_in::<Wide>(a, b)
}
