use super::*;
use crate::{
    ErrorCode, Map,
    limits::{VALUE_BYTES_MAX, VALUE_DEPTH_MAX, VALUE_ITEMS_MAX},
    value::tests::{json_values, values},
};
use alloc::{string::String, vec};
use proptest::prelude::*;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

fn bytes_of<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes).unwrap();
    bytes
}

fn refusal<T: Serialize + ?Sized>(value: &T) -> crate::Error {
    let mut bytes = vec![1, 2, 3];
    let error = encode(value, &mut bytes).unwrap_err();
    assert_eq!(bytes, [1, 2, 3], "what was written stayed behind");
    error
}

/// Whatever is accepted is the one encoding of what it decodes to; the rest is `CORRUPT`.
fn check_canonical(bytes: &[u8]) -> Option<Value> {
    match decode(bytes) {
        Ok(value) => {
            assert_eq!(bytes_of(&value), bytes, "{value:?}");
            Some(value)
        }
        Err(error) => {
            assert!(error.is(ErrorCode::Corrupt), "{error}");
            None
        }
    }
}

proptest! {
    #[test]
    fn values_come_back_as_written(value in values()) {
        prop_assert_eq!(decode(&bytes_of(&value)).unwrap(), value);
    }

    #[test]
    fn different_values_have_different_bytes(a in values(), b in values()) {
        prop_assert_eq!(a == b, bytes_of(&a) == bytes_of(&b));
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes: Vec<u8>) {
        check_canonical(&bytes);
    }

    /// Mostly tags and small lengths, so that many are accepted.
    #[test]
    fn likely_bytes_are_refused_or_canonical(
        bytes in prop::collection::vec(prop_oneof![0xc0..0xf9u8, 0..3u8, 0x80..0x83u8, 0x61..0x63u8], 1..24)
    ) {
        check_canonical(&bytes);
    }

    #[test]
    fn every_changed_byte_is_refused_or_another_value(value in values(), flip in 1..=255u8) {
        let mut bytes = bytes_of(&value);
        for at in 0..bytes.len().min(400) {
            bytes[at] ^= flip;
            if let Some(other) = check_canonical(&bytes) {
                prop_assert_ne!(&other, &value);
            }
            bytes[at] ^= flip;
        }
    }

    #[test]
    fn every_truncation_and_addition_is_refused(value in values(), more: u8) {
        let mut bytes = bytes_of(&value);
        for end in 0..bytes.len() {
            prop_assert!(decode(&bytes[..end]).unwrap_err().is(ErrorCode::Corrupt));
        }
        bytes.push(more);
        prop_assert!(decode(&bytes).unwrap_err().is(ErrorCode::Corrupt));
    }

    #[test]
    fn the_same_document_has_the_same_bytes_in_every_type(value in json_values()) {
        let json = serde_json::to_value(&value).unwrap();
        prop_assert_eq!(bytes_of(&json), bytes_of(&value));
    }

    #[test]
    fn entries_may_come_in_any_order_and_with_any_count(
        entries in prop::collection::vec(("[a-e]{0,2}", json_values()), 0..40), count in prop::option::of(0..40usize)
    ) {
        let map: Map = entries.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
        prop_assert_eq!(bytes_of(&Unordered { entries: &entries, count }), bytes_of(&Value::Map(map)));
        let items = Value::from(entries.iter().map(|(_, v)| v.clone()).collect::<Vec<_>>());
        prop_assert_eq!(bytes_of(&Miscounted { entries: &entries, count }), bytes_of(&items));
    }
}

/// A map whose entries come as they are, also twice, with a count that need not be true.
struct Unordered<'a> {
    entries: &'a [(String, Value)],
    count: Option<usize>,
}

impl Serialize for Unordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(self.count)?;
        self.entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

struct Miscounted<'a> {
    entries: &'a [(String, Value)],
    count: Option<usize>,
}

impl Serialize for Miscounted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(self.count)?;
        self.entries.iter().try_for_each(|(_, value)| seq.serialize_element(value))?;
        seq.end()
    }
}

#[test]
fn each_form_is_the_one_that_the_format_page_shows() {
    let table: &[(Value, &[u8])] = &[
        (Value::Int(0), &[0x00]),
        (Value::Int(127), &[0x7f]),
        (Value::Int(128), &[0xe0, 0x80]),
        (Value::Int(256), &[0xe1, 0x00, 0x01]),
        (Value::Int(i64::MAX), &[0xe7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        (Value::Int(-1), &[0xe8, 0x00]),
        (Value::Int(-256), &[0xe8, 0xff]),
        (Value::Int(-257), &[0xe9, 0x00, 0x01]),
        (Value::Int(i64::MIN), &[0xef, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        (Value::Null, &[0xf0]),
        (Value::Bool(false), &[0xf1]),
        (Value::Bool(true), &[0xf2]),
        (Value::Float(1.0), &[0xf3, 0, 0, 0x80, 0x3f]),
        (Value::Float(-0.0), &[0xf3, 0, 0, 0, 0x80]),
        (Value::Float(0.1), &[0xf4, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f]),
        (Value::from("hi"), &[0x82, b'h', b'i']),
        (Value::Bytes(vec![1, 2]), &[0xf6, 2, 1, 2]),
        (Value::from([true, false]), &[0xd2, 0xf2, 0xf1]),
        (Map::from([("b", 1), ("a", 2)]).into(), &[0xc2, 1, b'a', 2, 1, b'b', 1]),
    ];
    for (value, bytes) in table {
        assert_eq!(&bytes_of(value), bytes, "{value:?}");
        assert_eq!(&decode(bytes).unwrap(), value);
    }
    assert_eq!(bytes_of(&"x".repeat(64))[..2], [0xf5, 64]);
    assert_eq!(bytes_of(&vec![0; 16])[..2], [0xf8, 16]);
}

#[test]
fn longer_forms_are_refused() {
    let wrong: &[(&str, &[u8])] = &[
        ("127 in two bytes", &[0xe0, 0x7f]),
        ("128 in three bytes", &[0xe1, 0x80, 0x00]),
        ("-1 in three bytes", &[0xe9, 0x00, 0x00]),
        ("2^63", &[0xe7, 0, 0, 0, 0, 0, 0, 0, 0x80]),
        ("-2^63 - 1", &[0xef, 0, 0, 0, 0, 0, 0, 0, 0x80]),
        ("1.0 in eight bytes", &[0xf4, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
        ("infinity", &[0xf3, 0, 0, 0x80, 0x7f]),
        ("NaN", &[0xf3, 0, 0, 0xc0, 0x7f]),
        ("a NaN of 64 bits", &[0xf4, 1, 0, 0, 0, 0, 0, 0xf8, 0x7f]),
        ("a short string in the long form", &[0xf5, 2, b'h', b'i']),
        ("a length in two bytes", &[0xf6, 0x81, 0x00, 7]),
        ("a small array in the long form", &[0xf8, 1, 0]),
        ("a small map in the long form", &[0xf7, 1, 1, b'a', 0]),
        ("keys that descend", &[0xc2, 1, b'b', 1, 1, b'a', 2]),
        ("a key twice", &[0xc2, 1, b'a', 1, 1, b'a', 2]),
        ("no UTF-8", &[0x81, 0xff]),
        ("a key that is no UTF-8", &[0xc1, 1, 0xff, 0]),
        ("an unknown tag", &[0xf9]),
        ("two values", &[0xf0, 0xf0]),
        ("nothing", &[]),
    ];
    for (what, bytes) in wrong {
        assert!(decode(bytes).unwrap_err().is(ErrorCode::Corrupt), "{what} was accepted");
    }
}

#[test]
fn a_length_beyond_the_input_allocates_nothing_of_that_size() {
    for tag in [tag::LONG_STRING, tag::BYTES, tag::LONG_MAP, tag::LONG_ARRAY] {
        let mut bytes = vec![tag];
        crate::codec::varint::write_u64(&mut bytes, u64::MAX >> 1);
        assert!(decode(&bytes).unwrap_err().is(ErrorCode::Corrupt));
    }
    // Each level claims all that is left, and has it but for the levels: believed, this would reserve some GiB.
    let mut bytes = vec![0; VALUE_ITEMS_MAX / 60];
    for at in 0..60 {
        let left = bytes.len() - at * 5 - 5;
        let mut claim = vec![tag::LONG_ARRAY];
        crate::codec::varint::write_u64(&mut claim, left as u64);
        bytes[at * 5..at * 5 + claim.len()].copy_from_slice(&claim);
    }
    assert!(decode(&bytes).unwrap_err().is(ErrorCode::Corrupt));
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(
        Value::Null,
        |inner, level| {
            if level % 2 == 0 { Value::from([inner]) } else { Map::from([("x", inner)]).into() }
        },
    )
}

#[test]
fn nesting_is_accepted_up_to_the_limit_and_not_beyond() {
    let deepest = nested(VALUE_DEPTH_MAX);
    let bytes = bytes_of(&deepest);
    assert_eq!(decode(&bytes).unwrap(), deepest);
    assert!(refusal(&nested(VALUE_DEPTH_MAX + 1)).is(ErrorCode::LimitExceeded));
    let mut deeper = vec![tag::ARRAY + 1];
    deeper.extend(bytes);
    assert!(decode(&deeper).unwrap_err().is(ErrorCode::Corrupt));
    assert!(decode(&vec![tag::ARRAY + 1; 1 << 20]).unwrap_err().is(ErrorCode::Corrupt));
}

#[test]
fn a_value_is_accepted_up_to_its_largest_size_and_not_beyond() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
            serializer.collect_seq(core::iter::repeat(1))
        }
    }
    assert!(refusal(&Endless).is(ErrorCode::LimitExceeded));
    // A tag and four bytes of length stand in front.
    let fits = Value::Bytes(vec![7; VALUE_BYTES_MAX - 5]);
    let bytes = bytes_of(&fits);
    assert_eq!((bytes.len(), decode(&bytes).unwrap()), (VALUE_BYTES_MAX, fits));
    assert!(refusal(&Value::Bytes(vec![7; VALUE_BYTES_MAX - 4])).is(ErrorCode::LimitExceeded));
    assert!(refusal(&(vec![0; VALUE_BYTES_MAX / 8], "x".repeat(VALUE_BYTES_MAX))).is(ErrorCode::LimitExceeded));
    assert!(refusal(&"x".repeat(VALUE_BYTES_MAX)).is(ErrorCode::LimitExceeded));
}

#[test]
fn a_value_is_accepted_up_to_its_most_items_and_not_beyond() {
    // Two arrays with a container of their own, so that what counts is the sum.
    let items = |count: usize| (vec![true; count / 2], vec![true; count - count / 2 - 2]);
    let bytes = bytes_of(&items(VALUE_ITEMS_MAX));
    assert!(decode(&bytes).is_ok());
    assert!(refusal(&items(VALUE_ITEMS_MAX + 1)).is(ErrorCode::LimitExceeded));
    let mut more = vec![tag::ARRAY + 1];
    more.extend(bytes);
    assert!(decode(&more).unwrap_err().is(ErrorCode::Corrupt));
}

#[test]
fn what_is_not_a_value_is_refused_with_its_path() {
    #[derive(Serialize)]
    struct Order {
        items: Vec<Item>,
    }
    #[derive(Serialize)]
    struct Item {
        name: &'static str,
        price: Price,
    }
    #[derive(Serialize)]
    enum Price {
        Euro(f64),
    }
    let items = vec![Item { name: "a", price: Price::Euro(1.0) }, Item { name: "b", price: Price::Euro(f64::NAN) }];
    let error = refusal(&Order { items });
    assert!(error.is(ErrorCode::InvalidArgument));
    assert_eq!(error.message(), "at /items/1/price/Euro: NaN is not a value: floats have to be finite");

    let error = refusal(&serde_json::json!({"a": [{"x/y": u64::MAX}]}));
    assert_eq!(error.message(), "at /a/0/x~1y: 18446744073709551615 is not a value: integers are 64-bit signed");
    assert!(refusal(&i128::MIN).is(ErrorCode::InvalidArgument));
    assert!(refusal(&f32::INFINITY).is(ErrorCode::InvalidArgument));
    let error = refusal(&alloc::collections::BTreeMap::from([(vec![1], 1)]));
    assert_eq!(error.message(), "an array is not a key: keys are strings, integers, booleans or characters");
}

#[test]
fn wide_integers_are_taken_when_they_fit() {
    assert_eq!(bytes_of(&(i64::MAX as u64)), bytes_of(&i64::MAX));
    assert_eq!(bytes_of(&i128::from(i64::MIN)), bytes_of(&i64::MIN));
    assert_eq!(bytes_of(&5u128), bytes_of(&5u8));
    assert_eq!(to_value(&0.1f32).unwrap(), Value::Float(f64::from(0.1f32)));
}

#[test]
fn keys_of_other_types_become_their_text() {
    use alloc::collections::BTreeMap;
    let long = "k".repeat(100);
    let keys = |value: &dyn Fn() -> Value| {
        value().as_map().unwrap().keys().map(|k| String::from(k.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(keys(&|| to_value(&BTreeMap::from([(-200, 0), (9, 0), (10, 0)])).unwrap()), ["-200", "10", "9"]);
    assert_eq!(keys(&|| to_value(&BTreeMap::from([(true, 0), (false, 0)])).unwrap()), ["false", "true"]);
    assert_eq!(keys(&|| to_value(&BTreeMap::from([('é', 0)])).unwrap()), ["é"]);
    assert_eq!(keys(&|| to_value(&BTreeMap::from([(&long, 0)])).unwrap()), [long.as_str()]);
}

#[test]
fn appending_leaves_what_is_there() {
    let mut bytes = bytes_of("first");
    let first = bytes.len();
    encode(&serde_json::json!({"b": 1, "a": {"d": 1, "c": 2}}), &mut bytes).unwrap();
    assert_eq!(decode(&bytes[..first]).unwrap(), Value::from("first"));
    assert!(decode(&bytes[first..]).unwrap().pointer("/a/c").is_some());
}
