//! Names, keys, values and operations to choose from, with the traps among them.

use koru_delta::{Map, Value, limits};
use proptest::prelude::*;
use std::ops::Bound;

/// Collections of which one's name begins another's, and the longest.
pub(crate) fn collection(at: usize) -> String {
    match at % 3 {
        0 => "c".into(),
        1 => "cc".into(),
        _ => "é".repeat(limits::NAME_BYTES_MAX / 2),
    }
}

/// Keys that UTF-16 orders otherwise, that contain what the index ends keys with, that begin each other, and the longest.
pub(crate) fn key(at: usize) -> String {
    const KEYS: [&str; 13] =
        ["a", "a\0", "a\0b", "a\0\0", "a/b", "aa", "\0", "\u{ff}", "\u{ffff}", "\u{10000}", "e\u{301}", "\u{7f}", " "];
    KEYS.get(at % (KEYS.len() + 1)).map_or_else(|| "z".repeat(limits::KEY_BYTES_MAX), |key| (*key).into())
}

pub(crate) fn prefix(at: usize) -> String {
    ["", "", "", "a", "a\0", "\u{ffff}", "e", "zz", "none"][at % 9].into()
}

pub(crate) fn nested(levels: usize, maps: bool) -> Value {
    (0..levels).fold(Value::Int(1), |inner, _| match maps {
        true => Value::Map(Map::from([("k", inner)])),
        false => Value::Array(vec![inner]),
    })
}

/// Values that some encoding loses, and others.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let traps = prop::sample::select(vec![
        Value::Null,
        Value::Bool(false),
        Value::Int((1 << 53) + 1),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Int(0),
        Value::Float(0.0),
        Value::Float(-0.0),
        Value::Float(f64::MIN_POSITIVE / 8.0),
        Value::Float(f64::MAX),
        Value::Float(0.1),
        Value::String("".into()),
        Value::String("\0\u{ffff}\u{10000}".into()),
        Value::String("long ".repeat(20_000).into()),
        Value::Bytes(Vec::new()),
        Value::Bytes((0..=255).collect()),
        Value::Array(Vec::new()),
        Value::Map(Map::new()),
        Value::Map([("\u{10000}", 1), ("\u{ffff}", 2), ("", 3), ("a/b~c", 4)].into_iter().collect()),
        nested(limits::VALUE_DEPTH_MAX, true),
        nested(limits::VALUE_DEPTH_MAX, false),
    ]);
    let leaf = prop_oneof![any::<i64>().prop_map(Value::Int), ".{0,8}".prop_map(Value::from), Just(Value::Null)];
    let tree = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|m| Value::Map(m.into_iter().collect())),
        ]
    });
    prop_oneof![traps, tree]
}

/// What a write expects of the document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    Any,
    Absent,
    Newest,
    Older,
}

/// A moment, by numbers that are taken modulo what there is.
#[derive(Clone, Debug)]
pub(crate) enum When {
    Now,
    /// At the timestamp of a commit, shifted by so many of its smallest units.
    Time(usize, i64),
    Commit(usize),
    Version(usize),
    Prefix(usize, usize),
    Tag(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Area {
    Document(usize, usize),
    Collection(usize),
    All,
}

pub(crate) type Written = (usize, usize, Option<Value>);

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Put(usize, usize, Value, Expect, Option<i64>),
    Delete(usize, usize, Expect),
    PutMany(usize, Vec<(usize, Value)>),
    Transaction { changes: Vec<Written>, cause: Option<usize>, commit: bool },
    Import { name: usize, ago_ms: i64, changes: Vec<Written> },
    Scan { collection: usize, prefix: usize, lower: Bound<usize>, upper: Bound<usize>, ascending: bool, when: When },
    Diff(When, When, Option<usize>),
    Restore(Area, When),
    Tag(usize, When),
    Untag(usize),
    Lineage { commit: usize, effects: bool, depth: usize },
    Watch { token: usize, collection: Option<usize>, prefix: usize },
    Hold(When),
    Clock(i64),
    Checkpoint,
    Maintain,
    Reopen { close: bool },
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        1 => Just(When::Now),
        3 => (any::<usize>(), prop_oneof![Just(0), Just(-1), Just(1), -70_000_000..70_000_000i64])
            .prop_map(|(at, shift)| When::Time(at, shift)),
        2 => any::<usize>().prop_map(When::Commit),
        1 => any::<usize>().prop_map(When::Version),
        1 => (any::<usize>(), 4..64usize).prop_map(|(at, digits)| When::Prefix(at, digits)),
        2 => (0..3usize).prop_map(When::Tag),
    ]
}

fn bound() -> impl Strategy<Value = Bound<usize>> {
    prop_oneof![
        3 => Just(Bound::Unbounded),
        1 => any::<usize>().prop_map(Bound::Included),
        1 => any::<usize>().prop_map(Bound::Excluded),
    ]
}

fn written() -> impl Strategy<Value = Written> {
    (0..3usize, 0..14usize, prop::option::weighted(0.75, value()))
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    use Operation as Op;
    let expect = prop_oneof![
        6 => Just(Expect::Any), 1 => Just(Expect::Absent), 1 => Just(Expect::Newest), 1 => Just(Expect::Older)
    ];
    let expires = prop::option::weighted(0.2, prop_oneof![-5..60i64, Just(i64::MAX), Just(i64::MIN)]);
    let (c, k) = (0..3usize, 0..14usize);
    prop_oneof![
        12 => (c.clone(), k.clone(), value(), expect.clone(), expires)
            .prop_map(|(c, k, v, expect, expires)| Op::Put(c, k, v, expect, expires)),
        4 => (c.clone(), k.clone(), expect).prop_map(|(c, k, expect)| Op::Delete(c, k, expect)),
        2 => (c.clone(), prop::collection::vec((0..14usize, value()), 0..6)).prop_map(|(c, many)| Op::PutMany(c, many)),
        4 => (prop::collection::vec(written(), 0..5), any::<Option<usize>>(), prop::bool::weighted(0.8))
            .prop_map(|(changes, cause, commit)| Op::Transaction { changes, cause, commit }),
        4 => (0..2usize, prop_oneof![0..100i64, 0..10_000_000_000_000i64], prop::collection::vec(written(), 0..4))
            .prop_map(|(name, ago_ms, changes)| Op::Import { name, ago_ms, changes }),
        5 => (c.clone(), any::<usize>(), bound(), bound(), any::<bool>(), when()).prop_map(
            |(collection, prefix, lower, upper, ascending, when)| Op::Scan { collection, prefix, lower, upper, ascending, when }
        ),
        3 => (when(), when(), prop::option::of(c.clone())).prop_map(|(a, b, c)| Op::Diff(a, b, c)),
        1 => (c.clone(), k.clone(), when()).prop_map(|(c, k, when)| Op::Restore(Area::Document(c, k), when)),
        1 => (c.clone(), when()).prop_map(|(c, when)| Op::Restore(Area::Collection(c), when)),
        1 => when().prop_map(|when| Op::Restore(Area::All, when)),
        3 => (0..3usize, when()).prop_map(|(name, when)| Op::Tag(name, when)),
        1 => (0..3usize).prop_map(Op::Untag),
        2 => (any::<usize>(), any::<bool>(), 0..4usize)
            .prop_map(|(commit, effects, depth)| Op::Lineage { commit, effects, depth }),
        2 => (any::<usize>(), prop::option::of(c), any::<usize>())
            .prop_map(|(token, collection, prefix)| Op::Watch { token, collection, prefix }),
        2 => when().prop_map(Op::Hold),
        4 => prop_oneof![5 => 0..50i64, 1 => -1000..0i64, 1 => Just(100_000i64)].prop_map(Op::Clock),
        3 => Just(Op::Checkpoint),
        2 => Just(Op::Maintain),
        2 => any::<bool>().prop_map(|close| Op::Reopen { close }),
    ]
}
