//! Every operation against its scalar twin.

use super::*;
use proptest::{array::uniform16, prelude::*};

/// Every result of a form, as bits.
fn results<L: Lanes>(a: &[f32; LANES], b: &[f32; LANES], halves: &[u16; LANES], rest: usize) -> Vec<u32> {
    let (wide, other) = (L::load(a), L::load(b));
    let forms = [
        wide.add(other),
        wide.sub(other),
        wide.mul(other),
        L::zero(),
        L::splat(a[0]),
        L::load_rest(&a[..rest]),
        L::load_half(halves),
        L::from_ints(halves),
    ];
    let stored = forms.iter().flat_map(|form| {
        let mut all = [0.0; LANES];
        form.store(&mut all);
        all.map(f32::to_bits)
    });
    stored.chain([wide.sum().to_bits(), u32::from(wide.any_above(other))]).collect()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn avx2(a: &[f32; LANES], b: &[f32; LANES], halves: &[u16; LANES], rest: usize) -> Vec<u32> {
    results::<avx2::Avx2>(a, b, halves, rest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_form_has_the_bits_of_the_scalar_one(
        a in uniform16(-1e16..1e16_f32),
        factors in uniform16(prop_oneof![Just(1.0_f32), -1.0..1.0_f32, Just(1e-45)]),
        halves in uniform16(any::<u16>().prop_map(|bits| bits & 0xbfff)),
        rest in 0..LANES,
    ) {
        let b: [f32; LANES] = core::array::from_fn(|at| if factors[at] > 0.9 { a[at] } else { factors[at] });
        let expected = results::<scalar::Scalar>(&a, &b, &halves, rest);
        #[cfg(target_arch = "x86_64")]
        if crate::vector::kernel::detect::level() != crate::vector::kernel::detect::Level::Scalar {
            prop_assert_eq!(&unsafe { avx2(&a, &b, &halves, rest) }, &expected);
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        prop_assert_eq!(&results::<neon::Neon>(&a, &b, &halves, rest), &expected);
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        prop_assert_eq!(&results::<simd128::Simd128>(&a, &b, &halves, rest), &expected);
        prop_assert!(!expected.is_empty());
    }
}
