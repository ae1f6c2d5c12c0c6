//! Unsigned integers in LEB128, minimal: one number has one encoding.

#![deny(clippy::indexing_slicing)]

use alloc::vec::Vec;

/// Appends `n` in one to ten bytes.
pub(crate) fn write_u64(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Takes a number from the front of `input`; `None` if it is cut short, not minimal or beyond 64 bits.
pub(crate) fn read_u64(input: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = input.split_first()?;
    if first < 0x80 {
        *input = rest;
        return Some(u64::from(first));
    }
    let mut n = u64::from(first & 0x7f);
    for (i, &byte) in rest.iter().enumerate().take(9) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * (i as u32 + 1);
        if shift == 63 && bits > 1 {
            return None;
        }
        n |= bits << shift;
        if byte < 0x80 {
            *input = rest.get(i + 1..)?;
            return (byte != 0).then_some(n);
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
        fn numbers_come_back(n: u64, shift in 0u32..64) {
            let n = n >> shift;
            let mut bytes = Vec::new();
            write_u64(&mut bytes, n);
            let mut input = bytes.as_slice();
            prop_assert_eq!(read_u64(&mut input), Some(n));
            prop_assert!(input.is_empty());
        }

        #[test]
        fn one_number_has_one_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut input = bytes.as_slice();
            if let Some(n) = read_u64(&mut input) {
                let mut again = Vec::new();
                write_u64(&mut again, n);
                prop_assert_eq!(&bytes[..bytes.len() - input.len()], again.as_slice());
            }
        }
    }
}
