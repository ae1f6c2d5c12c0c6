//! Reads canonical bytes, and refuses everything that the encoder would not have written.

#![deny(clippy::indexing_slicing)]

use super::{SHORT_COUNT_MAX, SHORT_STRING_MAX, exact_f32, tag};
use crate::{
    codec::varint,
    error::{Error, Result, quoted},
    limits::{VALUE_BYTES_MAX, VALUE_DEPTH_MAX, VALUE_ITEMS_MAX},
    value::{Map, Text, Value},
};
use alloc::{format, vec::Vec};
use core::fmt;

/// Most elements to reserve room for on the word of a count that nothing has yet stood up for.
const RESERVE_MAX: usize = 64;

/// Reads the value that is all of `bytes`. Whatever it accepts, `encode` writes as the same bytes again.
///
/// # Errors
/// `CORRUPT`, with the place in `bytes`, for anything else.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value> {
    let mut reader = Reader::new(bytes);
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(reader.corrupt(format_args!("{} bytes are more than a value may take", bytes.len())));
    }
    let value = reader.value(0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.corrupt("bytes follow the value")) }
}

pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
    /// Length of the whole, to tell the place of an error.
    bytes: usize,
    /// Elements and entries that were announced.
    items: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, bytes: bytes.len(), items: 0 }
    }

    // Inlined into `map` and `array`, a decoded value is made where it stays: a sixth of the time of a document.
    #[inline(always)]
    fn value(&mut self, depth: usize) -> Result<Value> {
        let tag = self.byte()?;
        Ok(match tag {
            ..=tag::INT_MAX => Value::Int(tag.into()),
            tag::STRING..=tag::STRING_MAX => Value::String(self.text(usize::from(tag - tag::STRING))?),
            tag::MAP..=tag::MAP_MAX => Value::Map(self.map(usize::from(tag - tag::MAP), depth)?),
            tag::ARRAY..=tag::ARRAY_MAX => Value::Array(self.array(usize::from(tag - tag::ARRAY), depth)?),
            tag::POSITIVE..=tag::POSITIVE_MAX => Value::Int(self.positive(tag - tag::POSITIVE)?),
            tag::NEGATIVE..=tag::NEGATIVE_MAX => Value::Int(!self.int(tag - tag::NEGATIVE)?),
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::FLOAT_32 => {
                let float = f32::from_le_bytes(self.array_of()?);
                Value::Float(self.finite(float.into())?)
            }
            tag::FLOAT_64 => {
                let float = f64::from_le_bytes(self.array_of()?);
                if exact_f32(float).is_some() {
                    return Err(self.corrupt("a float is not in its shortest form"));
                }
                Value::Float(self.finite(float)?)
            }
            tag::LONG_STRING => {
                let length = self.length(SHORT_STRING_MAX + 1, 1)?;
                Value::String(self.text(length)?)
            }
            tag::BYTES => {
                let length = self.length(0, 1)?;
                Value::Bytes(self.take(length)?.to_vec())
            }
            tag::LONG_MAP => {
                let count = self.length(SHORT_COUNT_MAX + 1, 2)?;
                Value::Map(self.map(count, depth)?)
            }
            tag::LONG_ARRAY => {
                let count = self.length(SHORT_COUNT_MAX + 1, 1)?;
                Value::Array(self.array(count, depth)?)
            }
            _ => return Err(self.corrupt(format_args!("{tag:#04x} is not the tag of a value"))),
        })
    }

    fn array(&mut self, count: usize, depth: usize) -> Result<Vec<Value>> {
        let depth = self.enter(depth, count)?;
        let mut items = Vec::with_capacity(count.min(RESERVE_MAX));
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Ok(items)
    }

    fn map(&mut self, count: usize, depth: usize) -> Result<Map> {
        let depth = self.enter(depth, count)?;
        let mut entries: Vec<(Text, Value)> = Vec::with_capacity(count.min(RESERVE_MAX));
        let mut last: Option<&[u8]> = None;
        for _ in 0..count {
            let key = self.key(last)?;
            last = Some(key.as_bytes());
            let value = self.value(depth)?;
            entries.push((key.into(), value));
        }
        Ok(Map::from_sorted(entries))
    }

    /// The key of a map's entry, which has to come after the last one.
    #[inline]
    pub(super) fn key(&mut self, last: Option<&[u8]>) -> Result<&'a str> {
        let length = self.length(0, 1)?;
        let key = self.str(length)?;
        if last.is_some_and(|last| last >= key.as_bytes()) {
            return Err(self.corrupt(format_args!("the key {} is not after the one before it", quoted(key))));
        }
        Ok(key)
    }

    /// Begins a container of `count` items and returns the depth of what is in it.
    pub(super) fn enter(&mut self, depth: usize, count: usize) -> Result<usize> {
        self.items = self.items.saturating_add(count);
        if self.items > VALUE_ITEMS_MAX {
            return Err(self.corrupt("more elements and entries than a value may have"));
        }
        if depth < VALUE_DEPTH_MAX { Ok(depth + 1) } else { Err(self.corrupt("nested deeper than a value may be")) }
    }

    /// A varint of at least `least`, each of whose units has at least `unit` bytes after it.
    #[inline]
    pub(super) fn length(&mut self, least: usize, unit: usize) -> Result<usize> {
        let length = varint::read_u64(&mut self.rest).and_then(|length| usize::try_from(length).ok());
        match length {
            Some(length) if length < least => Err(self.corrupt("a length is not in its shortest form")),
            Some(length) if length <= self.rest.len() / unit => Ok(length),
            Some(length) => Err(self.corrupt(format_args!("a length of {length} is beyond the end"))),
            None => Err(self.corrupt("a length is cut off or not in its shortest form")),
        }
    }

    /// A number that is too large to stand in the tag.
    pub(super) fn positive(&mut self, more: u8) -> Result<i64> {
        let int = self.int(more)?;
        if int <= tag::INT_MAX.into() {
            return Err(self.corrupt("an integer is not in its shortest form"));
        }
        Ok(int)
    }

    /// A number of one byte more than `more`, whose highest byte is not in vain.
    pub(super) fn int(&mut self, more: u8) -> Result<i64> {
        let bytes = self.take(usize::from(more) + 1)?;
        let number = bytes.iter().rev().fold(0, |number: u64, &byte| number << 8 | u64::from(byte));
        if more > 0 && bytes.last() == Some(&0) {
            return Err(self.corrupt("an integer is not in its shortest form"));
        }
        i64::try_from(number).map_err(|_| self.corrupt("an integer has more than 64 bits"))
    }

    pub(super) fn finite(&self, float: f64) -> Result<f64> {
        if float.is_finite() { Ok(float) } else { Err(self.corrupt("a float is not finite")) }
    }

    fn text(&mut self, length: usize) -> Result<Text> {
        self.str(length).map(Text::from)
    }

    #[inline]
    pub(super) fn str(&mut self, length: usize) -> Result<&'a str> {
        let bytes = self.take(length)?;
        core::str::from_utf8(bytes).map_err(|e| self.corrupt(format_args!("a string is not UTF-8: {e}")))
    }

    /// Whether null comes next.
    pub(super) fn at_null(&self) -> bool {
        self.rest.first() == Some(&tag::NULL)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        self.array_of().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn array_of<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.cut_off())?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.cut_off())?;
        self.rest = rest;
        Ok(bytes)
    }

    #[cold]
    fn cut_off(&self) -> Error {
        self.corrupt("the value is cut off")
    }

    #[cold]
    pub(super) fn corrupt(&self, what: impl fmt::Display) -> Error {
        Error::corrupt("value", (self.bytes - self.rest.len()) as u64, format!("{what}"))
    }
}
