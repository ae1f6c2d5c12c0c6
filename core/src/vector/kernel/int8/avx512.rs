//! AVX-512 with VNNI: `vpdpbusd` adds products of unsigned and signed bytes to 32 bits, without saturation (that is
//! `vpdpbusds`). One side is made unsigned by adding 128, and 128 times the sum of the other is taken off.

use super::{AHEAD, prefetch};
use core::arch::x86_64::*;

/// # Safety
/// `from` can be read for `length` bytes, 1 to 63.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load_tail(from: *const i8, length: usize) -> __m512i {
    // SAFETY: the mask leaves out what is not there.
    unsafe { _mm512_maskz_loadu_epi8((1_u64 << length) - 1, from) }
}

/// 128 times the sum of the bytes, which is what the products of the shifted side have too much.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn excess(of: &[i8]) -> i32 {
    let shift = _mm512_set1_epi8(i8::MIN);
    let mut sum = _mm512_setzero_si512();
    let mut at = 0;
    while at + 64 <= of.len() {
        // SAFETY: 64 bytes are left.
        sum = _mm512_dpbusd_epi32(sum, shift, unsafe { _mm512_loadu_si512(of.as_ptr().add(at).cast()) });
        at += 64;
    }
    if at < of.len() {
        // SAFETY: as many are left.
        sum = _mm512_dpbusd_epi32(sum, shift, unsafe { load_tail(of.as_ptr().add(at), of.len() - at) });
    }
    _mm512_reduce_add_epi32(sum)
}

/// # Safety
/// AVX-512 F, BW and VNNI are there; the slices have one length.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn dot(a: &[i8], b: &[i8]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    // SAFETY: `b` is one row of the length of the query.
    unsafe { one(a, b.as_ptr()) - excess(a) }
}

/// The dot product of the query with a row of which every byte is 128 more.
///
/// # Safety
/// `row` can be read for the length of the query.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn one(query: &[i8], row: *const i8) -> i32 {
    let shift = _mm512_set1_epi8(i8::MIN);
    let mut sums = [_mm512_setzero_si512(); 2];
    let mut at = 0;
    // SAFETY: every load is below the length of the query.
    unsafe {
        let load = |from: *const i8, at: usize| _mm512_loadu_si512(from.add(at).cast());
        while at + 128 <= query.len() {
            let (r0, r1) = (load(row, at), load(row, at + 64));
            sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_xor_si512(r0, shift), load(query.as_ptr(), at));
            sums[1] = _mm512_dpbusd_epi32(sums[1], _mm512_xor_si512(r1, shift), load(query.as_ptr(), at + 64));
            at += 128;
        }
        if at + 64 <= query.len() {
            let r = _mm512_xor_si512(load(row, at), shift);
            sums[0] = _mm512_dpbusd_epi32(sums[0], r, load(query.as_ptr(), at));
            at += 64;
        }
        if at < query.len() {
            let r = _mm512_xor_si512(load_tail(row.add(at), query.len() - at), shift);
            sums[1] = _mm512_dpbusd_epi32(sums[1], r, load_tail(query.as_ptr().add(at), query.len() - at));
        }
    }
    _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]))
}

/// # Safety
/// AVX-512 F, BW and VNNI are there; every row lies in the base; `out` is as long as `rows`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn dot_rows(query: &[i8], base: &[i8], rows: &[u32], out: &mut [i32]) {
    let excess = excess(query);
    // SAFETY: the row lies in the base.
    let of = |row: u32| unsafe { base.get_unchecked(row as usize * query.len()..).get_unchecked(..query.len()) };
    for row in rows.iter().take(AHEAD) {
        prefetch(of(*row));
    }
    for (at, (row, out)) in rows.iter().zip(out).enumerate() {
        if let Some(next) = rows.get(at + AHEAD) {
            prefetch(of(*next));
        }
        // SAFETY: a row is as long as the query.
        *out = unsafe { one(query, of(*row).as_ptr()) } - excess;
    }
}
