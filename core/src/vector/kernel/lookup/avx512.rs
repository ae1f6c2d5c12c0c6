//! x86-64 with AVX-512: a unit at a time.

use super::{Lookup, ROWS, Rows, Tables, Unit, Visit, scan_in};
use crate::vector::kernel::lanes;
use core::arch::x86_64::*;

struct Avx512;

impl Lookup for Avx512 {
    type Lanes = lanes::avx2::Avx2;

    // Sound where it is inlined: `scan` has the features, and every load is of a whole unit.
    #[inline(always)]
    fn part(tables: &[[Unit; 2]], codes: &[Unit]) -> [u16; ROWS] {
        unsafe {
            let low = _mm512_set1_epi8(15);
            let (mut all, mut odd_rows) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            for ([even, odd], codes) in tables.iter().zip(codes) {
                let codes = load(codes);
                let even = _mm512_shuffle_epi8(load(even), _mm512_and_si512(codes, low));
                let odd = _mm512_shuffle_epi8(load(odd), _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low));
                let entries = _mm512_add_epi8(even, odd);
                // Each 16 bits are the entries of two rows: the sum of them all, and that of the upper ones.
                all = _mm512_add_epi16(all, entries);
                odd_rows = _mm512_add_epi16(odd_rows, _mm512_srli_epi16::<8>(entries));
            }
            let even_rows = _mm512_sub_epi16(all, _mm512_slli_epi16::<8>(odd_rows));
            core::mem::transmute([fold(even_rows), fold(odd_rows)])
        }
    }
}

#[inline(always)]
unsafe fn load(unit: &Unit) -> __m512i {
    unsafe { _mm512_load_si512(unit.0.as_ptr().cast()) }
}

#[inline(always)]
unsafe fn fold(sums: __m512i) -> __m128i {
    unsafe {
        let two = _mm256_add_epi16(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums));
        _mm_add_epi16(_mm256_castsi256_si128(two), _mm256_extracti128_si256::<1>(two))
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn scan(tables: &Tables, rows: Rows, visitor: &mut impl Visit) {
    scan_in::<Avx512>(tables, rows, visitor);
}
