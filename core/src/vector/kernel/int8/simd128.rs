//! WebAssembly simd128: bytes widened to 16 bits and multiplied in pairs, exact for every byte. Never relaxed-simd, whose
//! results differ between processors.

use core::arch::wasm32::*;

/// Rows that are multiplied at a time: each widened piece of the query serves them all, and their loads wait together.
const TOGETHER: usize = 4;

/// Bytes that are widened as they are loaded.
const PIECE: usize = 8;

/// # Safety
/// A piece can be read from there.
#[inline(always)]
unsafe fn widened(start: *const i8) -> v128 {
    // SAFETY: as the caller says.
    unsafe { i16x8_load_extend_i8x8(start) }
}

#[inline(always)]
fn add(sum: v128, a: v128, b: v128) -> v128 {
    i32x4_add(sum, i32x4_dot_i16x8(a, b))
}

#[inline(always)]
fn total(sum: v128) -> i32 {
    let sum = i32x4_add(sum, i32x4_shuffle::<2, 3, 0, 1>(sum, sum));
    i32x4_extract_lane::<0>(sum) + i32x4_extract_lane::<1>(sum)
}

/// # Safety
/// The slices have one length.
pub(super) unsafe fn dot(a: &[i8], b: &[i8]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    let (mut first, mut second) = (i32x4_splat(0), i32x4_splat(0));
    let mut at = 0;
    while at + 2 * PIECE <= a.len() {
        // SAFETY: two pieces are left of each.
        unsafe {
            let (x, y) = (a.as_ptr().add(at), b.as_ptr().add(at));
            first = add(first, widened(x), widened(y));
            second = add(second, widened(x.add(PIECE)), widened(y.add(PIECE)));
        }
        at += 2 * PIECE;
    }
    total(i32x4_add(first, second)) + super::scalar::dot(&a[at..], &b[at..])
}

/// The products of four rows with a query. Each row has sums of its own by name: an array of them would be kept in memory, for
/// what is optimised for size is not unrolled.
///
/// # Safety
/// Each row can be read for the length of the query.
#[inline(always)]
unsafe fn dots(query: &[i8], [a, b, c, d]: [*const i8; TOGETHER]) -> [i32; TOGETHER] {
    let [mut of_a, mut of_b, mut of_c, mut of_d] = [i32x4_splat(0); TOGETHER];
    let mut at = 0;
    while at + PIECE <= query.len() {
        // SAFETY: a piece is left of each.
        unsafe {
            let piece = widened(query.as_ptr().add(at));
            of_a = add(of_a, piece, widened(a.add(at)));
            of_b = add(of_b, piece, widened(b.add(at)));
            of_c = add(of_c, piece, widened(c.add(at)));
            of_d = add(of_d, piece, widened(d.add(at)));
        }
        at += PIECE;
    }
    // SAFETY: the rows are as long as the query.
    let rest = |row: *const i8| unsafe { core::slice::from_raw_parts(row.add(at), query.len() - at) };
    let whole = |sum, row| total(sum) + super::scalar::dot(&query[at..], rest(row));
    [whole(of_a, a), whole(of_b, b), whole(of_c, c), whole(of_d, d)]
}

/// # Safety
/// Every row lies in the base; `out` is as long as `rows`.
pub(super) unsafe fn dot_rows(query: &[i8], base: &[i8], rows: &[u32], out: &mut [i32]) {
    let place = |row: u32| &base[row as usize * query.len()..][..query.len()];
    let (groups, rest) = rows.as_chunks::<TOGETHER>();
    let (group_sums, rest_sums) = out.as_chunks_mut::<TOGETHER>();
    for (group, sums) in groups.iter().zip(group_sums) {
        // SAFETY: a row is as long as the query.
        *sums = unsafe { dots(query, group.map(|row| place(row).as_ptr())) };
    }
    for (row, sum) in rest.iter().zip(rest_sums) {
        // SAFETY: a row is as long as the query.
        *sum = unsafe { dot(query, place(*row)) };
    }
}
