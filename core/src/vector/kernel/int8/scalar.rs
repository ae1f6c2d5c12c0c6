//! The sums as they are defined.

use super::{AHEAD, prefetch};

pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

pub(super) fn dot_rows(query: &[i8], base: &[i8], rows: &[u32], out: &mut [i32]) {
    let of = |row: u32| &base[row as usize * query.len()..][..query.len()];
    for (at, (row, out)) in rows.iter().zip(out).enumerate() {
        if let Some(next) = rows.get(at + AHEAD) {
            prefetch(of(*next));
        }
        *out = dot(query, of(*row));
    }
}
