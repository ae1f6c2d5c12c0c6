//! A serde deserializer over canonical bytes: what is read goes to a type of the caller without a
//! [`Value`](crate::value::Value) in between. It takes what [`decode`](super::decode) takes, and nothing else.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{decode::Reader, token::Token};
use crate::{error::Error, limits::VALUE_BYTES_MAX, value::Failure};
use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

type Outcome<T> = Result<T, Failure>;

/// Reads the value that is all of `bytes` into what `seed` makes of it.
///
/// # Errors
/// `CORRUPT` for bytes that are not a value; `INVALID_ARGUMENT` for what `seed` does not take.
pub(crate) fn read<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> crate::Result<S::Value> {
    let mut reader = Reader::new(bytes);
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(reader.corrupt(format_args!("{} bytes are more than a value may take", bytes.len())));
    }
    let value = seed.deserialize(Place { reader: &mut reader, depth: 0 }).map_err(Error::from)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.corrupt("bytes follow the value")) }
}

/// Where a value begins.
struct Place<'r, 'de> {
    reader: &'r mut Reader<'de>,
    depth: usize,
}

impl<'de> Deserializer<'de> for Place<'_, 'de> {
    type Error = Failure;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.reader.token().map_err(Failure::of)? {
            Token::Null => visitor.visit_unit(),
            Token::Bool(value) => visitor.visit_bool(value),
            Token::Int(int) => visitor.visit_i64(int),
            Token::Float(float) => visitor.visit_f64(float),
            Token::Text(text) => visitor.visit_borrowed_str(text),
            Token::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Token::Array(count) => {
                let mut items = Items::enter(self, count)?;
                let value = visitor.visit_seq(&mut items)?;
                items.end(value)
            }
            Token::Map(count) => {
                let mut items = Items::enter(self, count)?;
                let value = visitor.visit_map(&mut items)?;
                items.end(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        if self.reader.at_null() { self.deserialize_any(visitor) } else { visitor.visit_some(self) }
    }

    // The bytes are ours: nothing in them stands for something else, as it does in text.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Outcome<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// What is left of a container.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    depth: usize,
    left: usize,
    last: Option<&'de [u8]>,
}

impl<'r, 'de> Items<'r, 'de> {
    fn enter(place: Place<'r, 'de>, count: usize) -> Outcome<Self> {
        let depth = place.reader.enter(place.depth, count).map_err(Failure::of)?;
        Ok(Items { reader: place.reader, depth, left: count, last: None })
    }

    /// Whoever leaves elements unread would take them for what follows.
    fn end<T>(self, value: T) -> Outcome<T> {
        if self.left == 0 {
            return Ok(value);
        }
        Err(Failure::invalid(alloc::format!("{} elements more than were asked for", self.left)))
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Failure;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Outcome<Option<S::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Place { reader: self.reader, depth: self.depth }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = Failure;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Outcome<Option<S::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let key = self.reader.key(self.last).map_err(Failure::of)?;
        self.last = Some(key.as_bytes());
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Outcome<S::Value> {
        seed.deserialize(Place { reader: self.reader, depth: self.depth })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
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
    use core::marker::PhantomData;
    use proptest::prelude::*;

    fn read_value(bytes: &[u8]) -> crate::Result<Value> {
        read(bytes, PhantomData::<Value>)
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_encoded(value in values()) {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes).unwrap();
            prop_assert_eq!(read_value(&bytes).unwrap(), value);
        }

        #[test]
        fn damaged_values_are_read_only_if_they_decode(value in values(), at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(read_value(&bytes).ok(), decode(&bytes).ok());
        }

        #[test]
        fn any_bytes_are_read_only_if_they_decode(
            bytes in prop::collection::vec(prop_oneof![0xc0..0xf9u8, 0..3u8, 0x80..0x83u8, 0x61..0x63u8], 0..24)
        ) {
            prop_assert_eq!(read_value(&bytes).ok(), decode(&bytes).ok());
        }
    }

    #[test]
    fn what_is_left_unread_is_told() {
        let mut bytes = Vec::new();
        encode(&[1, 2, 3], &mut bytes).unwrap();
        assert_eq!(read(&bytes, PhantomData::<(i64, i64)>).unwrap_err().code(), crate::ErrorCode::InvalidArgument);
        assert_eq!(read(&bytes, PhantomData::<Vec<Option<i64>>>).unwrap(), [Some(1), Some(2), Some(3)]);
    }
}
