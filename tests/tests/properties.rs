//! Any sequence of calls gives what a list of commits would give: a random walk over the whole public interface, compared
//! step by step with a model that knows no index, no cache and no log.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "properties/model.rs"]
mod model;
#[path = "properties/words.rs"]
mod words;
#[path = "properties/world.rs"]
mod world;

use koru_delta::{Database, ErrorCode, KeyRange, Order, Value, limits};
use proptest::prelude::*;
use words::{nested, operation};
use world::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_the_model(operations in prop::collection::vec(operation(), 1..70)) {
        let mut world = World::new();
        for operation in &operations {
            world.apply(operation);
        }
        world.check_everything();
        world.reopen(true);
        world.check_everything();
    }

    /// Whatever is put comes back equal, bit by bit, now and from the files.
    #[test]
    fn values_come_back_as_they_were(value in words::value(), key in "\\PC{1,20}") {
        let db = Database::memory().unwrap();
        let c = db.collection("c");
        c.put(&key, &value).unwrap();
        let now = c.get(&key).unwrap().unwrap();
        prop_assert_eq!(now.value().unwrap(), &value);
        db.checkpoint().unwrap();
        let snapshot = db.snapshot().unwrap();
        let then = snapshot.collection("c").get(&key).unwrap().unwrap();
        prop_assert_eq!(then.value().unwrap(), &value);
        prop_assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
    }

    /// Keys are in the order of their UTF-8 bytes, whatever the alphabet.
    #[test]
    fn scans_are_in_the_order_of_bytes(keys in prop::collection::btree_set(".{1,6}", 0..40), split in 0..40usize) {
        let db = Database::memory().unwrap();
        let c = db.collection("c");
        for (at, key) in keys.iter().enumerate() {
            if at == split {
                db.checkpoint().unwrap();
            }
            c.put(key, &Value::Null).unwrap();
        }
        let scan = |order| c.scan(KeyRange::default(), order).unwrap().map(|row| row.unwrap().key).collect::<Vec<_>>();
        let mut expected: Vec<String> = keys.into_iter().collect();
        expected.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        prop_assert_eq!(scan(Order::Ascending), expected.clone());
        expected.reverse();
        prop_assert_eq!(scan(Order::Descending), expected);
    }
}

#[test]
fn a_stored_null_is_not_a_deleted_document() {
    let db = Database::memory().unwrap();
    let c = db.collection("c");
    c.put("k", &Value::Null).unwrap();
    assert!(c.get("k").unwrap().unwrap().value().unwrap().is_null());
    assert_eq!(c.scan(KeyRange::default(), Order::Ascending).unwrap().count(), 1);
    c.delete("k").unwrap().unwrap();
    assert!(c.get("k").unwrap().is_none());
    assert!(c.delete("k").unwrap().is_none(), "a document that is not there cannot be deleted again");
    assert_eq!(c.history("k").unwrap().count(), 2);
}

#[test]
fn nesting_goes_to_the_limit_and_not_beyond() {
    let db = Database::memory().unwrap();
    let c = db.collection("c");
    for maps in [true, false] {
        let most = nested(limits::VALUE_DEPTH_MAX, maps);
        c.put("most", &most).unwrap();
        assert_eq!(c.get("most").unwrap().unwrap().value().unwrap(), &most);
        let error = c.put("more", &nested(limits::VALUE_DEPTH_MAX + 1, maps)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
        assert!(c.get("more").unwrap().is_none());
    }
}
