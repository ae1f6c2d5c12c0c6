//! Every method after `close`.

use super::{refused, sample};
use koru_delta::{
    CommitInfo, Database, Direction, ErrorCode, KeyRange, Moment, Order, Result, Value, WatchOptions, WriteOptions,
};

#[track_caller]
fn closed<T>(result: Result<T>) {
    refused(result, ErrorCode::Closed, &["closed"]);
}

#[test]
fn every_call_after_closing_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("closed.koru");
    let db = Database::open(&path).unwrap();
    sample(&db);
    let users = db.collection("users");
    let head = users.heads("u01").unwrap()[0];
    let version = users.version("u01", head).unwrap();
    let snapshot = db.snapshot().unwrap();
    let then = snapshot.collection("users");
    let mut scan = users.scan(KeyRange::default(), Order::Ascending).unwrap();
    let mut history = users.history("u01").unwrap();
    let mut changes = db.diff(Moment::Tag("start".into()), Moment::Now).unwrap();
    let mut log = db.log().unwrap();
    let mut watch = db.watch(WatchOptions { token: Some(0), ..WatchOptions::default() }).unwrap();
    let mut import = db.import("git").unwrap();
    let document = users.get("u01").unwrap().unwrap();
    let waiting = std::thread::spawn({
        let db = db.clone();
        move || db.watch(WatchOptions::default()).unwrap().count()
    });
    std::thread::sleep(std::time::Duration::from_millis(50));
    db.clone().close().unwrap();
    db.close().unwrap();
    assert_eq!(waiting.join().unwrap(), 0, "who waits for a commit is told");

    closed(users.put("k", &1));
    closed(users.put_with("k", &1, WriteOptions::default()));
    closed(users.put_many([("k", 1)]));
    closed(users.delete("u01"));
    closed(users.delete_with("u01", WriteOptions::default()));
    closed(users.get("u01"));
    closed(users.get("not there"));
    closed(users.scan(KeyRange::default(), Order::Ascending));
    closed(users.as_of(Moment::Now));
    closed(users.history("u01"));
    closed(users.history_before("u01", Some(head)));
    closed(users.version("u01", head));
    closed(users.document("u01", &version));
    closed(users.heads("u01"));
    closed(users.diff("u01", head, head));
    closed(users.diff_moments(Moment::Now, Moment::Now));
    closed(users.restore("u01", Moment::Now));
    closed(users.restore_all(Moment::Now));
    closed(users.watch(WatchOptions::default()));

    closed(db.collections());
    closed(db.snapshot());
    closed(db.as_of(head));
    closed(db.begin());
    closed(db.transaction(|_| Ok(())));
    closed(db.tag("t", Moment::Now));
    closed(db.untag("start"));
    closed(db.tags());
    closed(db.diff(Moment::Now, Moment::Now));
    closed(db.restore(Moment::Now));
    closed(db.log());
    closed(db.commit(head));
    closed(db.commit_by_id("0000"));
    closed(db.lineage(users.at("u01", head), Direction::Causes, 1));
    closed(db.watch(WatchOptions::default()));
    closed(db.import("other"));
    closed(db.verify());
    closed(db.info());
    closed(db.sync());
    closed(db.checkpoint());
    closed(db.maintain(1));

    closed(snapshot.collections());
    closed(then.get("u01"));
    closed(then.scan(KeyRange::default(), Order::Descending));
    closed(then.history("u01"));
    closed(scan.next().unwrap());
    closed(history.next().unwrap());
    closed(changes.next().unwrap());
    closed(log.next().unwrap());
    closed(watch.try_next());
    assert!(watch.next().is_none(), "as an iterator it ends");
    closed(import.commit(0, CommitInfo::default(), Vec::new(), Value::Null));
    // What was read before stays, and there is nothing to fail in these.
    assert_eq!(document.value().unwrap().pointer("/n"), Some(&Value::Int(1)));
    let _ = (db.stats(), format!("{db:?} {users:?} {snapshot:?}"));

    let db = Database::open(&path).unwrap();
    super::unharmed(&db);
}

/// A transaction that another thread's `close` waits for is committed first; one that comes later is refused.
#[test]
fn closing_waits_for_a_transaction_of_another_thread() {
    let db = Database::memory().unwrap();
    sample(&db);
    let mut transaction = db.begin().unwrap();
    transaction.put("users", "u07", &1).unwrap();
    let closing = std::thread::spawn({
        let db = db.clone();
        move || db.close()
    });
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!closing.is_finished());
    transaction.commit().unwrap().unwrap();
    closing.join().unwrap().unwrap();
    closed(db.begin());
}
