//! Writes the parts of values straight into bytes, for those who know what they write.

use super::{SHORT_COUNT_MAX, SHORT_STRING_MAX, tag};
use crate::codec::varint::write_u64;
use alloc::vec::Vec;

pub(crate) fn null(out: &mut Vec<u8>) {
    out.push(tag::NULL);
}

pub(crate) fn bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { tag::TRUE } else { tag::FALSE });
}

pub(crate) fn int(out: &mut Vec<u8>, int: i64) {
    let (tag, number) =
        if int < 0 { (tag::NEGATIVE, (!int).cast_unsigned()) } else { (tag::POSITIVE, int.cast_unsigned()) };
    if int >= 0 && number <= u64::from(tag::INT_MAX) {
        return out.push(number as u8);
    }
    let bytes = (u64::BITS - number.leading_zeros()).div_ceil(8).max(1);
    out.push(tag + (bytes - 1) as u8);
    out.extend_from_slice(&number.to_le_bytes()[..bytes as usize]);
}

/// A float of 32 bits, which is always the shortest form of it.
pub(crate) fn float32(out: &mut Vec<u8>, float: f32) {
    out.push(tag::FLOAT_32);
    out.extend_from_slice(&float.to_le_bytes());
}

pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    if text.len() > SHORT_STRING_MAX {
        return long(out, tag::LONG_STRING, text.as_bytes());
    }
    out.push(tag::STRING + text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    long(out, tag::BYTES, value);
}

pub(super) fn long(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    write_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The head of a map, whose `count` entries follow, ascending by key.
pub(crate) fn map(out: &mut Vec<u8>, count: usize) {
    if count <= SHORT_COUNT_MAX {
        return out.push(tag::MAP + count as u8);
    }
    out.push(tag::LONG_MAP);
    write_u64(out, count as u64);
}

/// The key of an entry of a map, whose value follows.
pub(crate) fn key(out: &mut Vec<u8>, key: &str) {
    write_u64(out, key.len() as u64);
    out.extend_from_slice(key.as_bytes());
}

/// The head of an array, whose `count` elements follow.
pub(crate) fn array(out: &mut Vec<u8>, count: usize) {
    if count <= SHORT_COUNT_MAX {
        return out.push(tag::ARRAY + count as u8);
    }
    out.push(tag::LONG_ARRAY);
    write_u64(out, count as u64);
}
