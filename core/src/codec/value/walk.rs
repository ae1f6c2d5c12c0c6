//! Goes over values one behind the other, checks them as `decode` does and builds none: what a caller sends is stored as
//! the bytes that it is.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{decode::Reader, token::Token};
use crate::{error::Result, limits::VALUE_BYTES_MAX};

/// Values that are still to be gone over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a>(&'a [u8]);

/// A value: what it is, and its canonical bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walked<'a> {
    pub(crate) item: Item<'a>,
    pub(crate) bytes: &'a [u8],
}

/// What a value is, with what takes no memory to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    /// Its elements.
    Array(Values<'a>),
    Float,
    Bytes(&'a [u8]),
    Map,
}

impl<'a> Values<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Values(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next value off the front; `None` at the end.
    ///
    /// # Errors
    /// `CORRUPT` for what `decode` would not take.
    pub(crate) fn next(&mut self) -> Result<Option<Walked<'a>>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let all = self.0;
        let mut reader = Reader::new(all);
        let item = reader.walk(0)?;
        self.0 = reader.rest;
        let bytes = all.get(..all.len() - self.0.len()).unwrap_or_default();
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(reader.corrupt(format_args!("{} bytes are more than a value may take", bytes.len())));
        }
        Ok(Some(Walked { item, bytes }))
    }
}

impl<'a> Reader<'a> {
    /// Passes over one value.
    pub(super) fn walk(&mut self, depth: usize) -> Result<Item<'a>> {
        Ok(match self.token()? {
            Token::Null => Item::Null,
            Token::Bool(value) => Item::Bool(value),
            Token::Int(int) => Item::Int(int),
            Token::Float(_) => Item::Float,
            Token::Text(text) => Item::Text(text),
            Token::Bytes(bytes) => Item::Bytes(bytes),
            Token::Array(count) => self.walk_array(count, depth)?,
            Token::Map(count) => self.walk_map(count, depth)?,
        })
    }

    fn walk_array(&mut self, count: usize, depth: usize) -> Result<Item<'a>> {
        let depth = self.enter(depth, count)?;
        let begin = self.rest;
        for _ in 0..count {
            self.walk(depth)?;
        }
        Ok(Item::Array(Values(begin.get(..begin.len() - self.rest.len()).unwrap_or_default())))
    }

    fn walk_map(&mut self, count: usize, depth: usize) -> Result<Item<'a>> {
        let depth = self.enter(depth, count)?;
        let mut last: Option<&[u8]> = None;
        for _ in 0..count {
            let key = self.key(last)?;
            last = Some(key.as_bytes());
            self.walk(depth)?;
        }
        Ok(Item::Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::value::{decode, encode},
        value::{Value, tests::values},
    };
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn walks(bytes: &[u8]) -> bool {
        let mut values = Values::new(bytes);
        matches!(values.next(), Ok(Some(walked)) if walked.bytes == bytes) && values.is_empty()
    }

    proptest! {
        #[test]
        fn values_one_behind_the_other_are_told_apart(values in prop::collection::vec(values(), 0..5)) {
            let mut bytes = Vec::new();
            for value in &values {
                encode(value, &mut bytes).unwrap();
            }
            let mut walk = Values::new(&bytes);
            for value in &values {
                let walked = walk.next().unwrap().unwrap();
                prop_assert_eq!(&decode(walked.bytes).unwrap(), value);
                let same = match (walked.item, value) {
                    (Item::Null, Value::Null)
                    | (Item::Float, Value::Float(_))
                    | (Item::Map, Value::Map(_)) => true,
                    (Item::Bool(a), Value::Bool(b)) => a == *b,
                    (Item::Int(a), Value::Int(b)) => a == *b,
                    (Item::Text(a), Value::String(b)) => a == b.as_str(),
                    (Item::Bytes(a), Value::Bytes(b)) => a == b,
                    (Item::Array(mut a), Value::Array(b)) => {
                        b.iter().all(|b| decode(a.next().unwrap().unwrap().bytes).unwrap() == *b) && a.is_empty()
                    }
                    _ => false,
                };
                prop_assert!(same, "{:?} is not {:?}", walked.item, value);
            }
            prop_assert!(walk.next().unwrap().is_none());
        }

        #[test]
        fn what_walks_is_what_decodes(bytes: Vec<u8>) {
            prop_assert_eq!(walks(&bytes), decode(&bytes).is_ok());
        }

        #[test]
        fn what_walks_is_what_decodes_of_likely_bytes(
            bytes in prop::collection::vec(prop_oneof![0xc0..0xf9u8, 0..3u8, 0x80..0x83u8, 0x61..0x63u8], 1..24)
        ) {
            prop_assert_eq!(walks(&bytes), decode(&bytes).is_ok());
        }

        #[test]
        fn damaged_values_walk_only_if_they_decode(value in values(), at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(walks(&bytes), decode(&bytes).is_ok());
        }
    }
}
