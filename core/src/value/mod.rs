//! Values: what a document holds, a superset of JSON.
//!
//! Invariant: two values are equal exactly when their canonical encodings are, so integers and floats are never equal
//! to each other, and floats are compared by their bits.

mod convert;
mod failure;
mod from_value;
mod map;
mod serialize;
mod text;

pub(crate) use failure::{Failure, write_token};
pub use from_value::from_value;
pub use map::{Map, MapIter};
pub(crate) use serialize::{BYTES, not_finite, not_i64};
pub use text::Text;

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

/// What a document holds: null, a boolean, a 64-bit integer, a 64-bit float, text, bytes, an array or a map.
///
/// Integers and floats are kept apart: `Int(1)` and `Float(1.0)` are different values, and so are `0.0` and `-0.0`. A
/// float that is not finite can be made in memory but is refused when it is stored or written as text.
///
/// As JSON text, bytes are written `{"$bytes": "<base64>"}`, and a map of that very form (only this key, standard
/// base64 with padding) is read back as bytes. A stored map of that form therefore does not survive a way through text.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// A stored nothing. It is not the same as a document that is absent.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// UTF-8 text.
    String(Text),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An ordered list.
    Array(Vec<Value>),
    /// Keys, each with a value, ordered by the UTF-8 bytes of the keys.
    Map(Map),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        core::mem::discriminant(self).hash(state);
        match self {
            Value::Null => {}
            Value::Bool(v) => v.hash(state),
            Value::Int(v) => v.hash(state),
            Value::Float(v) => v.to_bits().hash(state),
            Value::String(v) => v.hash(state),
            Value::Bytes(v) => v.hash(state),
            Value::Array(v) => v.hash(state),
            Value::Map(v) => v.hash(state),
        }
    }
}

impl Value {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(v) = self { Some(*v) } else { None }
    }

    /// The integer, if this is one. A float is not converted.
    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Int(v) = self { Some(*v) } else { None }
    }

    /// The float, if this is one. An integer is not converted.
    pub fn as_f64(&self) -> Option<f64> {
        if let Value::Float(v) = self { Some(*v) } else { None }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(v) = self { Some(v.as_str()) } else { None }
    }

    /// The bytes, if these are bytes. Text is not converted.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Value::Bytes(v) = self { Some(v) } else { None }
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(v) = self { Some(v) } else { None }
    }

    /// The array to change, if this is one.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        if let Value::Array(v) = self { Some(v) } else { None }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(v) = self { Some(v) } else { None }
    }

    /// The map to change, if this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        if let Value::Map(v) = self { Some(v) } else { None }
    }

    /// The value under `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The value at a JSON pointer (RFC 6901): `""` is this value, `/a/0` the first element under the key `a`; `~1`
    /// stands for `/` and `~0` for `~`. `None` when there is nothing there or the text is not a pointer.
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |value, token| match value {
            Value::Map(map) if token.contains('~') => map.get(&token.replace("~1", "/").replace("~0", "~")),
            Value::Map(map) => map.get(token),
            Value::Array(items) => items.get(array_index(token)?),
            _ => None,
        })
    }

    /// What this value takes in memory, inline and on the heap: an estimate for budgets, from lengths rather than from
    /// what the allocator gave.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Value>() + self.heap_bytes()
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
            Value::String(text) => text.heap_bytes(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(items) => items.iter().map(Value::memory_bytes).sum(),
            Value::Map(map) => {
                map.iter().map(|(key, value)| map::ENTRY_BYTES + key.heap_bytes() + value.heap_bytes()).sum()
            }
        }
    }

    /// What kind of value this is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::String(_) => "a string",
            Value::Bytes(_) => "bytes",
            Value::Array(_) => "an array",
            Value::Map(_) => "a map",
        }
    }
}

/// RFC 6901: digits without a leading zero.
fn array_index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (token == "0" || !token.starts_with('0')) { token.parse().ok() } else { None }
}

#[cfg(test)]
pub(crate) mod tests;
