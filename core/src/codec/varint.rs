//! Unsigned LEB128 in its shortest form only, so that every number has exactly one encoding.

use alloc::vec::Vec;

/// Appends `value`: seven bits a byte, lowest first.
pub(crate) fn write_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number from the front of `input`, or `None` when it is cut short, too large or not in its shortest form.
pub(crate) fn read_u64(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    let mut rest = *input;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if (shift == 63 && byte > 1) || (shift > 0 && byte == 0) {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            *input = rest;
            return Some(value);
        }
    }
    None
}
