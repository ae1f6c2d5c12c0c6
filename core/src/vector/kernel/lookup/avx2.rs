//! x86-64 with AVX2: half a unit at a time.

use super::{Lookup, ROWS, Rows, Tables, Unit, Visit, scan_in};
use crate::vector::kernel::lanes;
use core::arch::x86_64::*;

struct Avx2;

impl Lookup for Avx2 {
    type Lanes = lanes::avx2::Avx2;

    // Sound where it is inlined: `scan` has the feature, and every load is of one half of a unit.
    #[inline(always)]
    fn part(tables: &[[Unit; 2]], codes: &[Unit]) -> [u16; ROWS] {
        unsafe {
            let low = _mm256_set1_epi8(15);
            let (mut all, mut odd_rows) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            for ([even, odd], codes) in tables.iter().zip(codes) {
                for half in 0..2 {
                    let codes = load(codes, half);
                    let even = _mm256_shuffle_epi8(load(even, half), _mm256_and_si256(codes, low));
                    let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), low);
                    let entries = _mm256_add_epi8(even, _mm256_shuffle_epi8(load(odd, half), upper));
                    // Each 16 bits are the entries of two rows: the sum of them all, and that of the upper ones.
                    all = _mm256_add_epi16(all, entries);
                    odd_rows = _mm256_add_epi16(odd_rows, _mm256_srli_epi16::<8>(entries));
                }
            }
            let even_rows = _mm256_sub_epi16(all, _mm256_slli_epi16::<8>(odd_rows));
            core::mem::transmute([fold(even_rows), fold(odd_rows)])
        }
    }
}

#[inline(always)]
unsafe fn load(unit: &Unit, half: usize) -> __m256i {
    unsafe { _mm256_load_si256(unit.0.as_ptr().cast::<__m256i>().add(half)) }
}

#[inline(always)]
unsafe fn fold(sums: __m256i) -> __m128i {
    unsafe { _mm_add_epi16(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums)) }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn scan(tables: &Tables, rows: Rows, visitor: &mut impl Visit) {
    scan_in::<Avx2>(tables, rows, visitor);
}
