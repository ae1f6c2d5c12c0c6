//! Reads values one tag at a time, for those who decide themselves what to make of it.

#![deny(clippy::indexing_slicing)]

use super::{SHORT_COUNT_MAX, SHORT_STRING_MAX, decode::Reader, exact_f32, tag};
use crate::{error::Result, value::Value};

/// What a value begins with. The elements of an array and the entries of a map follow it.
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// With the number of its elements.
    Array(usize),
    /// With the number of its entries.
    Map(usize),
}

impl<'a> From<&'a Value> for Token<'a> {
    fn from(value: &'a Value) -> Token<'a> {
        match value {
            Value::Null => Token::Null,
            Value::Bool(value) => Token::Bool(*value),
            Value::Int(int) => Token::Int(*int),
            Value::Float(float) => Token::Float(*float),
            Value::String(text) => Token::Text(text),
            Value::Bytes(bytes) => Token::Bytes(bytes),
            Value::Array(items) => Token::Array(items.len()),
            Value::Map(map) => Token::Map(map.len()),
        }
    }
}

impl<'a> Reader<'a> {
    /// Takes the next token off the front.
    #[inline]
    pub(super) fn token(&mut self) -> Result<Token<'a>> {
        let tag = self.byte()?;
        Ok(match tag {
            ..=tag::INT_MAX => Token::Int(tag.into()),
            tag::STRING..=tag::STRING_MAX => Token::Text(self.str(usize::from(tag - tag::STRING))?),
            tag::MAP..=tag::MAP_MAX => Token::Map(usize::from(tag - tag::MAP)),
            tag::ARRAY..=tag::ARRAY_MAX => Token::Array(usize::from(tag - tag::ARRAY)),
            tag::POSITIVE..=tag::POSITIVE_MAX => Token::Int(self.positive(tag - tag::POSITIVE)?),
            tag::NEGATIVE..=tag::NEGATIVE_MAX => Token::Int(!self.int(tag - tag::NEGATIVE)?),
            tag::NULL => Token::Null,
            tag::FALSE => Token::Bool(false),
            tag::TRUE => Token::Bool(true),
            tag::FLOAT_32 => {
                let float = f32::from_le_bytes(self.array_of()?);
                self.finite(float.into()).map(Token::Float)?
            }
            tag::FLOAT_64 => {
                let float = f64::from_le_bytes(self.array_of()?);
                if exact_f32(float).is_some() {
                    return Err(self.corrupt("a float is not in its shortest form"));
                }
                self.finite(float).map(Token::Float)?
            }
            tag::LONG_STRING => {
                let length = self.length(SHORT_STRING_MAX + 1, 1)?;
                Token::Text(self.str(length)?)
            }
            tag::BYTES => {
                let length = self.length(0, 1)?;
                Token::Bytes(self.take(length)?)
            }
            tag::LONG_MAP => Token::Map(self.length(SHORT_COUNT_MAX + 1, 2)?),
            tag::LONG_ARRAY => Token::Array(self.length(SHORT_COUNT_MAX + 1, 1)?),
            _ => return Err(self.corrupt(format_args!("{tag:#04x} is not the tag of a value"))),
        })
    }
}
