//! Why a value could not be converted, and where in the document: the error of our serde implementations.
//!
//! The path is built while the error unwinds, so that conversions that succeed pay nothing for it.

use crate::error::{Error, ErrorCode, quoted};
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::{self, Write};
use serde::de::{self, Expected, Unexpected};

/// A failure at a place in a document.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: ErrorCode,
    message: String,
    /// Tokens of a JSON pointer, innermost first.
    path: Vec<String>,
}

impl Failure {
    #[cold]
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Failure {
        Failure(Box::new(Inner { code, message: message.into(), path: Vec::new() }))
    }

    #[cold]
    pub(crate) fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(ErrorCode::InvalidArgument, message)
    }

    /// A failure of the engine on its way through serde.
    #[cold]
    pub(crate) fn of(error: Error) -> Failure {
        Failure::new(error.code(), error.message())
    }

    /// The same failure, seen from the container that holds the failing value under `token`.
    #[cold]
    pub(crate) fn at(mut self, token: impl fmt::Display) -> Failure {
        self.0.path.push(token.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            f.write_str("at ")?;
            for token in self.0.path.iter().rev() {
                write_token(f, token)?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.0.message)
    }
}

/// Writes `/` and one token of a JSON pointer, escaped as RFC 6901 has it.
pub(crate) fn write_token(f: &mut fmt::Formatter<'_>, token: &str) -> fmt::Result {
    f.write_char('/')?;
    token.chars().try_for_each(|char| match char {
        '~' => f.write_str("~0"),
        '/' => f.write_str("~1"),
        char => f.write_char(char),
    })
}

impl core::error::Error for Failure {}

impl serde::ser::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Failure {
        Failure::invalid(message.to_string())
    }
}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Failure {
        Failure::invalid(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Failure {
        Failure::invalid(format!("invalid type: {}, expected {expected}", Found(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Failure {
        Failure::invalid(format!("invalid value: {}, expected {expected}", Found(found)))
    }
}

/// What was found, as serde writes it, but for the digits of floats: in a module for browsers the machinery that writes
/// them is a download, and nothing else needs it.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Unit => f.write_str("null"),
            Unexpected::Bool(found) => write!(f, "boolean `{found}`"),
            Unexpected::Unsigned(found) => write!(f, "integer `{found}`"),
            Unexpected::Signed(found) => write!(f, "integer `{found}`"),
            Unexpected::Float(_) => f.write_str("a float"),
            Unexpected::Char(found) => write!(f, "string {}", quoted(found.encode_utf8(&mut [0; 4]))),
            Unexpected::Str(found) => write!(f, "string {}", quoted(found)),
            Unexpected::Bytes(_) => f.write_str("bytes"),
            Unexpected::Seq => f.write_str("sequence"),
            Unexpected::Map => f.write_str("map"),
            Unexpected::Other(found) => f.write_str(found),
            // Kinds that no value has: a type that asks for one of its own accord says so.
            _ => f.write_str("something else"),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::new(failure.0.code, failure.to_string())
    }
}
