//! Reads a filter from a value, and refuses what is none, naming the place in it.

use super::{Node, Test, compare::order};
use crate::{
    error::ErrorCode,
    limits::{FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_OPERANDS_MAX, VALUE_DEPTH_MAX},
    sort::sort_by,
    value::{Failure, Text, Value},
};
use alloc::{boxed::Box, format, vec::Vec};
use core::cmp::Ordering;

type Outcome<T> = Result<T, Failure>;

pub(super) fn parse(filter: &Value) -> Outcome<Node> {
    Parser { conditions: 0, operands: 0 }.filter(filter, 0)
}

struct Parser {
    /// How many there were so far, operators among them.
    conditions: usize,
    /// Those of `$in` and `$nin`.
    operands: usize,
}

impl Parser {
    fn filter(&mut self, filter: &Value, depth: usize) -> Outcome<Node> {
        let Value::Map(map) = filter else { return Err(expected("a map of conditions", filter)) };
        let depth = deeper(depth)?;
        self.all(map.iter(), |parser, name, value| match name {
            "$and" => parser.filters(value, depth).map(Node::All),
            "$or" => parser.filters(value, depth).map(Node::Any),
            "$not" => parser.filter(value, depth).map(not),
            _ if name.starts_with('$') => Err(unknown("$and, $or and $not, or a field")),
            _ => parser.field(&path(name)?, value, depth),
        })
    }

    fn filters(&mut self, filters: &Value, depth: usize) -> Outcome<Vec<Node>> {
        let filters = array("an array of filters", filters)?.iter().enumerate();
        filters.map(|(at, filter)| self.filter(filter, depth).map_err(|e| e.at(at))).collect()
    }

    /// The condition on a field: operators, or what it has to equal.
    fn field(&mut self, path: &[Text], condition: &Value, depth: usize) -> Outcome<Node> {
        let Value::Map(map) = condition else { return self.test(path, "$eq", condition, depth) };
        if map.is_empty() {
            return Err(Failure::invalid("there is no operator; {\"$exists\": true} holds for any value"));
        }
        self.all(map.iter(), |parser, name, operand| parser.test(path, name, operand, depth))
    }

    fn test(&mut self, path: &[Text], operator: &str, operand: &Value, depth: usize) -> Outcome<Node> {
        let compare = |accept: fn(Ordering) -> bool| Test::Compare(accept, operand.clone());
        let test = match operator {
            "$eq" | "$ne" => {
                scalar(operand)?;
                compare(Ordering::is_eq)
            }
            "$gt" | "$gte" | "$lt" | "$lte" => {
                scalar(operand)?;
                if operand.is_null() {
                    return Err(expected("a boolean, a number, a string or bytes", operand));
                }
                compare(match operator {
                    "$gt" => Ordering::is_gt,
                    "$gte" => Ordering::is_ge,
                    "$lt" => Ordering::is_lt,
                    _ => Ordering::is_le,
                })
            }
            "$in" | "$nin" => Test::Among(self.among(operand)?),
            "$exists" if operand.as_bool().is_some() => Test::Exists,
            "$exists" => return Err(expected("true or false", operand)),
            "$not" => return self.field(path, operand, deeper(depth)?).map(not),
            _ if operator.starts_with('$') => {
                return Err(unknown("$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not"));
            }
            _ => return Err(Failure::invalid("not an operator; a field within a field is told by a dot, as in a.b")),
        };
        let node = Node::Field { path: path.to_vec(), test };
        let negative = matches!(operator, "$ne" | "$nin") || operand.as_bool() == Some(false) && operator == "$exists";
        Ok(if negative { not(node) } else { node })
    }

    fn among(&mut self, operands: &Value) -> Outcome<Vec<Value>> {
        let operands = array("an array of values", operands)?;
        self.operands += operands.len();
        within(self.operands, FILTER_OPERANDS_MAX, "operands of $in and $nin")?;
        for (at, operand) in operands.iter().enumerate() {
            scalar(operand).map_err(|e| e.at(at))?;
        }
        let mut among = operands.to_vec();
        sort_by(&mut among, |a, b| order(&a.into(), &b.into()));
        Ok(among)
    }

    /// All of the conditions that a map's entries are.
    fn all<'a>(
        &mut self,
        entries: impl Iterator<Item = (&'a Text, &'a Value)>,
        mut condition: impl FnMut(&mut Parser, &str, &Value) -> Outcome<Node>,
    ) -> Outcome<Node> {
        let mut nodes = Vec::new();
        for (name, value) in entries {
            self.conditions += 1;
            within(self.conditions, FILTER_CONDITIONS_MAX, "conditions")?;
            nodes.push(condition(self, name, value).map_err(|e| e.at(name))?);
        }
        Ok(Node::All(nodes))
    }
}

fn not(node: Node) -> Node {
    Node::Not(Box::new(node))
}

fn deeper(depth: usize) -> Outcome<usize> {
    within(depth + 1, FILTER_DEPTH_MAX, "levels").map(|()| depth + 1)
}

fn path(name: &str) -> Outcome<Vec<Text>> {
    within(name.split('.').count(), VALUE_DEPTH_MAX, "names in one path")?;
    Ok(name.split('.').map(Text::from).collect())
}

fn within(count: usize, max: usize, what: &str) -> Outcome<()> {
    if count <= max {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::LimitExceeded, format!("more than {max} {what}, the most that a filter may have")))
}

fn array<'a>(what: &str, value: &'a Value) -> Outcome<&'a [Value]> {
    value.as_array().ok_or_else(|| expected(what, value))
}

/// Refuses an operand that nothing can be compared with.
fn scalar(operand: &Value) -> Outcome<()> {
    match operand {
        Value::Array(_) | Value::Map(_) => Err(expected("null, a boolean, a number, a string or bytes", operand)),
        Value::Float(float) if !float.is_finite() => Err(expected("a finite number", operand)),
        _ => Ok(()),
    }
}

#[cold]
fn expected(what: &str, found: &Value) -> Failure {
    Failure::invalid(format!("expected {what}, not {}", found.kind()))
}

#[cold]
fn unknown(known: &str) -> Failure {
    Failure::invalid(format!("there is no such operator here; there are {known}"))
}
