//! Values of ordinary Rust values. Only what always fits converts; an unsigned 64-bit integer goes through
//! [`to_value`](crate::to_value), which can refuse it.

use super::{Map, Text, Value};
use alloc::{borrow::Cow, string::String, vec::Vec};

macro_rules! from {
    ($($kind:ty, $name:ident => $value:expr;)+) => {
        $(impl From<$kind> for Value {
            fn from($name: $kind) -> Value {
                $value
            }
        })+
    };
}

from! {
    (), _nothing => Value::Null;
    bool, v => Value::Bool(v);
    i8, v => Value::Int(v.into());
    i16, v => Value::Int(v.into());
    i32, v => Value::Int(v.into());
    i64, v => Value::Int(v);
    u8, v => Value::Int(v.into());
    u16, v => Value::Int(v.into());
    u32, v => Value::Int(v.into());
    f32, v => Value::Float(v.into());
    f64, v => Value::Float(v);
    char, v => Value::String(v.into());
    &str, v => Value::String(v.into());
    String, v => Value::String(v.into());
    &String, v => Value::String(v.into());
    Cow<'_, str>, v => Value::String(v.into());
    Text, v => Value::String(v);
    &[u8], v => Value::Bytes(v.to_vec());
    Map, v => Value::Map(v);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Value {
        v.map_or(Value::Null, Into::into)
    }
}

/// An array, also of `u8`: bytes are made from a `&[u8]` or as `Value::Bytes`.
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(v: Vec<T>) -> Value {
        v.into_iter().collect()
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(v: [T; N]) -> Value {
        v.into_iter().collect()
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Value {
        Value::Array(items.into_iter().map(Into::into).collect())
    }
}
