//! The order of values in filters, within what can be compared: numbers with numbers, by what they are; strings, bytes and
//! booleans each with their own; null equals null. It is not the equality of [`Value`](crate::Value), where `1` and `1.0`
//! differ.

use crate::codec::value::Token;
use core::cmp::Ordering;

/// `None` if the two cannot be compared.
pub(super) fn compare(a: &Token<'_>, b: &Token<'_>) -> Option<Ordering> {
    (rank(a) == rank(b)).then(|| order(a, b))
}

/// The order of all that can be an operand, kinds one behind the other. Containers come last, and are all equal to each
/// other: no operand is one.
pub(super) fn order(a: &Token<'_>, b: &Token<'_>) -> Ordering {
    match (a, b) {
        (Token::Bool(a), Token::Bool(b)) => a.cmp(b),
        (Token::Int(a), Token::Int(b)) => a.cmp(b),
        (Token::Float(a), Token::Float(b)) => floats(*a, *b),
        (Token::Int(a), Token::Float(b)) => int_to_float(*a, *b),
        (Token::Float(a), Token::Int(b)) => int_to_float(*b, *a).reverse(),
        (Token::Text(a), Token::Text(b)) => a.cmp(b),
        (Token::Bytes(a), Token::Bytes(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(token: &Token<'_>) -> u8 {
    match token {
        Token::Null => 0,
        Token::Bool(_) => 1,
        Token::Int(_) | Token::Float(_) => 2,
        Token::Text(_) => 3,
        Token::Bytes(_) => 4,
        Token::Array(_) | Token::Map(_) => 5,
    }
}

/// No operand and no stored float is NaN; one that was made in memory equals nothing.
fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b))
}

/// Exact: the integer goes through no float that could round it, and the float's part before the point is an integer of 64
/// bits, or beyond all of these.
fn int_to_float(int: i64, float: f64) -> Ordering {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float >= BEYOND {
        return Ordering::Less;
    }
    if float < -BEYOND {
        return Ordering::Greater;
    }
    let whole = float as i64;
    int.cmp(&whole).then_with(|| floats(whole as f64, float))
}
