//! The canonical encoding of values: one value has exactly one encoding, so equal bytes mean equal values, and hashes of
//! them can be compared.
//!
//! A value is a tag byte and what follows it:
//!
//! | tag | value | follows |
//! |---|---|---|
//! | `00`-`7f` | the integer 0 to 127 | |
//! | `80`-`bf` | string of 0 to 63 bytes | the bytes, UTF-8 |
//! | `c0`-`cf` | map of 0 to 15 entries | the entries |
//! | `d0`-`df` | array of 0 to 15 elements | the elements |
//! | `e0`-`e7` | integer `n`, 128 and above | `n` in 1 to 8 bytes, the fewest, lowest first |
//! | `e8`-`ef` | integer `n`, below 0 | `-1 - n` in 1 to 8 bytes, the fewest, lowest first |
//! | `f0` `f1` `f2` | null, false, true | |
//! | `f3` | float that is exactly a 32-bit one | IEEE 754, 4 bytes, lowest first |
//! | `f4` | any other float, finite | IEEE 754, 8 bytes, lowest first |
//! | `f5` | longer string | length as a varint, the bytes, UTF-8 |
//! | `f6` | bytes | length as a varint, the bytes |
//! | `f7` | larger map | number of entries as a varint, the entries |
//! | `f8` | larger array | number of elements as a varint, the elements |
//!
//! An entry of a map is the length of its key as a varint, the key in UTF-8, and the value. Keys ascend strictly by their
//! bytes. The small forms are there because most of a document is short keys, short strings and small numbers: one of
//! 230 bytes of JSON takes about 185, and is read in one pass without a table.

mod decode;
mod encode;
mod find;
mod read;
mod token;
mod walk;
pub(crate) mod write;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
pub(crate) use find::find;
pub(crate) use read::read;
pub(crate) use token::Token;
pub(crate) use walk::{Item, Values, Walked};

use crate::{error::Result, value::Value};
use alloc::vec::Vec;
use serde::Serialize;

mod tag {
    pub(super) const INT_MAX: u8 = 0x7f;
    pub(super) const STRING: u8 = 0x80;
    pub(super) const STRING_MAX: u8 = 0xbf;
    pub(super) const MAP: u8 = 0xc0;
    pub(super) const MAP_MAX: u8 = 0xcf;
    pub(super) const ARRAY: u8 = 0xd0;
    pub(super) const ARRAY_MAX: u8 = 0xdf;
    pub(super) const POSITIVE: u8 = 0xe0;
    pub(super) const POSITIVE_MAX: u8 = 0xe7;
    pub(super) const NEGATIVE: u8 = 0xe8;
    pub(super) const NEGATIVE_MAX: u8 = 0xef;
    pub(super) const NULL: u8 = 0xf0;
    pub(super) const FALSE: u8 = 0xf1;
    pub(super) const TRUE: u8 = 0xf2;
    pub(super) const FLOAT_32: u8 = 0xf3;
    pub(super) const FLOAT_64: u8 = 0xf4;
    pub(super) const LONG_STRING: u8 = 0xf5;
    pub(super) const BYTES: u8 = 0xf6;
    pub(super) const LONG_MAP: u8 = 0xf7;
    pub(super) const LONG_ARRAY: u8 = 0xf8;
}

/// Longest string whose length stands in its tag.
const SHORT_STRING_MAX: usize = (tag::STRING_MAX - tag::STRING) as usize;
/// Most entries or elements whose number stands in the tag.
const SHORT_COUNT_MAX: usize = (tag::MAP_MAX - tag::MAP) as usize;

/// The 32-bit float that is exactly `float`, bit for bit.
fn exact_f32(float: f64) -> Option<f32> {
    let short = float as f32;
    (f64::from(short).to_bits() == float.to_bits()).then_some(short)
}

/// The value of anything that serde can serialize, exactly as `put` would store it.
///
/// Structs and maps become maps, enums are as in serde_json (`"Name"`, or `{"Name": content}`), keys that are integers,
/// booleans or characters become text, and of equal keys the last stays.
///
/// # Errors
/// `INVALID_ARGUMENT` for what is not a value: an integer outside of 64 bits signed, a float that is not finite, a key of
/// another kind; the message names the path. `LIMIT_EXCEEDED` past [`VALUE_BYTES_MAX`](crate::limits::VALUE_BYTES_MAX),
/// [`VALUE_ITEMS_MAX`](crate::limits::VALUE_ITEMS_MAX) or [`VALUE_DEPTH_MAX`](crate::limits::VALUE_DEPTH_MAX).
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes)?;
    decode(&bytes)
}

#[cfg(test)]
mod tests;
