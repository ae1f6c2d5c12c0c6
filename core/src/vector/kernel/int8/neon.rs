//! NEON: products of bytes in 16 bits, of which neighbours are added to 32 bits. Exact for every byte: a product alone is at
//! most 2^14, two of them would not fit into 16 bits.

use core::arch::aarch64::*;

/// # Safety
/// The slices have one length.
#[inline]
pub(super) unsafe fn dot(a: &[i8], b: &[i8]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    let mut at = 0;
    // SAFETY: NEON is part of the target; every load is below the length.
    let sum = unsafe {
        let mut sums = [vdupq_n_s32(0); 2];
        while at + 16 <= a.len() {
            let (x, y) = (vld1q_s8(a.as_ptr().add(at)), vld1q_s8(b.as_ptr().add(at)));
            sums[0] = vpadalq_s16(sums[0], vmull_s8(vget_low_s8(x), vget_low_s8(y)));
            sums[1] = vpadalq_s16(sums[1], vmull_high_s8(x, y));
            at += 16;
        }
        vaddvq_s32(vaddq_s32(sums[0], sums[1]))
    };
    sum + super::scalar::dot(&a[at..], &b[at..])
}

/// # Safety
/// Every row lies in the base; `out` is as long as `rows`.
pub(super) unsafe fn dot_rows(query: &[i8], base: &[i8], rows: &[u32], out: &mut [i32]) {
    for (row, out) in rows.iter().zip(out) {
        // SAFETY: a row is as long as the query.
        *out = unsafe { dot(query, &base[*row as usize * query.len()..][..query.len()]) };
    }
}
