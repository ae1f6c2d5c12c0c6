use super::rig::{Client, NULL, map, v};
use crate::{Map, Value, local::LocalOptions, protocol::operation::*};
use alloc::{string::String, vec::Vec};

/// A vector as its bytes.
pub(super) fn floats(vector: &[f32]) -> Value {
    Value::Bytes(vector.iter().flat_map(|number| number.to_le_bytes()).collect())
}

fn put(key: &str, vector: &[f32]) -> (u8, Vec<Value>) {
    (PUT, v!["c", key, NULL, NULL, NULL, 1, floats(vector)])
}

fn vectors(client: &mut Client, key: &str) -> Option<Value> {
    client.ok(VECTORS, v!["c", key, NULL]).first().cloned()
}

fn one(vector: &[f32]) -> Option<Value> {
    Some(map([("default", floats(vector))]))
}

/// A search among all keys of `c`, now.
struct Query {
    target: Value,
    k: Value,
    filter: Value,
    threshold: Value,
    values: bool,
    vectors: bool,
    range: Value,
    moment: Value,
}

fn near(vector: &[f32]) -> Query {
    let (k, filter, threshold, range, moment) = (NULL, NULL, NULL, NULL, NULL);
    Query { target: floats(vector), k, filter, threshold, values: true, vectors: false, range, moment }
}

impl Query {
    fn arguments(self, collection: &str) -> Vec<Value> {
        let Query { target, k, filter, threshold, values, vectors, range, moment } = self;
        v![collection, target, NULL, k, filter, threshold, 9, false, values, vectors, range, moment]
    }
}

/// Keys and scores of the hits.
fn found(results: &[Value]) -> Vec<(String, f64)> {
    let pair = |hit: &Value| match hit.as_array() {
        Some([Value::String(key), Value::Float(score), ..]) => (key.as_str().into(), *score),
        _ => panic!("{hit:?} is no hit"),
    };
    results[1..].iter().map(pair).collect()
}

#[test]
fn every_way_to_write_a_document_takes_vectors_and_leaves_out_those_that_there_are_not() {
    let mut client = Client::new();
    assert_eq!(vectors(&mut client, "a"), None, "there is no document");
    client.ok(put("a", &[1.0, -0.0]).0, put("a", &[1.0, -0.0]).1);
    assert_eq!(vectors(&mut client, "a"), one(&[1.0, -0.0]));
    let two = map([("default", floats(&[0.5, 0.25])), ("title", floats(&[1e-40]))]);
    client.ok(PUT, v!["c", "a", NULL, NULL, NULL, 2, two.clone()]);
    assert_eq!(vectors(&mut client, "a"), Some(two.clone()));
    client.ok(PUT_MANY, v!["c", NULL, "a", 1, "b", 2, floats(&[1.0, 2.0]), "d", map([]), two.clone(), "e", 1, map([])]);
    assert_eq!(vectors(&mut client, "a"), Some(map([])), "a write replaces the whole document");
    assert_eq!((vectors(&mut client, "b"), vectors(&mut client, "d")), (one(&[1.0, 2.0]), Some(two.clone())));
    assert_eq!(vectors(&mut client, "e"), Some(map([])));
    let change = |key: &str| v!["c", key, NULL, NULL, true, 1];
    let mut arguments = v![NULL, v![], v![]];
    arguments.extend(change("a"));
    arguments.push(floats(&[3.0, 4.0]));
    arguments.extend(change("b"));
    arguments.extend(v!["c", "d", NULL, NULL, false]);
    arguments.extend(change("e"));
    arguments.push(two.clone());
    client.ok(COMMIT, arguments);
    assert_eq!((vectors(&mut client, "a"), vectors(&mut client, "b")), (one(&[3.0, 4.0]), Some(map([]))));
    assert_eq!((vectors(&mut client, "d"), vectors(&mut client, "e")), (None, Some(two)));
}

#[test]
fn a_search_returns_hits_with_what_was_asked_for_and_says_how() {
    for waits in [false, true] {
        let mut client = Client::new();
        client.medium.wait(waits);
        for (key, vector) in [("b", [1.0, 0.0]), ("a", [1.0, 0.0]), ("c", [0.6, 0.8])] {
            client.ok(put(key, &vector).0, put(key, &vector).1);
        }
        let mut search = |query: Query| client.ok(SEARCH, query.arguments("c"));
        let here = || near(&[2.0, 0.0]);
        let all = search(here());
        let explain = all[0].as_array().unwrap();
        assert!(matches!(explain, [Value::String(_), Value::String(_), ..]), "{explain:?}");
        assert_eq!(explain[3..], v![3, 3, false], "taken, compared, degraded");
        let expected = [("a", 1.0), ("b", 1.0), ("c", f64::from(0.6_f32))].map(|(key, score)| (key.into(), score));
        assert_eq!(found(&all), expected);
        let bare = search(Query { values: false, vectors: true, k: 1.into(), ..here() });
        assert_eq!(bare.len(), 2);
        assert_eq!(bare[1].as_array().unwrap()[4..], [one(&[1.0, 0.0]).unwrap()]);
        let range = map([("after", "a".into())]);
        assert_eq!(found(&search(Query { range, ..here() })), expected[1..]);
        assert_eq!(found(&search(Query { target: "a".into(), threshold: floats(&[0.9]), ..here() })), expected[1..2]);
        assert_eq!(found(&search(Query { filter: map([("year", 1.into())]), ..here() })), []);
        let document = client.ok(GET, v!["c", "a", NULL]);
        assert_eq!(all[1].as_array().unwrap()[2..], v![document[0].clone(), document[1].clone(), 1]);
    }
}

#[test]
fn a_search_sees_a_moment_or_a_snapshot() {
    let mut client = Client::new();
    let first = client.ok(put("a", &[1.0]).0, put("a", &[1.0]).1)[0].clone();
    let snapshot = map([("snapshot", client.ok(SNAPSHOT, v![NULL])[0].clone())]);
    client.ok(put("b", &[-2.0]).0, put("b", &[-2.0]).1);
    client.ok(DELETE, v!["c", "a", NULL, NULL]);
    let mut at = |moment: Value| client.call(SEARCH, Query { moment, ..near(&[1.0]) }.arguments("c"));
    assert_eq!(found(&at(NULL).unwrap()), [("b".into(), -1.0)]);
    assert_eq!(found(&at(snapshot.clone()).unwrap()), [("a".into(), 1.0)]);
    assert_eq!(found(&at(map([("version", first)])).unwrap()), [("a".into(), 1.0)]);
    assert_eq!(at(map([("snapshot", 99.into())])).unwrap_err(), "NOT_FOUND");
    assert_eq!(client.ok(VECTORS, v!["c", "a", snapshot]), [one(&[1.0]).unwrap()]);
}

#[test]
fn what_cannot_be_stored_or_searched_has_a_code() {
    let mut client = Client::new();
    let config = |info: Value| v!["c", "default", info, 2, "euclidean", NULL, "i8"];
    assert_eq!(client.ok(VECTOR_CONFIG, v!["c", "default"]), [NULL]);
    let set = client.ok(CONFIGURE_VECTORS, config(map([("author", "me".into())])));
    assert_eq!(set[1], Value::Int(1));
    assert_eq!(client.ok(CONFIGURE_VECTORS, config(NULL)), v![NULL, 1], "it is so already");
    let info = client.ok(VECTOR_INFO, v!["c"]);
    let of = |path: &str| info[0].pointer(path).cloned();
    assert_eq!((of("/0/name"), of("/0/config/dimension")), (Some("default".into()), Some(2.into())));
    assert_eq!((of("/0/documents"), of("/0/codes"), of("/1")), (Some(0.into()), Some("i8".into()), None));
    let kept = client.ok(VECTOR_CONFIG, v!["c", "default"]);
    assert_eq!(kept[0].pointer("/metric").and_then(Value::as_str), Some("euclidean"));
    assert_eq!(kept[0].pointer("/index").and_then(Value::as_str), Some("auto"));
    assert_eq!(client.code(put("a", &[1.0]).0, put("a", &[1.0]).1), "DIMENSION_MISMATCH");
    let many = (0..17).map(|n| (alloc::format!("v{n}"), floats(&[1.0]))).collect::<Map>();
    assert_eq!(client.code(PUT, v!["c", "a", NULL, NULL, NULL, 1, Value::Map(many)]), "LIMIT_EXCEEDED");
    assert_eq!(client.code(put("a", &[0.5; 4097]).0, put("a", &[0.5; 4097]).1), "LIMIT_EXCEEDED");
    assert_eq!(client.code(SEARCH, near(&[1.0]).arguments("c")), "DIMENSION_MISMATCH");
    assert_eq!(client.code(SEARCH, Query { k: 0.into(), ..near(&[1.0; 2]) }.arguments("c")), "INVALID_ARGUMENT");
    assert_eq!(client.code(SEARCH, Query { k: 10_001.into(), ..near(&[1.0; 2]) }.arguments("c")), "LIMIT_EXCEEDED");
    assert_eq!(client.code(SEARCH, near(&[1.0; 2]).arguments("other")), "NOT_FOUND");
    let other = v!["c", "default", NULL, 3, NULL, NULL, NULL];
    assert_eq!(client.code(CONFIGURE_VECTORS, other), "DIMENSION_MISMATCH");
    let options = LocalOptions { read_only: true, ..LocalOptions::default() };
    let mut reader = Client::open(client.medium.files().snapshot(), options);
    assert_eq!(reader.code(CONFIGURE_VECTORS, config(NULL)), "READ_ONLY");
}

/// The call was made, but its reply was lost with the engine.
#[test]
fn a_configuration_that_is_sent_again_is_made_once() {
    let mut client = Client::new();
    let info = map([("token", v![&[7_u8; 16][..], 1].into()), ("after", 0.into())]);
    let first = client.ok(CONFIGURE_VECTORS, v!["c", "x", info.clone(), 2, NULL, NULL, NULL]);
    client.ok(CONFIGURE_VECTORS, v!["c", "x", NULL, 2, "dot", NULL, NULL]);
    let mut next = Client::open(client.medium.files().snapshot(), LocalOptions::default());
    assert_eq!(next.ok(CONFIGURE_VECTORS, v!["c", "x", info, 2, NULL, NULL, NULL])[0], first[0]);
    let kept = next.ok(VECTOR_CONFIG, v!["c", "x"]);
    assert_eq!(kept[0].pointer("/metric").and_then(Value::as_str), Some("dot"));
}
