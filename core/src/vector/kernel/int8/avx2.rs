//! AVX2: bytes widened to 16 bits and multiplied in pairs (`vpmaddwd`), which is exact for every byte. The form over unsigned
//! and signed bytes (`vpmaddubsw`) saturates.

use super::{AHEAD, prefetch};
use core::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx2")]
fn sum(v: __m256i) -> i32 {
    let v = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let v = _mm_add_epi32(v, _mm_shuffle_epi32::<0b01_00_11_10>(v));
    _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32::<0b10_11_00_01>(v)))
}

/// # Safety
/// `a` and `b` can be read for 16 bytes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn products(a: *const i8, b: *const i8) -> __m256i {
    // SAFETY: the caller's.
    let (a, b) = unsafe { (_mm_loadu_si128(a.cast()), _mm_loadu_si128(b.cast())) };
    _mm256_madd_epi16(_mm256_cvtepi8_epi16(a), _mm256_cvtepi8_epi16(b))
}

/// # Safety
/// AVX2 is there; the slices have one length.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn dot(a: &[i8], b: &[i8]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    let mut sums = [_mm256_setzero_si256(); 2];
    let mut at = 0;
    while at + 32 <= a.len() {
        // SAFETY: 32 bytes are left of each.
        unsafe {
            sums[0] = _mm256_add_epi32(sums[0], products(a.as_ptr().add(at), b.as_ptr().add(at)));
            sums[1] = _mm256_add_epi32(sums[1], products(a.as_ptr().add(at + 16), b.as_ptr().add(at + 16)));
        }
        at += 32;
    }
    sum(_mm256_add_epi32(sums[0], sums[1])) + super::scalar::dot(&a[at..], &b[at..])
}

/// # Safety
/// AVX2 is there; every row lies in the base; `out` is as long as `rows`.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn dot_rows(query: &[i8], base: &[i8], rows: &[u32], out: &mut [i32]) {
    let of = |row: u32| &base[row as usize * query.len()..][..query.len()];
    for (at, (row, out)) in rows.iter().zip(out).enumerate() {
        if let Some(next) = rows.get(at + AHEAD) {
            prefetch(of(*next));
        }
        // SAFETY: a row is as long as the query.
        *out = unsafe { dot(query, of(*row)) };
    }
}
