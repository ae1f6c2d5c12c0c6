use super::*;
use alloc::{string::String, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// Any float that is a value, with the awkward ones often.
fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |v| v.is_finite()),
        any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(f64::from),
        prop::sample::select(vec![0.0, -0.0, 1.0, 0.1, f64::MAX, f64::MIN_POSITIVE, 9_007_199_254_740_993.0]),
    ]
}

fn ints() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0..64u32).prop_map(|(bits, shift)| bits >> shift)
}

fn leaves(with_bytes: bool) -> BoxedStrategy<Value> {
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        ints().prop_map(Value::from),
        floats().prop_map(Value::from),
        "\\PC{0,80}".prop_map(Value::from),
    ];
    if with_bytes {
        prop_oneof![9 => plain, 1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Value::Bytes)].boxed()
    } else {
        plain.boxed()
    }
}

fn values_of(leaves: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    leaves.prop_recursive(4, 48, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::vec(("\\PC{0,3}", inner), 0..20)
                .prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

/// Any value.
pub(crate) fn values() -> impl Strategy<Value = Value> {
    values_of(leaves(true))
}

/// Any value that JSON has too.
pub(crate) fn json_values() -> impl Strategy<Value = Value> {
    values_of(leaves(false))
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Named(String),
    Pair(i8, f32),
    Sized { width: u16, height: Option<u16> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    title: String,
    shapes: Vec<Shape>,
    by_number: alloc::collections::BTreeMap<i32, char>,
    by_truth: alloc::collections::BTreeMap<bool, ()>,
    wide: u64,
    nested: Value,
    address: core::net::IpAddr,
}

fn everything() -> Everything {
    Everything {
        title: "a title that is too long to stand inline".into(),
        shapes: vec![
            Shape::Empty,
            Shape::Named("x".into()),
            Shape::Pair(-7, 0.1),
            Shape::Sized { width: 3, height: None },
        ],
        by_number: [(-5, 'a'), (40, 'ß')].into(),
        by_truth: [(true, ())].into(),
        wide: i64::MAX as u64,
        nested: Map::from([("bytes", Value::Bytes(vec![0, 255]))]).into(),
        address: core::net::Ipv4Addr::LOCALHOST.into(),
    }
}

#[test]
fn rust_types_come_back_as_they_went_in() {
    let value = crate::to_value(&everything()).unwrap();
    assert_eq!(value.get("address").unwrap().as_str(), Some("127.0.0.1"));
    assert_eq!(value.pointer("/nested/bytes").unwrap().as_bytes(), Some(&[0, 255][..]));
    assert_eq!(value.pointer("/by_number/-5").unwrap().as_str(), Some("a"));
    assert_eq!(from_value::<Everything>(&value).unwrap(), everything());
}

#[test]
fn values_of_rust_types_are_what_serde_json_makes_of_them() {
    let mut sample = everything();
    sample.nested = Value::Null;
    sample.shapes.remove(2); // serde_json keeps an f32 as the f64 of its shortest decimal form.
    let text = serde_json::to_string(&sample).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), crate::to_value(&sample).unwrap());
}

#[test]
fn a_shape_that_does_not_fit_is_named_with_its_path() {
    let value: Value = serde_json::from_str(r#"{"items": [{"a/b": "x"}]}"#).unwrap();
    type Items = alloc::collections::BTreeMap<String, Vec<alloc::collections::BTreeMap<String, i64>>>;
    let error = from_value::<Items>(&value).unwrap_err();
    assert!(error.is(crate::ErrorCode::InvalidArgument));
    assert!(error.message().starts_with("at /items/0/a~1b: invalid type: string"), "{error}");
    assert!(from_value::<(i64, i64)>(&Value::from([1, 2, 3])).is_err(), "an element was dropped");
    assert!(from_value::<Shape>(&Value::from("Round")).is_err());
}

#[test]
fn integers_and_floats_and_both_zeros_are_different_values() {
    assert_ne!(Value::Int(1), Value::Float(1.0));
    assert_ne!(Value::Float(0.0), Value::Float(-0.0));
    assert_eq!(Value::Float(-0.0), Value::Float(-0.0));
    assert_ne!(Value::from("a"), Value::from("a".as_bytes()));
}

#[test]
fn what_json_cannot_say_exactly_is_refused() {
    let read = |text: &str| serde_json::from_str::<Value>(text).map_err(|e| alloc::format!("{e}"));
    assert_eq!(read("9223372036854775807"), Ok(Value::Int(i64::MAX)));
    assert_eq!(read("-9223372036854775808"), Ok(Value::Int(i64::MIN)));
    assert!(read("9223372036854775808").unwrap_err().contains("integers are 64-bit signed"));
    assert!(serde_json::to_string(&Value::Float(f64::NAN)).is_err());
    assert!(serde_json::to_string(&Value::from(f64::NEG_INFINITY)).is_err());
}

#[test]
fn the_last_of_equal_keys_stays() {
    let read: Value = serde_json::from_str(r#"{"b": 1, "a": 2, "b": 3, "a": 4, "b": 5}"#).unwrap();
    assert_eq!(read, Map::from([("a", 4), ("b", 5)]).into());
}

#[test]
fn keys_are_ordered_by_their_bytes() {
    // In UTF-16, U+1F600 is a surrogate pair and sorts before U+FF5E.
    let map = Map::from([("\u{1f600}", 1), ("\u{ff5e}", 2), ("", 3), ("a", 4), ("B", 5)]);
    assert!(map.keys().map(Text::as_str).eq(["", "B", "a", "\u{ff5e}", "\u{1f600}"]));
}

#[test]
fn a_map_that_is_not_of_our_form_stays_a_map() {
    for text in [r#"{"$bytes":"no base64"}"#, r#"{"$bytes":"AA"}"#, r#"{"$bytes":1}"#, r#"{"$bytes":"AA==","a":1}"#] {
        let read: Value = serde_json::from_str(text).unwrap();
        assert!(read.as_map().is_some(), "{text}");
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
    assert_eq!(serde_json::from_str::<Value>(r#"{"$bytes":"AP8="}"#).unwrap(), Value::Bytes(vec![0, 255]));
}

#[test]
fn a_pointer_finds_what_rfc_6901_says() {
    let value: Value =
        serde_json::from_str(r#"{"foo":["bar","baz"],"":0,"a/b":1,"m~n":8,"~1":9,"deep":{"x":[[7]]}}"#).unwrap();
    let int = |pointer: &str| value.pointer(pointer).and_then(Value::as_i64);
    assert_eq!(value.pointer(""), Some(&value));
    assert_eq!(value.pointer("/foo/1").and_then(Value::as_str), Some("baz"));
    assert_eq!(
        (int("/"), int("/a~1b"), int("/m~0n"), int("/~01"), int("/deep/x/0/0")),
        (Some(0), Some(1), Some(8), Some(9), Some(7))
    );
    for nothing in ["foo", "/foo/2", "/foo/01", "/foo/-", "/foo/+1", "/foo/", "/nope", "/foo/0/x"] {
        assert_eq!(value.pointer(nothing), None, "{nothing}");
    }
}

#[test]
fn values_stay_small() {
    assert_eq!(size_of::<Text>(), 24);
    assert!(size_of::<Value>() <= 32);
    let long = "x".repeat(100);
    assert!(Value::from(&long).memory_bytes() >= 132);
    assert!(Value::from([Value::from(&long), Value::Null]).memory_bytes() >= 196);
}

proptest! {
    #[test]
    fn values_come_back_from_json_text(value in values()) {
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn values_come_back_from_serde(value in values()) {
        prop_assert_eq!(&from_value::<Value>(&value).unwrap(), &value);
        prop_assert_eq!(crate::to_value(&value).unwrap(), value);
    }

    #[test]
    fn a_map_agrees_with_an_ordered_map(steps in prop::collection::vec(("[a-c]{0,2}", prop::option::of(0..9i64)), 0..40)) {
        let (mut map, mut model) = (Map::new(), alloc::collections::BTreeMap::new());
        for (key, step) in &steps {
            match step {
                Some(int) => prop_assert_eq!(map.insert(key.as_str(), *int), model.insert(key.clone(), Value::Int(*int))),
                None => prop_assert_eq!(map.remove(key), model.remove(key)),
            }
            prop_assert_eq!(map.get(key), model.get(key));
        }
        prop_assert!(map.iter().map(|(k, v)| (k.as_str(), v)).eq(model.iter().map(|(k, v)| (k.as_str(), v))));
        let collected: Map = steps.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        let expected: alloc::collections::BTreeMap<_, _> = steps.iter().map(|(k, v)| (k.as_str(), Value::from(*v))).collect();
        prop_assert!(collected.iter().map(|(k, v)| (k.as_str(), v)).eq(expected.iter().map(|(k, v)| (*k, v))));
    }
}
