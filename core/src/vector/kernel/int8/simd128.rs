//! WebAssembly simd128: bytes widened to 16 bits and multiplied in pairs, exact for every byte. Never relaxed-simd, whose
//! results differ between processors.

use core::arch::wasm32::*;

/// Rows that are multiplied at a time: each widened piece of the query serves them all, and their loads wait together.
const TOGETHER: usize = 4;

/// The products of `N` rows with a query, in pieces of 8 bytes that are widened as they are loaded; the rest one by one.
///
/// # Safety
/// Each row can be read for the length of the query.
#[inline(always)]
unsafe fn dots<const N: usize>(query: &[i8], rows: [*const i8; N]) -> [i32; N] {
    let mut sums = [i32x4_splat(0); N];
    let mut add = |at: usize| {
        // SAFETY: 8 bytes are left of each.
        let widened = |start: *const i8| unsafe { i16x8_load_extend_i8x8(start.add(at)) };
        let piece = widened(query.as_ptr());
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = i32x4_add(*sum, i32x4_dot_i16x8(piece, widened(row)));
        }
    };
    let mut at = 0;
    // What is optimised for size would not unroll it.
    while at + 32 <= query.len() {
        add(at);
        add(at + 8);
        add(at + 16);
        add(at + 24);
        at += 32;
    }
    while at + 8 <= query.len() {
        add(at);
        at += 8;
    }
    let mut out = [0; N];
    for ((out, sum), row) in out.iter_mut().zip(sums).zip(rows) {
        let sum = i32x4_add(sum, i32x4_shuffle::<2, 3, 0, 1>(sum, sum));
        // SAFETY: the row is as long as the query.
        let rest = unsafe { core::slice::from_raw_parts(row.add(at), query.len() - at) };
        *out = i32x4_extract_lane::<0>(sum) + i32x4_extract_lane::<1>(sum) + super::scalar::dot(&query[at..], rest);
    }
    out
}

/// # Safety
/// The slices have one length.
pub(super) unsafe fn dot(a: &[i8], b: &[i8]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    // SAFETY: the lengths are equal.
    unsafe { dots(a, [b.as_ptr()])[0] }
}

/// # Safety
/// Every row lies in the base; `out` is as long as `rows`.
pub(super) unsafe fn dot_rows(query: &[i8], base: &[i8], rows: &[u32], out: &mut [i32]) {
    let start = |row: u32| base[row as usize * query.len()..][..query.len()].as_ptr();
    let (groups, rest) = rows.as_chunks::<TOGETHER>();
    let (group_sums, rest_sums) = out.as_chunks_mut::<TOGETHER>();
    for (group, sums) in groups.iter().zip(group_sums) {
        // SAFETY: a row is as long as the query.
        *sums = unsafe { dots(query, group.map(start)) };
    }
    for (row, sum) in rest.iter().zip(rest_sums) {
        // SAFETY: a row is as long as the query.
        [*sum] = unsafe { dots(query, [start(*row)]) };
    }
}
