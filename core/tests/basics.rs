//! The operations of the database, each as a user would call it.

use koru_delta::storage::{FileName, Storage, memory::MemoryStorage};
use koru_delta::{
    Database, ErrorCode, Expected, KeyRange, Maintenance, Moment, Options, Order, WatchOptions, WriteOptions,
};
use serde_json::json;
use std::sync::Arc;

fn temp(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("koru-basics-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn what_was_put_is_there_after_reopening() {
    let path = temp("reopen");
    for round in 0..5 {
        let db = Database::open(&path).unwrap();
        let users = db.collection("users");
        for i in 0..round * 50 {
            let read = users.get(&format!("u{i:03}")).unwrap().unwrap();
            assert_eq!(read.value().unwrap().pointer("/n").and_then(|v| v.as_i64()), Some(i));
        }
        for i in round * 50..(round + 1) * 50 {
            users.put(&format!("u{i:03}"), &json!({"n": i})).unwrap();
        }
        if round % 2 == 0 {
            db.close().unwrap();
        }
    }
    let db = Database::open(&path).unwrap();
    assert_eq!(db.collection("users").scan(KeyRange::default(), Order::Ascending).unwrap().count(), 250);
    assert_eq!(db.log().unwrap().count(), 250);
    let report = db.verify().unwrap();
    assert!(report.is_ok(), "{report:?}");
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn history_time_travel_and_restore() {
    let db = Options::new().maintenance(Maintenance::Inline).open_memory().unwrap();
    let users = db.collection("users");
    let first = users.put("ada", &json!({"born": 1815})).unwrap();
    db.tag("start", Moment::Now).unwrap();
    let second = users.put("ada", &json!({"born": 1815, "wrote": "Note G"})).unwrap();
    users.put("bob", &json!(1)).unwrap();
    db.checkpoint().unwrap();
    users.delete("ada").unwrap();
    assert!(users.get("ada").unwrap().is_none());
    let history: Vec<_> = users.history("ada").unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(history.len(), 3);
    assert!(history[0].deleted);
    assert_eq!((history[1].id, history[2].id), (second, first));
    let then = db.as_of(Moment::Tag("start".into())).unwrap();
    assert_eq!(then.collection("users").get("ada").unwrap().unwrap().version(), first);
    assert!(then.collection("users").get("bob").unwrap().is_none());
    let then = db.as_of(second).unwrap();
    assert_eq!(then.collection("users").get("ada").unwrap().unwrap().version(), second);
    let log: Vec<_> = then.log().unwrap().map(|c| c.unwrap().version).collect();
    assert_eq!((log[0], log.last().copied(), log.len()), (second, Some(first), 3));
    let diff: Vec<_> = db.diff(Moment::Tag("start".into()), Moment::Now).unwrap().map(|c| c.unwrap().key).collect();
    assert_eq!(diff, ["ada", "bob"]);
    assert_eq!(users.diff("ada", first, second).unwrap().len(), 1);
    db.restore(Moment::Tag("start".into())).unwrap().unwrap();
    assert!(users.get("bob").unwrap().is_none());
    assert_eq!(users.get("ada").unwrap().unwrap().encoded(), then_encoded(&db, first));
    assert!(db.restore(Moment::Tag("start".into())).unwrap().is_none());
    assert!(db.verify().unwrap().is_ok());
    let commit = db.commit(second).unwrap();
    assert_eq!(db.commit_by_id(&commit.id.to_string()[..10]).unwrap(), commit);
}

fn then_encoded(db: &Database, version: koru_delta::VersionId) -> Vec<u8> {
    let users = db.collection("users");
    let version = users.version("ada", version).expect("the version is there");
    let document = users.document("ada", &version).expect("it can be read").expect("it is no deletion");
    document.encoded().to_vec()
}

#[test]
fn expected_versions_and_transactions() {
    let db = Database::memory().unwrap();
    let users = db.collection("users");
    let first = users.put("ada", &1).unwrap();
    let expecting = |expected| WriteOptions { expected, ..WriteOptions::default() };
    let refused = users.put_with("ada", &2, expecting(Expected::Absent)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    users.put_with("ada", &2, expecting(Expected::Version(first))).unwrap();
    assert!(users.put_with("ada", &3, expecting(Expected::Version(first))).is_err());
    let failed = db.transaction(|tx| {
        tx.put("users", "x", &1)?;
        assert_eq!(tx.get("users", "x")?.unwrap().value()?.as_i64(), Some(1));
        users.put("y", &1).map(drop)
    });
    assert_eq!(failed.unwrap_err().code(), ErrorCode::InvalidArgument);
    assert!(users.get("x").unwrap().is_none());
    db.transaction(|tx| {
        tx.author("me").message("why").because(users.at("ada", first));
        tx.put("users", "x", &1)?;
        tx.put("other", "x", &2)?;
        tx.delete("users", "ada")
    })
    .unwrap();
    let commit = db.log().unwrap().next().unwrap().unwrap();
    assert_eq!((commit.changes.len(), commit.author.as_deref()), (3, Some("me")));
    let effects = db.lineage(users.at("ada", first), koru_delta::Direction::Effects, 5).unwrap();
    assert_eq!(effects.edges.len(), 3);
    assert_eq!(db.collections().unwrap(), ["other", "users"]);
}

#[test]
fn a_watch_sees_every_commit_once_and_resumes() {
    let db = Database::memory().unwrap();
    let users = db.collection("users");
    let mut watch = db.watch(WatchOptions { token: Some(0), ..WatchOptions::default() }).unwrap();
    let writer = std::thread::spawn({
        let users = users.clone();
        move || {
            (0..500).for_each(|i| {
                users.put(&format!("k{i}"), &i).unwrap();
            })
        }
    });
    for i in 0..300 {
        let event = watch.next_within(Some(std::time::Duration::from_secs(10))).unwrap().unwrap();
        assert_eq!(event.commit.changes[0].key, format!("k{i}"));
    }
    let mut rest = db.watch(WatchOptions { token: Some(watch.token()), ..WatchOptions::default() }).unwrap();
    writer.join().unwrap();
    for i in 300..500 {
        assert_eq!(rest.try_next().unwrap().unwrap().commit.changes[0].key, format!("k{i}"));
    }
    assert!(rest.try_next().unwrap().is_none());
}

#[test]
fn a_watch_that_resumes_behind_the_checkpoint_does_not_go_over_the_log_before_it() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let db = Options::new().open_storage(storage.clone()).unwrap();
    let users = db.collection("users");
    let log = FileName::Segment(1);
    let bytes = || storage.list().unwrap().iter().find(|info| info.name == log).unwrap().bytes;
    let before = bytes();
    users.put("before", &1).unwrap();
    let after = bytes();
    db.checkpoint().unwrap();
    users.put("behind", &2).unwrap();
    users.put("last", &3).unwrap();
    // Whoever goes over the first commit finds it damaged.
    storage.write_at(log, before, &vec![0xff; (after - before) as usize]).unwrap();
    assert!(db.watch(WatchOptions { token: Some(0), ..WatchOptions::default() }).unwrap().try_next().is_err());
    for (token, key) in [(1, "behind"), (2, "last")] {
        let mut watch = db.watch(WatchOptions { token: Some(token), ..WatchOptions::default() }).unwrap();
        assert_eq!(watch.try_next().unwrap().unwrap().commit.changes[0].key, key);
    }
}

#[test]
fn an_import_keeps_its_dates_and_local_writes_win_by_time() {
    let db = Database::memory().unwrap();
    let mut import = db.import("repo").unwrap();
    let change = |key: &str, value: Option<i64>| koru_delta::ImportChange {
        collection: "files".into(),
        key: key.into(),
        value: value.map(Into::into),
        vectors: koru_delta::Vectors::new(),
    };
    for year in 0..100i64 {
        let time = -86_400_000 * 365 * 3 + year * 1000;
        import.commit(time, Default::default(), vec![change("a", Some(year))], year.into()).unwrap();
    }
    let files = db.collection("files");
    assert_eq!(files.heads("a").unwrap().len(), 1);
    let past = koru_delta::Timestamp::end_of_millis(-86_400_000 * 365 * 3 + 10_500);
    assert_eq!(
        db.as_of(past).unwrap().collection("files").get("a").unwrap().unwrap().value().unwrap().as_i64(),
        Some(10)
    );
    let local = files.put("a", &"local").unwrap();
    assert_eq!(db.commit(local).unwrap().changes[0].parents.len(), 1);
    import.commit(0, Default::default(), vec![change("a", Some(1000))], 1.into()).unwrap();
    assert_eq!(files.get("a").unwrap().unwrap().version(), local);
    assert_eq!(files.heads("a").unwrap().len(), 2);
    let merged = files.put("a", &"merged").unwrap();
    assert_eq!(db.commit(merged).unwrap().changes[0].parents.len(), 2);
    assert_eq!(files.heads("a").unwrap(), [merged]);
    assert!(db.verify().unwrap().is_ok());
    assert_eq!(db.log().unwrap().count(), 103);
}

#[test]
fn closing_with_a_transaction_under_way_on_the_same_thread_changes_nothing() {
    let path = temp("close");
    let db = Options::new().durability(koru_delta::Durability::Relaxed).open(&path).unwrap();
    let mut transaction = db.begin().unwrap();
    assert_eq!(db.close().unwrap_err().code(), ErrorCode::InvalidArgument);
    transaction.put("users", "ada", &1).unwrap();
    transaction.commit().unwrap();
    // The thread that syncs relaxed writes is still there.
    let synced = |_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        db.stats().syncs > 0
    };
    assert!((0..200).any(synced), "nobody syncs any more");
    db.close().unwrap();
    assert_eq!(db.close().map_err(|e| e.code()), Ok(()));
    assert_eq!(db.collection("users").get("ada").unwrap_err().code(), ErrorCode::Closed);
    std::fs::remove_dir_all(&path).unwrap();
}

/// A lie would be to let in everyone: 2,000 documents of 3 KiB pass twice through what a cache of 1 MiB may hold.
#[test]
fn documents_that_are_read_once_do_not_push_out_one_that_is_in_use() {
    let db = Options::new().maintenance(Maintenance::Inline).cache_bytes(1 << 20).open_memory().unwrap();
    let texts = db.collection("texts");
    let keys: Vec<String> = (0..4_000).map(|n| format!("t{n}")).collect();
    let text = "x".repeat(1_000);
    for chunk in keys.chunks(500) {
        texts.put_many(chunk.iter().map(|key| (key, &text))).unwrap();
    }
    db.checkpoint().unwrap();
    let hits_of = |key: &str| {
        let before = db.stats().cache_hits;
        texts.get(key).unwrap().unwrap();
        db.stats().cache_hits - before
    };
    let (first, others) = keys.split_at(2_000);
    let scanned: u64 = first.iter().map(|key| hits_of(key)).sum();
    assert_eq!(scanned, 0, "nothing was cached");
    assert!((0..3).map(|_| hits_of("t7")).sum::<u64>() > 0, "it was read again and again");
    others.iter().for_each(|key| _ = hits_of(key));
    assert_eq!(hits_of("t7"), 1, "it was pushed out");
    let stats = db.stats();
    assert!(stats.document_cache_bytes + stats.block_cache_bytes <= 1 << 20, "{stats:?}");
}

/// What is asked of the database and of `main` is the same: documents, history, tags and what is written by either.
#[test]
fn the_workspace_main_is_what_the_database_is_short_for() {
    let db = Database::memory().unwrap();
    let main = db.workspace("main").unwrap();
    assert_eq!(main.name(), "main");

    let mut watch = main.watch(WatchOptions::default()).unwrap();
    let first = db.collection("a").put("k", &1).unwrap();
    assert_eq!(main.collection("a").get("k").unwrap().unwrap().to::<i64>().unwrap(), 1);
    assert_eq!(watch.try_next().unwrap().unwrap().commit.changes[0].key, "k");

    let before = main.snapshot().unwrap();
    let tag = main.tag("t", first).unwrap();
    main.transaction(|tx| tx.put("b", "k", &2)).unwrap();
    let mut open = main.begin().unwrap();
    open.put("a", "k", &3).unwrap();
    open.commit().unwrap();
    assert_eq!(db.collection("b").get("k").unwrap().unwrap().to::<i64>().unwrap(), 2);
    assert_eq!(main.collections().unwrap(), ["a", "b"]);
    assert_eq!(before.collections().unwrap(), ["a"]);
    assert_eq!(main.as_of(first).unwrap().collections().unwrap(), ["a"]);
    assert_eq!(main.tags().unwrap(), std::slice::from_ref(&tag));
    assert_eq!(db.tags().unwrap(), [tag]);
    assert_eq!(main.diff(first, Moment::Now).unwrap().count(), 2);
    assert_eq!(main.log().unwrap().count(), db.log().unwrap().count());

    main.restore(Moment::Tag("t".into())).unwrap();
    assert_eq!(db.collections().unwrap(), ["a"]);
    main.untag("t").unwrap();
    assert!(db.tags().unwrap().is_empty());
}
