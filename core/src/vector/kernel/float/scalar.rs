//! The definition of every sum: what the other forms have to give bit for bit.
//!
//! Component i belongs to lane i mod `LANES`. Each lane adds up its terms from the front, a multiplication and then an
//! addition, each rounded; then the upper half of the lanes is added to the lower half until one is left. A lane begins
//! at +0 and so never becomes -0: adding the term of padding, +0, changes nothing.
//!
//! 16 lanes: with 32 nothing was faster on x86-64 or in WebAssembly, and two sums at once no longer fit the 16 registers.

/// Lanes of a sum.
pub(crate) const LANES: usize = 16;

fn sum<T: Copy>(a: &[f32], b: &[T], term: impl Fn(f32, T) -> f32) -> f32 {
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

pub(crate) fn dot_half(a: &[f32], b: &[u16]) -> f32 {
    sum(a, b, |a, b| a * from_half(b))
}

/// The distance of the exponents of 16 and of 32 bits, as a power of two.
pub(crate) const HALF_IS_TOO_SMALL_BY: f32 = f32::from_bits((127 + 112) << 23);

/// The number that 16 bits are, if it is finite: with the exponent moved to where that of 32 bits is, it is too small by
/// a power of two. The smallest numbers, which have no leading one, come out right as well.
pub(crate) fn from_half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    f32::from_bits(sign | u32::from(bits & 0x7fff) << 13) * HALF_IS_TOO_SMALL_BY
}
