//! Where there are no instructions for it, and for comparison.

use super::{LANES, Lanes};
use crate::vector::kernel::float::scalar::{from_half, sum_of_lanes};

#[derive(Clone, Copy)]
pub(in crate::vector::kernel) struct Scalar([f32; LANES]);

impl Scalar {
    #[inline(always)]
    fn each(mut self, other: Scalar, of: impl Fn(f32, f32) -> f32) -> Scalar {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a = of(*a, b));
        self
    }
}

impl Lanes for Scalar {
    fn zero() -> Scalar {
        Scalar::splat(0.0)
    }

    fn splat(x: f32) -> Scalar {
        Scalar([x; LANES])
    }

    fn load(from: &[f32; LANES]) -> Scalar {
        Scalar(*from)
    }

    fn load_half(from: &[u16; LANES]) -> Scalar {
        Scalar(from.map(from_half))
    }

    fn from_ints(from: &[u16; LANES]) -> Scalar {
        Scalar(from.map(f32::from))
    }

    fn store(self, to: &mut [f32; LANES]) {
        *to = self.0;
    }

    fn add(self, other: Scalar) -> Scalar {
        self.each(other, |a, b| a + b)
    }

    fn sub(self, other: Scalar) -> Scalar {
        self.each(other, |a, b| a - b)
    }

    fn mul(self, other: Scalar) -> Scalar {
        self.each(other, |a, b| a * b)
    }

    fn sum(self) -> f32 {
        sum_of_lanes(self.0)
    }

    fn any_above(self, other: Scalar) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| *a > b)
    }
}
