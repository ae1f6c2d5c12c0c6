//! WebAssembly simd128: bytes widened to 16 bits and multiplied in pairs, exact for every byte. Never relaxed-simd, whose
//! results differ between processors.

use core::arch::wasm32::*;

/// # Safety
/// The slices have one length.
#[inline]
pub(super) unsafe fn dot(a: &[i8], b: &[i8]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    let mut sums = [i32x4_splat(0); 2];
    let mut at = 0;
    while at + 16 <= a.len() {
        // SAFETY: 16 bytes are left of each.
        let (x, y) = unsafe { (v128_load(a.as_ptr().add(at).cast()), v128_load(b.as_ptr().add(at).cast())) };
        let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(x), i16x8_extend_low_i8x16(y));
        let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(x), i16x8_extend_high_i8x16(y));
        sums = [i32x4_add(sums[0], low), i32x4_add(sums[1], high)];
        at += 16;
    }
    let sum = i32x4_add(sums[0], sums[1]);
    let sum = i32x4_add(sum, i32x4_shuffle::<2, 3, 0, 1>(sum, sum));
    i32x4_extract_lane::<0>(sum) + i32x4_extract_lane::<1>(sum) + super::scalar::dot(&a[at..], &b[at..])
}

/// # Safety
/// Every row lies in the base; `out` is as long as `rows`.
pub(super) unsafe fn dot_rows(query: &[i8], base: &[i8], rows: &[u32], out: &mut [i32]) {
    for (row, out) in rows.iter().zip(out) {
        // SAFETY: a row is as long as the query.
        *out = unsafe { dot(query, &base[*row as usize * query.len()..][..query.len()]) };
    }
}
