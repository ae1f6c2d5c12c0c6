//! The definition of every sum: what the other forms have to give bit for bit.
//!
//! Component i belongs to lane i mod `LANES`. Each lane adds up its terms from the front, a multiplication and then an
//! addition, each rounded; then the upper half of the lanes is added to the lower half until one is left. A lane begins
//! at +0 and so never becomes -0: adding the term of padding, +0, changes nothing.
//!
//! 16 lanes: with 32 nothing was faster on x86-64 or in WebAssembly, and two sums at once no longer fit the 16 registers.

/// Lanes of a sum.
pub(crate) const LANES: usize = 16;

fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += term(*a, *b);
        }
    }
    sum_of_lanes(lanes)
}

pub(crate) fn sum_of_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        let (low, high) = lanes.split_at_mut(width);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    lanes[0]
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |a, b| a * b)
}

pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |a, b| (a - b) * (a - b))
}

pub(crate) fn dot_and_square(a: &[f32], b: &[f32]) -> (f32, f32) {
    (dot(a, b), dot(b, b))
}
