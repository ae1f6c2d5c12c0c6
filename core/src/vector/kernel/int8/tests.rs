//! Every form against its scalar twin.

use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

type Dot = unsafe fn(&[i8], &[i8]) -> i32;
type DotRows = unsafe fn(&[i8], &[i8], &[u32], &mut [i32]);

/// Every form that this machine can run.
fn forms() -> Vec<(&'static str, Dot, DotRows)> {
    #[allow(unused_mut, reason = "on a platform with the scalar form alone")]
    let mut forms: Vec<(&'static str, Dot, DotRows)> = alloc::vec![(
        "dispatched",
        |a, b| dot(a, b),
        |a, b, c, d| {
            dot_rows(a, b, c, d);
        }
    )];
    #[cfg(target_arch = "x86_64")]
    {
        if matches!(level(), Level::Avx2 | Level::Avx512) {
            forms.push(("avx2", avx2::dot, avx2::dot_rows));
        }
        if level() == Level::Avx512 {
            forms.push(("avx512", avx512::dot, avx512::dot_rows));
        }
    }
    forms
}

/// Bytes with the extremes more often than by chance.
fn bytes(length: usize) -> impl Strategy<Value = Vec<i8>> {
    let byte = prop_oneof![4 => any::<i8>(), 1 => Just(i8::MIN), 1 => Just(i8::MAX), 1 => Just(0_i8)];
    proptest::collection::vec(byte, length)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 400 }))]

    #[test]
    fn every_form_gives_the_sum_of_the_scalar_one((length, offset, data) in (1_usize..=4096, 0_usize..64)
        .prop_flat_map(|(length, offset)| (Just(length), Just(offset), bytes(2 * length + 64)))) {
        let (a, b) = (&data[offset..][..length], &data[length + offset..][..length]);
        for (name, dot, _) in forms() {
            // SAFETY: the form is one that this machine can run; the lengths are equal.
            prop_assert_eq!(unsafe { dot(a, b) }, scalar::dot(a, b), "{} of {} at {}", name, length, offset);
        }
    }

    #[test]
    fn rows_give_the_sums_of_the_scalar_form((length, offset, data) in (1_usize..=300, 0_usize..64)
        .prop_flat_map(|(length, offset)| (Just(length), Just(offset), bytes(12 * length + 64)))) {
        let (query, base) = (&data[..length], &data[length + offset..][..11 * length]);
        for rows in [&[10_u32, 0, 3, 3, 9, 1, 2][..], &[], &[5]] {
            let mut expected = alloc::vec![0; rows.len()];
            scalar::dot_rows(query, base, rows, &mut expected);
            for (row, sum) in rows.iter().zip(&expected) {
                prop_assert_eq!(*sum, scalar::dot(query, &base[*row as usize * length..][..length]));
            }
            for (name, _, dot_rows) in forms() {
                let mut sums = alloc::vec![0; rows.len()];
                // SAFETY: the form is one that this machine can run; the rows lie in the base.
                unsafe { dot_rows(query, base, rows, &mut sums) };
                prop_assert_eq!(&sums, &expected, "{} of {}", name, length);
            }
        }
    }
}

#[test]
fn the_largest_sums_neither_saturate_nor_overflow() {
    for length in [1, 2, 15, 16, 31, 32, 63, 64, 65, 127, 128, 4095, 4096, LENGTH_MAX] {
        for (x, y) in [(i8::MIN, i8::MIN), (i8::MIN, i8::MAX), (i8::MAX, i8::MAX), (i8::MAX, i8::MIN)] {
            let (a, b) = (alloc::vec![x; length], alloc::vec![y; length]);
            let exact = length as i64 * i64::from(x) * i64::from(y);
            for (name, dot, _) in forms() {
                // SAFETY: the form is one that this machine can run; the lengths are equal.
                assert_eq!(i64::from(unsafe { dot(&a, &b) }), exact, "{name}, {length} times {x} * {y}");
            }
            assert_eq!(i64::from(scalar::dot(&a, &b)), exact);
        }
    }
}

#[test]
#[should_panic(expected = "row 3 of 3")]
fn a_row_beyond_the_base_is_refused() {
    dot_rows(&[1, 2], &[1, 2, 3, 4, 5, 6], &[0, 3], &mut [0, 0]);
}
