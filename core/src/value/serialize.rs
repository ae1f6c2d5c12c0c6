//! serde for values: to and from the text and binary formats of others.
//!
//! Text formats have no bytes, so there they are `{"$bytes": "<base64>"}`. Our own encoder also wants to be taken for a
//! text format, so that times, addresses and the like are stored as people write them; it tells bytes apart by the
//! name [`BYTES`] of the newtype that wraps them.

use super::{Map, Text, Value};
use alloc::{format, string::String, vec::Vec};
use base64::{Engine, engine::general_purpose::STANDARD};
use core::fmt;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Unexpected, Visitor},
    ser::{self, SerializeMap},
};

/// The key that marks bytes in text formats, and the newtype that marks them for our encoder.
pub(crate) const BYTES: &str = "$bytes";

/// Most elements to reserve room for on the word of someone else's format.
const RESERVE_MAX: usize = 256;

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(v) => serializer.serialize_bool(*v),
            Value::Int(v) => serializer.serialize_i64(*v),
            Value::Float(v) if v.is_finite() => serializer.serialize_f64(*v),
            Value::Float(v) => Err(ser::Error::custom(not_finite(*v))),
            Value::String(v) => serializer.serialize_str(v),
            Value::Bytes(v) => serializer.serialize_newtype_struct(BYTES, &Bytes(v)),
            Value::Array(v) => serializer.collect_seq(v),
            Value::Map(v) => v.serialize(serializer),
        }
    }
}

/// What is said of a float that is no value.
pub(crate) fn not_finite(float: f64) -> String {
    // There are only these, and in a module for browsers the machinery that writes floats is a download.
    let name = if float.is_nan() {
        "NaN"
    } else if float > 0.0 {
        "inf"
    } else {
        "-inf"
    };
    format!("{name} is not a value: floats have to be finite")
}

/// What is said of an integer that is no value.
pub(crate) fn not_i64(integer: impl fmt::Display) -> String {
    format!("{integer} is not a value: integers are 64-bit signed")
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(self.0);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(BYTES, &STANDARD.encode(self.0))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, v: &str) -> Result<Text, E> {
                Ok(v.into())
            }
            fn visit_string<E>(self, v: String) -> Result<Text, E> {
                Ok(v.into())
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Refuses, with the words of serde, a value that is not a map.
impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor;

        impl<'de> Visitor<'de> for MapVisitor {
            type Value = Map;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Map, A::Error> {
                read_map(entries)
            }
        }

        deserializer.deserialize_map(MapVisitor)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.is_human_readable();
        deserializer.deserialize_any(ValueVisitor { text })
    }
}

struct ValueVisitor {
    /// Whether a map may stand for bytes.
    text: bool,
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value: null, a boolean, a 64-bit integer, a finite float, a string, bytes, an array or a map")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Int(v))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        i64::try_from(v).map(Value::Int).map_err(|_| E::custom(not_i64(v)))
    }
    fn visit_i128<E: de::Error>(self, v: i128) -> Result<Value, E> {
        i64::try_from(v).map(Value::Int).map_err(|_| E::custom(not_i64(v)))
    }
    fn visit_u128<E: de::Error>(self, v: u128) -> Result<Value, E> {
        i64::try_from(v).map(Value::Int).map_err(|_| E::custom(not_i64(v)))
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        if v.is_finite() { Ok(Value::Float(v)) } else { Err(E::custom(not_finite(v))) }
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_bytes<E>(self, v: &[u8]) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_byte_buf<E>(self, v: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(elements.size_hint().unwrap_or(0).min(RESERVE_MAX));
        while let Some(item) = elements.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
        let map = read_map(entries)?;
        let bytes = if self.text { marked_bytes(&map) } else { None };
        Ok(bytes.map_or(Value::Map(map), Value::Bytes))
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(de::Error::invalid_type(Unexpected::Enum, &self))
    }
}

fn read_map<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Map, A::Error> {
    let mut read: Vec<(Text, Value)> = Vec::with_capacity(entries.size_hint().unwrap_or(0).min(RESERVE_MAX));
    while let Some(entry) = entries.next_entry()? {
        read.push(entry);
    }
    Ok(read.into_iter().collect())
}

/// The bytes that a map stands for in text. Whatever is not exactly of the form that we write is an ordinary map.
fn marked_bytes(map: &Map) -> Option<Vec<u8>> {
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (Some((key, Value::String(text))), None) if *key == BYTES => STANDARD.decode(text.as_bytes()).ok(),
        _ => None,
    }
}
