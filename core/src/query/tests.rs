use super::*;
use crate::{
    ErrorCode, codec,
    limits::{FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_OPERANDS_MAX, VALUE_DEPTH_MAX},
    to_value,
    value::{Map, tests::values},
};
use alloc::{format, string::String, vec};
use core::cmp::Ordering::{Equal, Greater, Less};
use proptest::prelude::*;
use serde_json::json;

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::value::encode(value, &mut bytes).unwrap();
    bytes
}

/// Whether a filter matches, asked in both ways.
fn holds(filter: &Filter, document: &Value) -> bool {
    let matches = filter.matches(document);
    assert_eq!(filter.matches_encoded(&encoded(document)).unwrap(), matches, "{filter:?} of {document:?}");
    matches
}

/// The numbers of the documents that a filter matches.
fn which<T: Serialize>(documents: &[T], filter: impl Serialize) -> Vec<usize> {
    let filter = Filter::new(&filter).unwrap();
    let matches = |at: &usize| holds(&filter, &to_value(&documents[*at]).unwrap());
    (0..documents.len()).filter(matches).collect()
}

fn refusal(filter: impl Serialize) -> String {
    let error = Filter::new(&filter).unwrap_err();
    assert!(error.is(ErrorCode::InvalidArgument), "{error}");
    error.message().into()
}

fn numbers() -> [serde_json::Value; 7] {
    [json!({"a": 1}), json!({"a": 2.0}), json!({"a": 3}), json!({"a": "2"}), json!({"a": null}), json!({}), json!(2)]
}

#[test]
fn equal_and_a_plain_value_mean_the_same() {
    assert_eq!(which(&numbers(), json!({"a": {"$eq": 2}})), [1]);
    assert_eq!(which(&numbers(), json!({"a": 2})), [1]);
    assert_eq!(which(&numbers(), json!({"a": "2"})), [3]);
    assert_eq!(which(&numbers(), json!({"a": null})), [4], "a missing field is not null");
}

#[test]
fn not_equal_is_all_that_equal_is_not() {
    assert_eq!(which(&numbers(), json!({"a": {"$ne": 2}})), [0, 2, 3, 4, 5, 6]);
}

#[test]
fn orders_hold_within_a_kind_and_never_for_a_missing_field() {
    assert_eq!(which(&numbers(), json!({"a": {"$gt": 2}})), [2]);
    assert_eq!(which(&numbers(), json!({"a": {"$gte": 2}})), [1, 2]);
    assert_eq!(which(&numbers(), json!({"a": {"$lt": 2}})), [0]);
    assert_eq!(which(&numbers(), json!({"a": {"$lte": 2}})), [0, 1]);
    assert_eq!(which(&numbers(), json!({"a": {"$gt": 1, "$lt": 3}})), [1]);
    assert_eq!(which(&numbers(), json!({"a": {"$gte": ""}})), [3]);
    assert_eq!(which(&[json!({"a": false}), json!({"a": true})], json!({"a": {"$gt": false}})), [1]);
}

#[test]
fn in_takes_any_of_the_operands_and_nin_none() {
    let filter = json!(["2", 3.0, null, 7, true, "", -1]);
    assert_eq!(which(&numbers(), json!({"a": {"$in": filter}})), [2, 3, 4]);
    assert_eq!(which(&numbers(), json!({"a": {"$nin": filter}})), [0, 1, 5, 6]);
    assert_eq!(which(&numbers(), json!({"a": {"$in": []}})), [0; 0]);
    assert_eq!(which(&numbers(), json!({"a": {"$nin": []}})).len(), 7);
}

#[test]
fn exists_tells_a_stored_null_from_a_missing_field() {
    assert_eq!(which(&numbers(), json!({"a": {"$exists": true}})), [0, 1, 2, 3, 4]);
    assert_eq!(which(&numbers(), json!({"a": {"$exists": false}})), [5, 6]);
    let nested = [json!({"a": []}), json!({"a": [{}]}), json!({"a": {"b": []}}), json!({"a": [0, {"b": 1}]})];
    assert_eq!(which(&nested, json!({"a.b": {"$exists": true}})), [2, 3]);
    assert_eq!(which(&nested, json!({"a": {"$exists": true}})), [0, 1, 2, 3]);
}

#[test]
fn filters_are_joined_by_and_or_and_not() {
    let documents: Vec<_> = (0..8).map(|n| json!({"a": n & 1, "b": n >> 1 & 1, "c": n >> 2})).collect();
    assert_eq!(which(&documents, json!({"a": 1, "b": 1})), [3, 7]);
    assert_eq!(which(&documents, json!({"$and": [{"a": 1}, {"b": 1}, {"c": 0}]})), [3]);
    assert_eq!(which(&documents, json!({"$or": [{"a": 1, "b": 1}, {"c": 1}]})), [3, 4, 5, 6, 7]);
    assert_eq!(which(&documents, json!({"$not": {"a": 1, "b": 1}})), [0, 1, 2, 4, 5, 6]);
    assert_eq!(which(&documents, json!({"a": {"$not": {"$gt": 0}}, "b": {"$not": 0}})), [2, 6]);
    assert_eq!(which(&documents, json!({"d": {"$not": {"$gt": 0}}})).len(), 8, "missing");
    assert_eq!(which(&documents, json!({})).len(), 8, "the empty filter");
    assert_eq!(which(&documents, json!({"$and": []})).len(), 8, "all of none");
    assert_eq!(which(&documents, json!({"$or": []})).len(), 0, "one of none");
}

#[test]
fn an_array_matches_if_an_element_does_but_not_one_of_an_array_in_it() {
    let documents = [
        json!({"a": [1, 5]}),
        json!({"a": [3]}),
        json!({"a": [[3]]}),
        json!({"a": []}),
        json!({"a": [{"b": 3}, {"b": [4, 9]}]}),
        json!([{"a": 3}]),
    ];
    assert_eq!(which(&documents, json!({"a": 3})), [1, 5]);
    assert_eq!(which(&documents, json!({"a": {"$gt": 3}})), [0]);
    assert_eq!(which(&documents, json!({"a": {"$gt": 2, "$lt": 4}})), [0, 1, 5], "by different elements of the first");
    assert_eq!(which(&documents, json!({"a": {"$ne": 3}})), [0, 2, 3, 4], "none equals");
    assert_eq!(which(&documents, json!({"a.b": {"$gte": 9}})), [4]);
    assert_eq!(which(&documents, json!({"a.b": {"$gte": 10}})), [0; 0]);
    assert_eq!(which(&documents, json!({"a.0": 3})), [0; 0], "a number is a name like others");
}

#[test]
fn names_are_told_apart_by_dots_and_are_otherwise_taken_as_they_are() {
    let documents =
        [json!({"a": {"b": {"c": 1}}}), json!({"a.b": {"c": 1}}), json!({"": {"": 1}}), json!({"a": {"$b": 1}})];
    assert_eq!(which(&documents, json!({"a.b.c": 1})), [0]);
    assert_eq!(which(&documents, json!({".": 1})), [2]);
    assert_eq!(which(&documents, json!({"a.$b": 1})), [3]);
    assert_eq!(which(&documents, json!({"a.b": {"$exists": true}})), [0]);
    assert_eq!(which(&documents, json!({"a.b.c.d": {"$exists": true}})), [0; 0]);
}

/// A comparison through f64 would call the first two equal, one through i64 the last two.
#[test]
fn integers_and_floats_are_compared_exactly() {
    let big = 1_i64 << 53;
    let cases: &[(i64, f64, Ordering)] = &[
        (big + 1, big as f64, Greater),
        (-big - 1, -big as f64, Less),
        (big, big as f64, Equal),
        (i64::MAX, i64::MAX as f64, Less),
        (i64::MIN, i64::MIN as f64, Equal),
        (i64::MIN, f64::MIN, Greater),
        (i64::MAX, f64::MAX, Less),
        (0, -0.0, Equal),
        (0, f64::MIN_POSITIVE, Less),
        (0, -f64::MIN_POSITIVE, Greater),
        (-1, -1.5, Greater),
        (-2, -1.5, Less),
        (1, 1.5, Less),
        (2, 1.5, Greater),
    ];
    for &(int, float, order) in cases {
        let documents = [Value::from(int), Value::from(float)].map(|a| Value::Map([("a", a)].into()));
        for (document, other, order) in
            [(&documents[0], &documents[1], order), (&documents[1], &documents[0], order.reverse())]
        {
            let is = |operator: &str| {
                let operand = other.get("a").unwrap().clone();
                holds(&Filter::parse(&condition("a", operator, operand)).unwrap(), document)
            };
            let found = ["$lt", "$lte", "$eq", "$gte", "$gt", "$ne"].map(is);
            let right = [order.is_lt(), order.is_le(), order.is_eq(), order.is_ge(), order.is_gt(), order.is_ne()];
            assert_eq!(found, right, "{document:?} to {other:?}");
        }
    }
}

/// By UTF-16, as in JavaScript, the second would be less than the first.
#[test]
fn strings_are_ordered_by_their_bytes() {
    let documents = [json!({"a": "\u{ffff}"}), json!({"a": "\u{10000}"}), json!({"a": "B"}), json!({"a": "a"})];
    assert_eq!(which(&documents, json!({"a": {"$gt": "\u{ffff}"}})), [1]);
    assert_eq!(which(&documents, json!({"a": {"$lt": "a"}})), [2]);
}

#[test]
fn bytes_are_no_strings() {
    let documents = [Value::Bytes(b"b".to_vec()), "b".into()].map(|a| Value::Map([("a", a)].into()));
    let operand = Value::Bytes(b"a".to_vec());
    assert_eq!(which(&documents, condition("a", "$gt", operand.clone())), [0]);
    assert_eq!(which(&documents, condition("a", "$in", Value::from(vec![operand, Value::Bytes(b"b".to_vec())]))), [0]);
}

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    let cases = [
        (json!(3), "expected a map of conditions, not an integer"),
        (json!({"a": {"$regex": "x"}}), "at /a/$regex: there is no such operator here; there are $eq, "),
        (json!({"$nor": []}), "at /$nor: there is no such operator here; there are $and, "),
        (json!({"$or": [{"b": 1}, {"a.b": {"$eq": [1]}}]}), "at /$or/1/a.b/$eq: expected null, "),
        (json!({"a": [1]}), "at /a: expected null, a boolean, a number, a string or bytes, not an array"),
        (json!({"a": {"b": 1}}), "at /a/b: not an operator; a field within a field is told by a dot"),
        (json!({"a": {}}), "at /a: there is no operator"),
        (json!({"a": {"$gt": null}}), "at /a/$gt: expected a boolean, a number, a string or bytes, not null"),
        (json!({"a": {"$lte": {}}}), "at /a/$lte: expected null, "),
        (json!({"a": {"$in": 3}}), "at /a/$in: expected an array of values, not an integer"),
        (json!({"a": {"$nin": [1, [2]]}}), "at /a/$nin/1: expected null, "),
        (json!({"a": {"$exists": 1}}), "at /a/$exists: expected true or false, not an integer"),
        (json!({"a": {"$not": {"$gt": []}}}), "at /a/$not/$gt: expected null, "),
        (json!({"$and": {"a": 1}}), "at /$and: expected an array of filters, not a map"),
        (json!({"$and": [1]}), "at /$and/0: expected a map of conditions, not an integer"),
        (json!({"$not": [{"a": 1}]}), "at /$not: expected a map of conditions, not an array"),
        (json!({"a/b": {"~": 1}}), "at /a~1b/~0: not an operator"),
    ];
    for (filter, message) in cases {
        let found = refusal(&filter);
        assert!(found.starts_with(message), "{filter}: {found}");
    }
    let error = Filter::parse(&condition("a", "$lt", Value::Float(f64::NAN))).unwrap_err();
    assert_eq!(error.message(), "at /a/$lt: expected a finite number, not a float");
}

#[test]
fn a_filter_has_bounds() {
    let ends = |filter: &Value, more: &Value, what: &str| {
        Filter::parse(filter).unwrap();
        let error = Filter::parse(more).unwrap_err();
        assert!(error.is(ErrorCode::LimitExceeded) && error.message().contains(what), "{error}");
    };
    let nested =
        |levels: usize| (1..levels).fold(Value::from(Map::new()), |inner, _| Value::Map([("$not", inner)].into()));
    ends(&nested(FILTER_DEPTH_MAX), &nested(FILTER_DEPTH_MAX + 1), "levels");
    let within = |levels: usize| {
        let operators = (1..levels).fold(Value::from(1), |inner, _| Value::Map([("$not", inner)].into()));
        Value::Map([("a", operators)].into())
    };
    ends(&within(FILTER_DEPTH_MAX), &within(FILTER_DEPTH_MAX + 1), "levels");
    let wide = |count: usize| Value::Map((0..count).map(|n| (format!("{n}"), n as i64)).collect());
    ends(&wide(FILTER_CONDITIONS_MAX), &wide(FILTER_CONDITIONS_MAX + 1), "conditions");
    let among = |count: usize| {
        let half = |count: usize| condition("a", "$nin", (0..count as i64).collect());
        Value::Map([("$or", Value::from(vec![half(count / 2), half(count - count / 2)]))].into())
    };
    ends(&among(FILTER_OPERANDS_MAX), &among(FILTER_OPERANDS_MAX + 1), "operands");
    let path = |names: usize| Value::Map([(vec!["a"; names].join("."), 1)].into());
    ends(&path(VALUE_DEPTH_MAX), &path(VALUE_DEPTH_MAX + 1), "names");
}

fn condition(field: &str, operator: &str, operand: Value) -> Value {
    Value::Map([(field, Map::from([(operator, operand)]))].into())
}

/// Values that meet often: few names, few operands.
fn small() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => (-2..3_i64).prop_map(Value::from),
        2 => prop::sample::select(vec![-1.5, -1.0, -0.0, 0.0, 1.0, 0.5, 2.0]).prop_map(Value::from),
        2 => "[ab]{0,2}".prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => prop::collection::vec(0..2_u8, 0..2).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            2 => prop::collection::vec(("[abc]{0,1}", inner), 0..5).prop_map(|e| Value::Map(e.into_iter().collect())),
        ]
    })
}

fn scalars() -> impl Strategy<Value = Value> {
    small().prop_map(|mut value| {
        while let Value::Array(_) | Value::Map(_) = value {
            value = match value {
                Value::Array(items) => items.into_iter().next(),
                Value::Map(map) => map.into_iter().next().map(|(_, value)| value),
                _ => None,
            }
            .unwrap_or_default();
        }
        value
    })
}

fn operators() -> impl Strategy<Value = Value> {
    let ordered = ["$gt", "$gte", "$lt", "$lte"];
    let operator = prop_oneof![
        (prop::sample::select(vec!["$eq", "$ne"]), scalars()),
        (prop::sample::select(ordered.to_vec()), scalars().prop_filter("null has no order", |v| !v.is_null())),
        (prop::sample::select(vec!["$in", "$nin"]), prop::collection::vec(scalars(), 0..6).prop_map(Value::from)),
        (Just("$exists"), any::<bool>().prop_map(Value::from)),
    ];
    let operators = prop::collection::vec(operator, 1..3).prop_map(|all| Value::Map(all.into_iter().collect()));
    operators.prop_recursive(2, 4, 1, |inner| inner.prop_map(|inner| Value::Map([("$not", inner)].into())))
}

fn filters() -> impl Strategy<Value = Value> {
    let fields = prop::collection::vec(("[abc]{0,1}(\\.[abc]{0,1}){0,3}", operators()), 0..3)
        .prop_map(|fields| Value::Map(fields.into_iter().collect()));
    fields.prop_recursive(3, 12, 3, |inner| {
        let some = prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from);
        prop_oneof![
            (prop::sample::select(vec!["$and", "$or"]), some).prop_map(|joined| Value::Map([joined].into())),
            inner.prop_map(|inner| Value::Map([("$not", inner)].into())),
        ]
    })
}

/// The meaning of a filter, written down once more from the value that describes it, without anything of the above but
/// the comparison of two values.
mod model {
    use super::*;

    pub(super) fn matches(filter: &Value, document: &Value) -> bool {
        filter.as_map().unwrap().iter().all(|(name, value)| match name.as_str() {
            "$and" => value.as_array().unwrap().iter().all(|filter| matches(filter, document)),
            "$or" => value.as_array().unwrap().iter().any(|filter| matches(filter, document)),
            "$not" => !matches(value, document),
            path => holds(value, &at(document, path)),
        })
    }

    /// All that is at a path, arrays and what they hold.
    fn at<'a>(document: &'a Value, path: &str) -> Vec<&'a Value> {
        let opened = |value: &'a Value| -> Vec<&'a Value> {
            let elements = value.as_array().unwrap_or_default();
            core::iter::once(value).chain(elements).collect()
        };
        let step =
            |values: Vec<&'a Value>, name: &str| values.iter().filter_map(|v| v.get(name)).flat_map(opened).collect();
        path.split('.').fold(opened(document), step)
    }

    fn holds(operators: &Value, values: &[&Value]) -> bool {
        operators.as_map().unwrap().iter().all(|(operator, operand)| {
            let some =
                |test: &dyn Fn(Ordering) -> bool| values.iter().any(|value| order(value, operand).is_some_and(test));
            let among =
                || operand.as_array().unwrap().iter().any(|one| values.iter().any(|v| order(v, one) == Some(Equal)));
            match operator.as_str() {
                "$eq" => some(&|order| order == Equal),
                "$ne" => !some(&|order| order == Equal),
                "$gt" => some(&|order| order == Greater),
                "$gte" => some(&|order| order != Less),
                "$lt" => some(&|order| order == Less),
                "$lte" => some(&|order| order != Greater),
                "$in" => among(),
                "$nin" => !among(),
                "$exists" => operand.as_bool().unwrap() != values.is_empty(),
                "$not" => !holds(operand, values),
                other => unreachable!("{other}"),
            }
        })
    }

    /// Of the small numbers that the filters of these tests have, all are exact as floats.
    fn order(a: &Value, b: &Value) -> Option<Ordering> {
        let number = |value: &Value| value.as_f64().or(value.as_i64().map(|int| int as f64));
        match (a, b) {
            (Value::Null, Value::Null) => Some(Equal),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::String(a), Value::String(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            _ => number(a)?.partial_cmp(&number(b)?),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_value_and_its_encoding_match_the_same_filters_as_the_model(filter in filters(), document in small()) {
        prop_assert_eq!(holds(&Filter::parse(&filter).unwrap(), &document), model::matches(&filter, &document));
    }

    #[test]
    fn damaged_documents_are_answered_or_corrupt(filter in filters(), document in small(), at: prop::sample::Index, bit in 0..8u8) {
        let mut bytes = encoded(&document);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let found = Filter::parse(&filter).unwrap().matches_encoded(&bytes);
        match codec::value::decode(&bytes) {
            Ok(other) => prop_assert_eq!(found.unwrap(), model::matches(&filter, &other)),
            Err(_) => prop_assert!(found.map_err(|e| e.code()).err().is_none_or(|code| code == ErrorCode::Corrupt)),
        }
    }
}

proptest! {
    #[test]
    fn any_value_is_a_filter_or_is_refused(filter in values(), document in values()) {
        match Filter::parse(&filter) {
            Ok(filter) => drop(holds(&filter, &document)),
            Err(error) => prop_assert!(error.is(ErrorCode::InvalidArgument)),
        }
    }

    #[test]
    fn any_bytes_are_answered_or_corrupt(filter in filters(), bytes: Vec<u8>) {
        let found = Filter::parse(&filter).unwrap().matches_encoded(&bytes);
        prop_assert!(found.map_err(|e| e.code()).err().is_none_or(|code| code == ErrorCode::Corrupt));
    }

    #[test]
    fn what_a_document_holds_is_found_in_it(document in values(), operand in values()) {
        for (name, value) in document.as_map().into_iter().flatten() {
            let found = Filter::parse(&condition(name, "$exists", true.into()));
            prop_assert!(name.contains('.') || name.starts_with('$') || holds(&found.unwrap(), &document));
            if let Ok(filter) = Filter::parse(&condition(name, "$in", Value::from(vec![operand.clone(), value.clone()]))) {
                prop_assert!(name.contains('.') || holds(&filter, &document));
            }
        }
    }
}
