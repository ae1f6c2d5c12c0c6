//! Filters on documents: the operators that document and vector stores share.
//!
//! A filter is read once from a value, checked, and then tells of any document whether it matches. Invariant: it answers
//! the same for a value and for the encoding of it. The module is pure and sees one document at a time.

mod compare;
mod parse;
#[cfg(test)]
mod tests;

use crate::{
    codec::value::{Token, find},
    error::Result,
    value::{Text, Value},
};
use alloc::{boxed::Box, vec::Vec};
use core::cmp::Ordering;
use serde::Serialize;

/// Which documents are meant: conditions on their fields.
///
/// ```
/// use koru_delta::{Filter, Value, to_value};
/// use serde_json::json;
///
/// # fn main() -> koru_delta::Result<()> {
/// let filter = Filter::new(&json!({
///     "year": {"$gte": 2020, "$lt": 2030},
///     "tags": {"$in": ["rust", "databases"]},
///     "author.name": "Ada",
///     "$not": {"draft": true},
/// }))?;
/// let matches = |document: serde_json::Value| Ok::<bool, koru_delta::Error>(filter.matches(&to_value(&document)?));
///
/// assert!(matches(json!({"year": 2024, "tags": ["wasm", "rust"], "author": {"name": "Ada"}}))?);
/// assert!(!matches(json!({"year": 2024, "tags": ["rust"], "author": {"name": "Ada"}, "draft": true}))?);
/// assert!(!matches(json!({"year": 2024, "tags": [], "author": {"name": "Ada"}}))?);
///
/// let error = Filter::new(&json!({"year": {"$above": 2020}})).unwrap_err();
/// assert!(error.message().starts_with("at /year/$above: "));
/// # Ok(()) }
/// ```
///
/// A map of fields, each with a plain value that it has to equal or with a map of operators, all of which have to hold:
///
/// | operator | holds if something at the field | operand |
/// |---|---|---|
/// | `$eq` | equals the operand | null, a boolean, a number, a string or bytes |
/// | `$gt` `$gte` `$lt` `$lte` | is of the operand's kind, and greater, ... | a boolean, a number, a string or bytes |
/// | `$in` | equals one of the operands | an array of those of `$eq` |
/// | `$exists` | is there at all, or is not, by the operand | a boolean |
/// | `$ne` `$nin` | does not hold for `$eq`, `$in` | the same |
/// | `$not` | does not hold for the operand | a map of operators, or a plain value |
///
/// Beside fields, `$and` and `$or` take an array of filters and `$not` takes a filter. The empty filter matches every
/// document.
///
/// - A field is a name, or names with dots between them for one within another. A name with a dot in it cannot be told.
/// - Where there is an array, its elements are meant, each, and those of an array directly in it are not: a condition
///   holds if it does for one of them. Two conditions may hold for different ones.
/// - A document without the field matches `$ne`, `$nin`, `$not` and `{"$exists": false}`, and nothing else. A stored null
///   is there, and equals null only.
/// - Numbers are compared by what they are, an integer with a float as well, and exactly; `-0.0` equals `0.0`. Strings are
///   ordered by their UTF-8 bytes, and false is less than true. Kinds are never converted: `1`, `"1"` and `true` differ.
#[derive(Clone, Debug)]
pub struct Filter {
    node: Node,
    /// The encoding of what it was made of.
    source: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Field { path: Vec<Text>, test: Test },
}

/// What has to hold for something at the end of a path.
#[derive(Clone, Debug)]
enum Test {
    Exists,
    /// Its order to the operand.
    Compare(fn(Ordering) -> bool, Value),
    /// It equals one of these, which are in order.
    Among(Vec<Value>),
}

impl Filter {
    /// The filter that anything that serialises describes, such as a `serde_json::Value`.
    ///
    /// # Errors
    /// As [`to_value`](crate::to_value) and [`Filter::parse`].
    pub fn new<T: Serialize + ?Sized>(filter: &T) -> Result<Filter> {
        Filter::parse(&crate::to_value(filter)?)
    }

    /// The filter that a value describes.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an unknown operator and for an operand that it does not take; `LIMIT_EXCEEDED` past
    /// [`FILTER_DEPTH_MAX`](crate::limits::FILTER_DEPTH_MAX),
    /// [`FILTER_CONDITIONS_MAX`](crate::limits::FILTER_CONDITIONS_MAX),
    /// [`FILTER_OPERANDS_MAX`](crate::limits::FILTER_OPERANDS_MAX) or
    /// [`VALUE_DEPTH_MAX`](crate::limits::VALUE_DEPTH_MAX) names in one path. The message names the place in the filter.
    pub fn parse(filter: &Value) -> Result<Filter> {
        let node = parse::parse(filter)?;
        let mut source = Vec::new();
        crate::codec::value::encode(filter, &mut source)?;
        Ok(Filter { node, source })
    }

    /// Whether a document with this value matches.
    pub fn matches(&self, value: &Value) -> bool {
        let find = |path: &[Text], test: &Test| Ok(find_in(value, path, true, test));
        // It fails only where `find` does.
        self.node.holds(&find).unwrap_or_default()
    }

    /// What it was made of, encoded: the same for equal filters.
    pub(crate) fn source(&self) -> &[u8] {
        &self.source
    }

    /// As [`Filter::matches`], of a value's canonical encoding. Reads it as far as needed, once for each condition.
    ///
    /// # Errors
    /// `CORRUPT` if what is read is no such encoding.
    pub(crate) fn matches_encoded(&self, bytes: &[u8]) -> Result<bool> {
        self.node.holds(&|path, test| find(bytes, path, &mut |token| test.holds(token)))
    }
}

impl Node {
    // Conditions recurse as deep as a filter may be.
    fn holds(&self, find: &dyn Fn(&[Text], &Test) -> Result<bool>) -> Result<bool> {
        let some = |nodes: &[Node], wanted| {
            for node in nodes {
                if node.holds(find)? == wanted {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        match self {
            Node::All(nodes) => some(nodes, false).map(|failed| !failed),
            Node::Any(nodes) => some(nodes, true),
            Node::Not(node) => node.holds(find).map(|holds| !holds),
            Node::Field { path, test } => find(path, test),
        }
    }
}

impl Test {
    fn holds(&self, found: &Token<'_>) -> bool {
        match self {
            Test::Exists => true,
            Test::Compare(accept, operand) => compare::compare(found, &operand.into()).is_some_and(accept),
            Test::Among(operands) => {
                operands.binary_search_by(|operand| compare::order(&operand.into(), found)).is_ok()
            }
        }
    }
}

/// What [`find`] does, in a value.
fn find_in(value: &Value, path: &[Text], spread: bool, test: &Test) -> bool {
    match (value, path.split_first()) {
        (Value::Map(map), Some((name, path))) => map.get(name).is_some_and(|value| find_in(value, path, true, test)),
        (Value::Array(items), _) => {
            path.is_empty() && test.holds(&value.into())
                || spread && items.iter().any(|item| find_in(item, path, false, test))
        }
        (_, None) => test.holds(&value.into()),
        _ => false,
    }
}
