//! Arguments that cannot be.

use super::{refused, sample, unharmed};
use koru_delta::{
    CommitId, CommitInfo, Database, Direction, ErrorCode, Expected, ImportChange, KeyRange, Map, Moment, Options,
    Order, Value, Vectors, VersionId, WatchOptions, WriteOptions, limits,
};
use std::collections::HashMap;
use std::sync::Arc;

fn with_info(info: CommitInfo) -> WriteOptions {
    WriteOptions { info, ..WriteOptions::default() }
}

#[test]
fn names_and_keys_that_cannot_be() {
    let db = Database::memory().unwrap();
    sample(&db);
    let users = db.collection("users");
    let long = "k".repeat(limits::KEY_BYTES_MAX + 1);
    refused(users.put("", &1), ErrorCode::InvalidArgument, &["key"]);
    refused(users.get(""), ErrorCode::InvalidArgument, &["key"]);
    refused(users.put(&long, &1), ErrorCode::LimitExceeded, &["4097 bytes", "4096", "kkk"]);
    refused(users.get(&long), ErrorCode::LimitExceeded, &["4097 bytes"]);
    refused(users.history(&long), ErrorCode::LimitExceeded, &["4097 bytes"]);
    // Long in bytes though not in characters, and cut at a character.
    refused(users.put(&"é".repeat(2049), &1), ErrorCode::LimitExceeded, &["4098 bytes"]);
    for name in ["", "a/b", "a\nb", "a\0b"] {
        refused(db.collection(name).put("k", &1), ErrorCode::InvalidArgument, &["collection"]);
        refused(db.collection(name).get("k"), ErrorCode::InvalidArgument, &["collection"]);
        refused(db.tag(name, Moment::Now), ErrorCode::InvalidArgument, &["tag"]);
        refused(db.workspace(name), ErrorCode::InvalidArgument, &["workspace"]);
    }
    let long = "n".repeat(limits::NAME_BYTES_MAX + 1);
    refused(db.collection(&long).put("k", &1), ErrorCode::LimitExceeded, &["129 bytes", "128"]);
    refused(db.collection(&long).scan(KeyRange::default(), Order::Ascending), ErrorCode::LimitExceeded, &["129"]);
    refused(db.tag(&long, Moment::Now), ErrorCode::LimitExceeded, &["tag", "129"]);
    refused(db.workspace(&long), ErrorCode::LimitExceeded, &["workspace", "129 bytes", "128"]);
    for name in ["draft", "Main", "$main"] {
        refused(db.workspace(name), ErrorCode::NotFound, &[name, "main"]);
    }
    refused(db.import(&"i".repeat(4097)), ErrorCode::LimitExceeded, &["4097"]);
    // The database's own collections are read, but not written.
    refused(db.collection("$tags").put("k", &1), ErrorCode::InvalidArgument, &["$tags", "own"]);
    refused(db.transaction(|tx| tx.delete("$tags", "start")), ErrorCode::InvalidArgument, &["$tags"]);
    refused(db.collection("$tags").restore("start", Moment::Now), ErrorCode::InvalidArgument, &["$tags"]);
    assert!(db.collection("$tags").get("start").unwrap().is_some());
    unharmed(&db);
}

#[test]
fn values_that_cannot_be_name_the_place_in_the_value() {
    let db = Database::memory().unwrap();
    sample(&db);
    let users = db.collection("users");
    let place = |inner: Value| Value::Map(Map::from([("items", Value::Array(vec![Value::Null, inner]))]));
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused(users.put("x", &place(Value::Float(float))), ErrorCode::InvalidArgument, &["users/x", "/items/1"]);
    }
    refused(users.put("x", &u64::MAX), ErrorCode::InvalidArgument, &["users/x", "18446744073709551615"]);
    refused(
        users.put("x", &i128::MIN),
        ErrorCode::InvalidArgument,
        &["users/x", "-170141183460469231731687303715884105728"],
    );
    refused(users.put("x", &HashMap::from([((1, 2), 3)])), ErrorCode::InvalidArgument, &["users/x", "key"]);
    let deep = (0..=limits::VALUE_DEPTH_MAX).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    refused(users.put("x", &deep), ErrorCode::LimitExceeded, &["users/x", "64"]);
    // Deeper than any stack: refused on the way down.
    struct Endless;
    impl serde::Serialize for Endless {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            serializer.collect_seq([Endless])
        }
    }
    refused(users.put("x", &Endless), ErrorCode::LimitExceeded, &["users/x", "64"]);
    let large = "x".repeat(limits::VALUE_BYTES_MAX + 1);
    refused(users.put("x", &large), ErrorCode::LimitExceeded, &["users/x", "67108864"]);
    let many = vec![0u8; limits::VALUE_ITEMS_MAX + 1];
    refused(users.put("x", &many), ErrorCode::LimitExceeded, &["users/x", "8388608"]);
    // One bad document of many takes all others with it.
    refused(
        users.put_many([("y", Value::Null), ("z", Value::Float(f64::NAN))]),
        ErrorCode::InvalidArgument,
        &["users/z"],
    );
    assert!(users.get("y").unwrap().is_none());
    unharmed(&db);
}

#[test]
fn commits_that_are_too_much() {
    let db = Database::memory().unwrap();
    sample(&db);
    let users = db.collection("users");
    let info = |info| users.put_with("x", &1, with_info(info));
    let text = |bytes: usize| Some("t".repeat(bytes));
    let none = CommitInfo::default;
    refused(
        info(CommitInfo { author: text(limits::AUTHOR_BYTES_MAX + 1), ..none() }),
        ErrorCode::LimitExceeded,
        &["author", "1025", "1024"],
    );
    refused(
        info(CommitInfo { message: text(limits::MESSAGE_BYTES_MAX + 1), ..none() }),
        ErrorCode::LimitExceeded,
        &["message", "65537", "65536"],
    );
    let cause = users.at("u01", users.heads("u01").unwrap()[0]);
    let causes = vec![cause.clone(); limits::COMMIT_CAUSES_MAX + 1];
    refused(info(CommitInfo { causes, ..none() }), ErrorCode::LimitExceeded, &["1025 causes", "1024"]);
    let unknown = users.at("u02", cause.version);
    refused(
        info(CommitInfo { causes: vec![unknown], ..none() }),
        ErrorCode::NotFound,
        &["users/u02", &cause.version.to_string()],
    );
    let keys = (0..=limits::COMMIT_CHANGES_MAX).map(|n| (n.to_string(), ()));
    refused(users.put_many(keys), ErrorCode::LimitExceeded, &["1000000"]);
    let large = Value::from("x".repeat(60 << 20));
    let five = ["a", "b", "c", "d", "e"].map(|key| (key, &large));
    refused(users.put_many(five), ErrorCode::LimitExceeded, &["268435456 bytes"]);
    unharmed(&db);
}

#[test]
fn things_that_are_not_there() {
    let db = Database::memory().unwrap();
    sample(&db);
    let users = db.collection("users");
    let own = db.info().unwrap().actor;
    let future = VersionId { actor: own, counter: 1000 };
    let head = users.heads("u01").unwrap()[0];
    refused(db.as_of(Moment::Tag("nope".into())), ErrorCode::NotFound, &["tag", "nope"]);
    refused(db.untag("nope"), ErrorCode::NotFound, &["tag", "nope"]);
    refused(db.tag("start", Moment::Now), ErrorCode::AlreadyExists, &["start"]);
    let early = koru_delta::Timestamp::from_millis(0);
    refused(db.tag("early", early), ErrorCode::NotFound, &["no commit"]);
    refused(db.as_of(future), ErrorCode::NotFound, &["1000@"]);
    refused(db.as_of(CommitId([7; 32])), ErrorCode::NotFound, &["070707"]);
    refused(db.restore(CommitId([7; 32])), ErrorCode::NotFound, &["070707"]);
    refused(db.diff(CommitId([7; 32]), Moment::Now), ErrorCode::NotFound, &["070707"]);
    refused(db.commit(future), ErrorCode::NotFound, &["1000@"]);
    refused(users.version("u02", head), ErrorCode::NotFound, &["users/u02", "has no version"]);
    refused(users.diff("u02", head, head), ErrorCode::NotFound, &["users/u02"]);
    refused(users.history_before("u01", Some(future)), ErrorCode::NotFound, &["1000@"]);
    refused(users.history_before("u02", Some(head)), ErrorCode::NotFound, &["users/u02", "has no version"]);
    refused(db.lineage(users.at("nobody", head), Direction::Causes, 3), ErrorCode::NotFound, &["users/nobody"]);
    let late = WatchOptions { token: Some(1000), ..WatchOptions::default() };
    refused(db.watch(late), ErrorCode::InvalidArgument, &["1000", "52", "another database"]);
    let impossible = |name: String| WatchOptions { collection: Some(name), ..WatchOptions::default() };
    refused(db.watch(impossible("a/b".into())), ErrorCode::InvalidArgument, &["a/b", "slash"]);
    refused(db.watch(impossible("n".repeat(129))), ErrorCode::LimitExceeded, &["129", "128"]);
    unharmed(&db);
}

#[test]
fn commit_ids_that_are_no_ids_or_those_of_several() {
    let db = Database::memory().unwrap();
    sample(&db);
    for digits in ["", "abc", "xyzw", "12345g", &"a".repeat(65)] {
        refused(db.commit_by_id(digits), ErrorCode::InvalidArgument, &["hexadecimal"]);
    }
    refused(db.commit_by_id("0000000000"), ErrorCode::NotFound, &["0000000000"]);
    for n in 0..3000 {
        db.collection("more").put("k", &n).unwrap();
    }
    // Of three thousand ids some share their first four digits: there are only 65,536 of these.
    let mut ids: Vec<_> = db.log().unwrap().map(|c| c.unwrap().id.to_string()).collect();
    ids.sort();
    let pair = ids.windows(2).find(|pair| pair[0][..4] == pair[1][..4]).expect("an unlikely host");
    refused(db.commit_by_id(&pair[0][..4]), ErrorCode::InvalidArgument, &["several", &pair[0][..4], "more digits"]);
    assert_eq!(db.commit_by_id(&pair[0].to_uppercase()).unwrap().id.to_string(), pair[0]);
    for text in ["12", "0@00000000000000000000000000000000", "x@00", "1@zz", "@"] {
        refused(text.parse::<VersionId>(), ErrorCode::InvalidArgument, &[]);
    }
    for text in ["", "é", &"é".repeat(32), &"g".repeat(64), &"+".repeat(64)] {
        refused(text.parse::<CommitId>(), ErrorCode::InvalidArgument, &["64 hexadecimal digits"]);
    }
}

#[test]
fn conflicts_say_what_is_there() {
    let db = Database::memory().unwrap();
    sample(&db);
    let users = db.collection("users");
    let (one, two) = (users.heads("u01").unwrap()[0], users.heads("u02").unwrap()[0]);
    let expecting = |expected| WriteOptions { expected, ..WriteOptions::default() };
    let is_at = format!("it is at {one}");
    refused(users.put_with("u01", &1, expecting(Expected::Absent)), ErrorCode::Conflict, &["users/u01", &is_at]);
    refused(
        users.put_with("u01", &1, expecting(Expected::Version(two))),
        ErrorCode::Conflict,
        &[&is_at, "read it again"],
    );
    refused(users.delete_with("u07", expecting(Expected::Version(two))), ErrorCode::Conflict, &["does not exist"]);
    let result = db.transaction(|tx| {
        tx.put("users", "new", &1)?;
        tx.put_with("users", "u01", &1, Expected::Absent, None)
    });
    refused(result, ErrorCode::Conflict, &["users/u01"]);
    let result = db.transaction(|tx| {
        tx.put("users", "u01", &1)?;
        tx.put_with("users", "u01", &2, Expected::Version(one), None)
    });
    refused(result, ErrorCode::InvalidArgument, &["users/u01", "already"]);
    unharmed(&db);
}

#[test]
fn a_transaction_within_a_transaction() {
    let db = Database::memory().unwrap();
    sample(&db);
    let users = db.collection("users");
    let words = &["transaction is open on this thread"];
    let mut transaction = db.begin().unwrap();
    transaction.put("users", "u01", &1).unwrap();
    refused(db.begin(), ErrorCode::InvalidArgument, words);
    refused(db.transaction(|_| Ok(())), ErrorCode::InvalidArgument, words);
    refused(users.put("u01", &2), ErrorCode::InvalidArgument, words);
    refused(users.delete("u01"), ErrorCode::InvalidArgument, words);
    refused(users.put_many([("u01", 2)]), ErrorCode::InvalidArgument, words);
    refused(db.tag("inside", Moment::Now), ErrorCode::InvalidArgument, words);
    refused(db.restore(Moment::Tag("start".into())), ErrorCode::InvalidArgument, words);
    refused(db.checkpoint(), ErrorCode::InvalidArgument, words);
    refused(db.close(), ErrorCode::InvalidArgument, words);
    // Reading is fine, and shows what is committed.
    assert_eq!(users.get("u01").unwrap().unwrap().value().unwrap().pointer("/n"), Some(&Value::Int(1)));
    drop(transaction);
    unharmed(&db);
    // It was not closed, and can be.
    db.close().unwrap();
}

#[test]
fn imports_from_the_future_and_of_nonsense() {
    let db = Database::memory().unwrap();
    sample(&db);
    let now = db.log().unwrap().next().unwrap().unwrap().timestamp.millis();
    let mut import = db.import("git").unwrap();
    let change = |collection: &str, value| ImportChange {
        collection: collection.into(),
        key: "k".into(),
        value,
        vectors: Vectors::from([1.0, f32::NAN]),
    };
    let mut commit = |time, change| import.commit(time, CommitInfo::default(), vec![change], Value::Null);
    let tomorrow = now + 2 * limits::CLOCK_SKEW_MS_MAX;
    refused(commit(tomorrow, change("c", None)), ErrorCode::InvalidArgument, &["ahead of the clock", "60000"]);
    refused(commit(i64::MAX, change("c", None)), ErrorCode::InvalidArgument, &["ahead of the clock"]);
    refused(commit(0, change("$tags", None)), ErrorCode::InvalidArgument, &["$tags"]);
    refused(commit(0, change("c", Some(Value::Float(f64::NAN)))), ErrorCode::InvalidArgument, &["c/k"]);
    refused(commit(0, change("c", Some(Value::Null))), ErrorCode::InvalidArgument, &["c/k", "vector"]);
    drop(import);
    unharmed(&db);
}

#[test]
fn options_that_cannot_be() {
    refused(Options::new().cache_bytes(1000).open_memory(), ErrorCode::InvalidArgument, &["1000", "1048576"]);
    refused(Options::new().read_only(true).open_memory(), ErrorCode::NotFound, &["no database"]);
    let full = Arc::new(koru_delta::storage::memory::MemoryStorage::with_bytes_max(100));
    refused(Options::new().open_storage(full), ErrorCode::StorageFull, &["no memory"]);
}

#[test]
fn a_full_disk_takes_nothing_back_that_was_acknowledged() {
    let storage = koru_delta::storage::memory::MemoryStorage::with_bytes_max(40_000);
    let db = Options::new().open_storage(Arc::new(storage.clone())).unwrap();
    sample(&db);
    let large = "x".repeat(30_000);
    for _ in 0..3 {
        refused(db.collection("users").put("large", &large), ErrorCode::StorageFull, &["memory"]);
        unharmed(&db);
    }
    // What still fits goes on to be written.
    db.collection("users").put("u07", &"small").unwrap();
    db.collection("users").delete("u07").unwrap();
    drop(db);
    let db = Options::new().open_storage(Arc::new(storage)).unwrap();
    assert!(db.verify().unwrap().is_ok());
    assert_eq!(db.info().unwrap().commits, 54);
}
