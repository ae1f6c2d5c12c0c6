//! Unsigned integers in LEB128: seven bits a byte, lowest first, the top bit says that more follow.
//!
//! Invariant: one number has one form, the shortest.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use alloc::vec::Vec;

/// Longest form of a 64-bit number.
pub(crate) const BYTES_MAX: usize = 10;

/// Bytes that [`write_u64`] takes for `number`.
#[inline]
pub(crate) const fn length(number: u64) -> usize {
    (70 - (number | 1).leading_zeros() as usize) / 7
}

/// Appends `number`.
#[inline]
pub(crate) fn write_u64(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front of `bytes`. `None`, and nothing taken, if it is cut off, not the shortest form, or more
/// than 64 bits.
#[inline]
pub(crate) fn read_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        *bytes = rest;
        return Some(first.into());
    }
    read_long(bytes)
}

fn read_long(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (at, &byte) in bytes.iter().take(BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * at as u32;
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            // A last byte of zero adds nothing: a shorter form exists.
            if byte == 0 && at > 0 {
                return None;
            }
            *bytes = bytes.get(at + 1..)?;
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back_as_written(shift in 0..64u32, bits: u64, tail: Vec<u8>) {
            let number = bits >> shift;
            let mut bytes = Vec::new();
            write_u64(&mut bytes, number);
            prop_assert!(bytes.len() <= BYTES_MAX);
            bytes.extend_from_slice(&tail);
            let mut rest = &bytes[..];
            prop_assert_eq!(read_u64(&mut rest), Some(number));
            prop_assert_eq!(rest, &tail[..]);
        }

        #[test]
        fn what_is_read_is_the_only_form_of_its_number(mut bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80u8..], 0..12)) {
            let mut rest = &bytes[..];
            if let Some(number) = read_u64(&mut rest) {
                let taken = bytes.len() - rest.len();
                bytes.truncate(taken);
                let mut again = Vec::new();
                write_u64(&mut again, number);
                prop_assert_eq!(again, bytes);
            } else {
                prop_assert_eq!(rest.len(), bytes.len());
            }
        }
    }

    #[test]
    fn long_and_oversized_forms_are_refused() {
        for bytes in [&[0x80, 0][..], &[0xff, 0x80, 0], &[0x80], &[], &[0xff; 10], &[0xff; 11]] {
            assert_eq!(read_u64(&mut &*bytes), None, "{bytes:?}");
        }
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(read_u64(&mut &most[..]), Some(u64::MAX));
        most[9] = 2;
        assert_eq!(read_u64(&mut &most[..]), None);
    }
}
