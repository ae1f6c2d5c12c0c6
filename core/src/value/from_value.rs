//! Rust values of values: a [`Value`] as a serde deserializer, which lends its strings and bytes.
//!
//! It reads what [`to_value`](crate::to_value) makes: enums as serde_json represents them, keys that stand for integers
//! and booleans back into these.

use super::{Failure, MapIter, Text, Value};
use crate::error::Result;
use core::slice;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
        value::{BorrowedStrDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

type Outcome<T> = core::result::Result<T, Failure>;

/// Reads a Rust value out of `value`.
///
/// # Errors
/// `INVALID_ARGUMENT` when the shape does not fit, with the path of the place: `at /items/3/price: ...`.
pub fn from_value<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T> {
    T::deserialize(Source(value)).map_err(Into::into)
}

struct Source<'de>(&'de Value);

impl<'de> Deserializer<'de> for Source<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(v) => visitor.visit_bool(*v),
            Value::Int(v) => visitor.visit_i64(*v),
            Value::Float(v) => visitor.visit_f64(*v),
            Value::String(v) => visitor.visit_borrowed_str(v),
            Value::Bytes(v) => visitor.visit_borrowed_bytes(v),
            Value::Array(v) => {
                let mut elements = Elements { left: v.iter(), length: v.len() };
                let read = visitor.visit_seq(&mut elements)?;
                if elements.left.len() == 0 { Ok(read) } else { Err(Failure::invalid_length(v.len(), &"fewer")) }
            }
            Value::Map(v) => visitor.visit_map(Entries { left: v.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Outcome<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    /// Bytes are taken where a list of `u8` is wanted.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.0 {
            Value::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(Variant { name, content: None }),
            Value::Map(map) if map.len() == 1 => match map.iter().next() {
                Some((name, content)) => visitor.visit_enum(Variant { name, content: Some(content) }),
                None => Err(Failure::invalid_type(Unexpected::Map, &"a map with one key")),
            },
            other => Err(Failure::invalid(alloc::format!(
                "{} is not an enum: that is the name of a variant, or a map with it as the only key",
                other.kind()
            ))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map struct identifier
    }
}

struct Elements<'de> {
    left: slice::Iter<'de, Value>,
    length: usize,
}

impl<'de> SeqAccess<'de> for &mut Elements<'de> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Outcome<Option<T::Value>> {
        let index = self.length - self.left.len();
        let Some(value) = self.left.next() else { return Ok(None) };
        seed.deserialize(Source(value)).map(Some).map_err(|e| e.at(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Entries<'de> {
    left: MapIter<'de>,
    value: Option<(&'de Text, &'de Value)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Outcome<Option<K::Value>> {
        self.value = self.left.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        seed.deserialize(Key(key)).map(Some).map_err(|e| e.at(key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Outcome<T::Value> {
        let Some((key, value)) = self.value.take() else {
            return Err(Failure::custom("a value was asked for before its key"));
        };
        seed.deserialize(Source(value)).map_err(|e| e.at(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// A key: text, or the integer or boolean that the text spells.
struct Key<'de>(&'de str);

macro_rules! parsed_keys {
    ($($method:ident $visit:ident $kind:ty,)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
            match self.0.parse::<$kind>() {
                Ok(parsed) => visitor.$visit(parsed),
                Err(_) => visitor.visit_borrowed_str(self.0),
            }
        })+
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }

    parsed_keys! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i64 i64,
        deserialize_i16 visit_i64 i64,
        deserialize_i32 visit_i64 i64,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i64 i64,
        deserialize_u8 visit_i64 i64,
        deserialize_u16 visit_i64 i64,
        deserialize_u32 visit_i64 i64,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u64 u64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Outcome<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        BorrowedStrDeserializer::new(self.0).deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'de> {
    name: &'de Text,
    content: Option<&'de Value>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Outcome<(V::Value, Self)> {
        let variant = seed.deserialize(BorrowedStrDeserializer::new(self.name))?;
        Ok((variant, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self, expected: &str) -> Outcome<Source<'de>> {
        self.content.map(Source).ok_or_else(|| Failure::invalid_type(Unexpected::UnitVariant, &expected))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Failure;

    fn unit_variant(self) -> Outcome<()> {
        self.content.map_or(Ok(()), |content| <()>::deserialize(Source(content)).map_err(|e: Failure| e.at(self.name)))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Outcome<T::Value> {
        seed.deserialize(self.content("a newtype variant")?).map_err(|e| e.at(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Outcome<V::Value> {
        self.content("a tuple variant")?.deserialize_seq(visitor).map_err(|e| e.at(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Outcome<V::Value> {
        self.content("a struct variant")?.deserialize_any(visitor).map_err(|e| e.at(self.name))
    }
}
