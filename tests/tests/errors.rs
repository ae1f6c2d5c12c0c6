//! Every way a user can go wrong: each gives its code and a message that names what was wrong and what to do, and loses
//! nothing. Run with `--nocapture` to read the messages as a newcomer would.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "errors/closed.rs"]
mod closed;
#[path = "errors/files.rs"]
mod files;
#[path = "errors/full.rs"]
mod full;
#[path = "errors/input.rs"]
mod input;

use koru_delta::{Database, ErrorCode, KeyRange, Order, Result};

/// Checks that a call was refused with this code, and that the message has these words.
#[track_caller]
fn refused<T>(result: Result<T>, code: ErrorCode, words: &[&str]) {
    let Err(error) = result else { panic!("this should have been refused as {code}: {words:?}") };
    println!("{error}");
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.message().contains(word), "{word:?} is not in the message: {error}");
    }
    assert!(error.message().len() < 700, "nobody reads so much: {error}");
}

/// A database with something in it.
fn sample(db: &Database) {
    let users = db.collection("users");
    for n in 0..50 {
        users.put(&format!("u{n:02}"), &serde_json::json!({"n": n})).unwrap();
    }
    db.tag("start", koru_delta::Moment::Now).unwrap();
    users.delete("u07").unwrap();
}

/// Checks that a database is what [`sample`] made it.
fn unharmed(db: &Database) {
    let report = db.verify().unwrap();
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.commits, 52);
    assert_eq!(db.collection("users").scan(KeyRange::default(), Order::Ascending).unwrap().count(), 49);
    assert_eq!(db.collections().unwrap(), ["users"]);
}
