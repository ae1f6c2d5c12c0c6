//! Numbers of 16 bits: IEEE 754 binary16, for components that were scaled to at most 1.

/// The most that is lost of a component that is smaller than 1.
pub(crate) const LOST: f32 = 1.0 / 4096.0;

/// The nearest number of 16 bits, of two the even one. The size of `x` is at most 1.
pub(crate) fn from_f32(x: f32) -> u16 {
    const SMALLEST_NORMAL: f32 = 1.0 / 16_384.0;
    let size = x.abs();
    let bits = if size < SMALLEST_NORMAL {
        // Behind the point of 0.5 are as many digits as the small numbers of 16 bits have: the addition rounds.
        (size + 0.5).to_bits() - 0.5_f32.to_bits()
    } else {
        let bits = size.to_bits() - (112 << 23);
        (bits + 0xfff + (bits >> 13 & 1)) >> 13
    };
    (x.to_bits() >> 16 & 0x8000 | bits) as u16
}

/// The power of two that is larger than every component of a row. Divided by it, each is smaller than 1, and no bit is lost.
pub(crate) fn scale(row: &[f32]) -> f32 {
    let most = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    f32::from_bits(((most.to_bits() >> 23).max(1) + 1) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::kernel::float::scalar::from_half;

    #[test]
    fn every_number_of_16_bits_comes_back() {
        for bits in (0..=0x3c00).chain(0x8000..=0xbc00) {
            assert_eq!(from_f32(from_half(bits)), bits);
        }
    }

    #[test]
    fn numbers_between_two_become_the_nearer_one_and_from_the_middle_the_even_one() {
        for bits in 0..0x3c00 {
            let (low, high) = (from_half(bits), from_half(bits + 1));
            let middle = (low + high) / 2.0;
            assert_eq!(from_f32(middle), bits + bits % 2, "{middle}");
            assert_eq!(from_f32(middle.next_down()), bits);
            assert_eq!(from_f32(middle.next_up()), bits + 1);
            assert_eq!(from_f32(-middle.next_up()), (bits + 1) | 0x8000);
        }
    }

    #[test]
    fn a_scale_is_a_power_of_two_above_all_components() {
        for (row, expected) in [(&[0.3, -0.7][..], 1.0), (&[1.0], 2.0), (&[-5.0, 1.0], 8.0), (&[0.25], 0.5)] {
            assert_eq!(scale(row), expected);
        }
        assert!(scale(&[0.0]).is_normal() && scale(&[1e-45]).is_normal() && scale(&[1e16]).is_normal());
    }
}
