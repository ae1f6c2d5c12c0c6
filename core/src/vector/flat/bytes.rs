//! Rows as bytes and back: little-endian numbers, one after the other.
//!
//! Invariant: nothing is allocated before it is known that the bytes for it are there.

use crate::vector::kernel::lookup::{ROWS, Unit};
use alloc::vec::Vec;

pub(super) fn put_floats(to: &mut Vec<u8>, floats: &[f32]) {
    to.reserve(size_of_val(floats));
    floats.iter().for_each(|x| to.extend_from_slice(&x.to_le_bytes()));
}

fn split<'a>(from: &mut &'a [u8], count: usize, size: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(count.checked_mul(size)?)?;
    *from = rest;
    Some(taken)
}

/// Finite numbers: others would never have been written.
pub(super) fn take_floats(from: &mut &[u8], count: usize) -> Option<Vec<f32>> {
    let (numbers, _) = split(from, count, size_of::<f32>())?.as_chunks();
    let floats: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    floats.iter().fold(true, |all, x| all & x.is_finite()).then_some(floats)
}

/// Numbers of each row, in blocks.
pub(super) fn take_blocks(from: &mut &[u8], blocks: usize) -> Option<Vec<[f32; ROWS]>> {
    Some(take_floats(from, blocks.checked_mul(ROWS)?)?.as_chunks().0.to_vec())
}

pub(super) fn take_units(from: &mut &[u8], count: usize) -> Option<Vec<Unit>> {
    let (units, _) = split(from, count, size_of::<Unit>())?.as_chunks();
    Some(units.iter().map(|unit| Unit(*unit)).collect())
}

/// Numbers of 16 bits.
pub(super) fn take(from: &mut &[u8], count: usize) -> Option<Vec<u16>> {
    let (numbers, _) = split(from, count, size_of::<u16>())?.as_chunks();
    Some(numbers.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect())
}
