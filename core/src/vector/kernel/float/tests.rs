//! Every form against its scalar twin, bit for bit.

use super::{dot, dot_and_square, dot_half, scalar, squared_distance};
use alloc::vec::Vec;
use proptest::prelude::*;

/// Components as they are allowed: of every size, both zeros, denormals.
fn component() -> impl Strategy<Value = f32> {
    let max = crate::limits::VECTOR_COMPONENT_MAX;
    prop_oneof![
        8 => -1.0..1.0_f32,
        1 => -max..max,
        1 => proptest::sample::select(&[0.0, -0.0, f32::MIN_POSITIVE, 1e-42, -1e-45, 1e-20, 1e16, -1e16][..]),
    ]
}

fn same(a: &[f32], b: &[f32]) {
    assert_eq!(dot(a, b).to_bits(), scalar::dot(a, b).to_bits());
    assert_eq!(squared_distance(a, b).to_bits(), scalar::squared_distance(a, b).to_bits());
    let (product, square) = dot_and_square(a, b);
    assert_eq!((product.to_bits(), square.to_bits()), (dot(a, b).to_bits(), dot(b, b).to_bits()));
    assert!(product.is_finite() && square.is_finite() && squared_distance(a, b).is_finite());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_form_has_the_bits_of_the_definition(
        all in proptest::collection::vec((component(), component()), 4..=600), skip in 0..4_usize,
    ) {
        // The parts that are left begin at any multiple of four bytes.
        let (a, b): (Vec<f32>, Vec<f32>) = all.into_iter().unzip();
        same(&a[skip..], &b[..b.len() - skip]);
    }
}

#[test]
fn every_dimension_has_the_bits_of_the_definition() {
    let max = crate::limits::VECTOR_DIMENSION_MAX;
    let a: Vec<f32> = (0..max).map(|i| ((i * 37 % 101) as f32 - 50.0) * 1.1).collect();
    let b: Vec<f32> = (0..max).map(|i| ((i * 53 % 97) as f32 - 48.0) * 0.7).collect();
    for dimension in 1..=max {
        same(&a[..dimension], &b[max - dimension..]);
    }
}

#[test]
fn sums_of_the_largest_components_are_finite() {
    let a = [crate::limits::VECTOR_COMPONENT_MAX; crate::limits::VECTOR_DIMENSION_MAX];
    same(&a, &a.map(|x| -x));
}

#[test]
fn numbers_of_16_bits_are_those_of_the_standard() {
    let value = scalar::from_half;
    assert_eq!([value(0x3c00), value(0xc000), value(0x3555)], [1.0, -2.0, 0.333_251_95]);
    assert_eq!([value(0x7bff), value(0x0400), value(0x0001)], [65_504.0, 6.103_515_6e-5, 5.960_464_5e-8]);
    assert_eq!(value(0x8000).to_bits(), (-0.0_f32).to_bits());
    for dimension in 1..=100 {
        let a: Vec<f32> = (0..dimension).map(|i| (i * 37 % 101) as f32 - 50.0).collect();
        let halves: Vec<u16> = (0..dimension as u16).map(|i| i.wrapping_mul(911) & 0xbfff).collect();
        let whole: Vec<f32> = halves.iter().map(|bits| value(*bits)).collect();
        assert_eq!(dot_half(&a, &halves).to_bits(), scalar::dot(&a, &whole).to_bits());
    }
}
