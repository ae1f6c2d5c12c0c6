//! x86-64 with AVX2. AVX-512 was no faster: rows come from memory, and half of this keeps up with it.

use super::{LANES, Lanes};
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(in crate::vector::kernel) struct Avx2(__m256, __m256);

// Sound where it is inlined: whoever uses it has the features AVX2 and F16C. Loads and stores are of arrays of `LANES`.
impl Lanes for Avx2 {
    #[inline(always)]
    fn zero() -> Avx2 {
        unsafe { Avx2(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }

    #[inline(always)]
    fn splat(x: f32) -> Avx2 {
        unsafe { Avx2(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Avx2 {
        unsafe { Avx2(_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn load_rest(from: &[f32]) -> Avx2 {
        // Of the components that are not there nothing is read.
        const THERE: [i32; 16] = {
            let mut there = [0; 16];
            let mut at = 0;
            while at < 8 {
                there[at] = -1;
                at += 1;
            }
            there
        };
        let eight = |start: usize| unsafe {
            let there = from.len().saturating_sub(start).min(8);
            let mask = _mm256_loadu_si256(THERE.as_ptr().add(8 - there).cast());
            _mm256_maskload_ps(from.as_ptr().add(start.min(from.len())), mask)
        };
        Avx2(eight(0), eight(8))
    }

    #[inline(always)]
    fn load_half(from: &[u16; LANES]) -> Avx2 {
        let at = from.as_ptr().cast::<__m128i>();
        unsafe { Avx2(_mm256_cvtph_ps(_mm_loadu_si128(at)), _mm256_cvtph_ps(_mm_loadu_si128(at.add(1)))) }
    }

    #[inline(always)]
    fn from_ints(from: &[u16; LANES]) -> Avx2 {
        let at = from.as_ptr().cast::<__m128i>();
        let eight = |at| unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128(at))) };
        unsafe { Avx2(eight(at), eight(at.add(1))) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        let at = to.as_mut_ptr();
        unsafe {
            _mm256_storeu_ps(at, self.0);
            _mm256_storeu_ps(at.add(8), self.1);
        }
    }

    #[inline(always)]
    fn add(self, other: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn sub(self, other: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn mul(self, other: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
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

    #[inline(always)]
    fn any_above(self, other: Avx2) -> bool {
        unsafe {
            let low = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0);
            let high = _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, other.1);
            _mm256_movemask_ps(_mm256_or_ps(low, high)) != 0
        }
    }
}
