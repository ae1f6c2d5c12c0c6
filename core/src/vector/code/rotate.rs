//! A fixed rotation that spreads what is in a few components over all of them, so that every component of a rotated
//! vector looks like a sample of one normal distribution and one table of levels serves them all.
//!
//! Random signs and Hadamard transforms (Ailon and Chazelle, "The fast Johnson-Lindenstrauss transform", 2009): of the
//! first and of the last components, as many as the largest power of two, and of the first ones once more, so that all
//! are mixed. Invariant: an orthogonal map, computed in one order of additions.

use crate::limits::VECTOR_DIMENSION_MAX;

/// Part of what codes mean: other signs are another rotation.
const SEED: u64 = 0x6b6f_7275_6465_6c74;

/// A random bit for each component and round: the output of SplitMix64 (Steele, Lea and Flood, 2014).
fn signs(round: u64, word: usize) -> u64 {
    let mut x = SEED.wrapping_add((round << 32 | (word as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn flip_signs(vector: &mut [f32], round: u64) {
    for (word, part) in vector.chunks_mut(64).enumerate() {
        let bits = signs(round, word);
        for (at, x) in part.iter_mut().enumerate() {
            *x = f32::from_bits(x.to_bits() ^ ((bits >> at) as u32 & 1) << 31);
        }
    }
}

/// The Hadamard transform of a power of two of components.
fn hadamard(part: &mut [f32]) {
    let mut half = 1;
    while half < part.len() {
        for pair in part.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    // Half the power of two of the root, and what is left of it.
    let bits = part.len().trailing_zeros();
    let scale = (if bits % 2 == 1 { core::f32::consts::FRAC_1_SQRT_2 } else { 1.0 }) / (1_u32 << (bits / 2)) as f32;
    part.iter_mut().for_each(|x| *x *= scale);
}

/// Rotates a vector in place.
pub(crate) fn rotate(vector: &mut [f32]) {
    debug_assert!(vector.len() <= VECTOR_DIMENSION_MAX);
    let dimension = vector.len();
    if dimension == 0 {
        return;
    }
    let power = 1_usize << dimension.ilog2();
    flip_signs(vector, 0);
    hadamard(&mut vector[..power]);
    if power < dimension {
        flip_signs(vector, 1);
        hadamard(&mut vector[dimension - power..]);
        flip_signs(vector, 2);
        hadamard(&mut vector[..power]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    fn rotated(mut vector: Vec<f32>) -> Vec<f32> {
        rotate(&mut vector);
        vector
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    #[test]
    fn a_rotation_keeps_products() {
        for dimension in [1, 2, 3, 7, 8, 100, 128, 384, 1000, 4095, 4096] {
            let a: Vec<f32> = (0..dimension).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
            let b: Vec<f32> = (0..dimension).map(|i| ((i * 53 % 97) as f32 - 40.0) / 50.0).collect();
            let (before, after) = (dot(&a, &b), dot(&rotated(a), &rotated(b)));
            assert!((before - after).abs() < 1e-5 * dimension as f64, "{dimension}: {before} {after}");
        }
    }

    #[test]
    fn one_component_is_spread_over_all_of_them() {
        for (dimension, most) in [(64, 0.2), (100, 0.5), (384, 0.25), (768, 0.2)] {
            for at in [0, dimension / 2, dimension - 1] {
                let mut vector = vec![0.0; dimension];
                vector[at] = 1.0;
                let most_of = rotated(vector).into_iter().fold(0.0, |most: f32, x| most.max(x.abs()));
                assert!(most_of < most, "{dimension}, {at}: {most_of}");
            }
        }
    }

    #[test]
    fn the_rotation_is_the_one_that_stored_codes_were_made_with() {
        let bits = |dimension: usize| {
            let vector = rotated((0..dimension).map(|i| i as f32 / 7.0).collect());
            vector.iter().fold(0_u32, |hash, x| hash.rotate_left(5).wrapping_mul(31) ^ x.to_bits())
        };
        assert_eq!(
            [bits(3), bits(100), bits(128), bits(384)],
            [1_384_380_534, 3_723_647_430, 1_305_756_528, 1_388_169_070]
        );
    }
}
