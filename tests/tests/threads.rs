//! Many threads on one database: what each of them saw must fit into one order of commits, the real one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "threads/counting.rs"]
mod counting;
#[path = "threads/list_append.rs"]
mod list_append;

use counting::CountingStorage;
use koru_delta::storage::file::{FileStorage, Mode};
use koru_delta::{Database, ErrorCode, Expected, KeyRange, Maintenance, Options, Order, WriteOptions};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};

const THREADS: u64 = 8;

fn expecting(expected: Expected) -> WriteOptions {
    WriteOptions { expected, ..WriteOptions::default() }
}

/// A counter that everybody sets to one more than what they read, if it is still what they read.
#[test]
fn of_racing_writers_that_expect_a_version_exactly_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path().join("race.koru")).unwrap();
    let (won, lost) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let counters = db.collection("counters");
                for _ in 0..60 {
                    let before = counters.get("c").unwrap();
                    let (expected, value) = match &before {
                        Some(document) => (Expected::Version(document.version()), document.value().unwrap().as_i64()),
                        None => (Expected::Absent, Some(0)),
                    };
                    match counters.put_with("c", &(value.unwrap() + 1), expecting(expected)) {
                        Ok(_) => won.fetch_add(1, Ordering::Relaxed),
                        Err(e) if e.is(ErrorCode::Conflict) => lost.fetch_add(1, Ordering::Relaxed),
                        Err(e) => panic!("{e}"),
                    };
                }
            });
        }
    });
    let (won, lost) = (won.into_inner(), lost.into_inner());
    let counter = db.collection("counters").get("c").unwrap().unwrap();
    assert_eq!(counter.value().unwrap().as_i64(), Some(won as i64));
    assert_eq!(db.collection("counters").history("c").unwrap().count() as u64, won);
    assert_eq!(won + lost, THREADS * 60);
    assert!(lost > 0, "nobody raced");
}

#[test]
fn of_racing_creators_exactly_one_wins() {
    let db = Database::memory().unwrap();
    for round in 0..200 {
        let barrier = Barrier::new(THREADS as usize);
        let won = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (db, barrier, won) = (&db, &barrier, &won);
                scope.spawn(move || {
                    barrier.wait();
                    match db.collection("c").put_with(&format!("{round}"), &thread, expecting(Expected::Absent)) {
                        Ok(_) => won.fetch_add(1, Ordering::Relaxed),
                        Err(e) => u64::from(!e.is(ErrorCode::Conflict)) * 100,
                    };
                });
            }
        });
        assert_eq!(won.into_inner(), 1, "round {round}");
    }
}

/// The transaction stays open until the readers are done: if one waited for it, this would never end.
#[test]
fn readers_are_not_held_up_by_an_open_transaction() {
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path().join("open.koru")).unwrap();
    let users = db.collection("users");
    for n in 0..100 {
        users.put(&format!("{n:03}"), &n).unwrap();
    }
    let mut transaction = db.begin().unwrap();
    (0..100).for_each(|n| transaction.put("users", &format!("{n:03}"), &(n + 1000)).unwrap());
    let held = Instant::now();
    let (done, wait) = mpsc::channel();
    for _ in 0..4 {
        let (db, done) = (db.clone(), done.clone());
        std::thread::spawn(move || {
            for round in 0..50 {
                let users = db.collection("users");
                let key = format!("{round:03}");
                assert_eq!(users.get(&key).unwrap().unwrap().value().unwrap().as_i64(), Some(round));
                assert_eq!(users.scan(KeyRange::default(), Order::Descending).unwrap().count(), 100);
                assert_eq!(users.history(&key).unwrap().count(), 1);
                assert_eq!(db.snapshot().unwrap().collections().unwrap(), ["users"]);
                assert_eq!(db.log().unwrap().take(3).count(), 3);
            }
            done.send(()).unwrap();
        });
    }
    for _ in 0..4 {
        wait.recv_timeout(Duration::from_secs(60)).expect("a reader waits for an open transaction");
    }
    std::thread::sleep(Duration::from_millis(300).saturating_sub(held.elapsed()));
    transaction.commit().unwrap();
    assert_eq!(users.get("000").unwrap().unwrap().value().unwrap().as_i64(), Some(1000));
}

/// A wait that nobody can end would hold a program until somebody else's transaction ends, however long that takes.
#[test]
fn a_writer_that_waits_for_its_turn_gives_up_when_it_is_told_to_and_has_written_nothing() {
    static GIVE_UP: AtomicBool = AtomicBool::new(false);
    let db = Options::new().give_up_when(|| GIVE_UP.load(Ordering::Relaxed)).open_memory().unwrap();
    let documents = db.collection("c");
    let mut transaction = db.begin().unwrap();
    transaction.put("c", "k", &1).unwrap();
    std::thread::scope(|scope| {
        let calls: [Box<dyn FnOnce() -> ErrorCode + Send>; 3] = [
            Box::new(|| documents.put("waiting", &1).unwrap_err().code()),
            Box::new(|| db.begin().map(drop).unwrap_err().code()),
            Box::new(|| db.checkpoint().unwrap_err().code()),
        ];
        let waiting: Vec<_> = calls.into_iter().map(|call| scope.spawn(call)).collect();
        std::thread::sleep(Duration::from_millis(300));
        assert!(waiting.iter().all(|call| !call.is_finished()), "nobody gives up without being told");
        GIVE_UP.store(true, Ordering::Relaxed);
        waiting.into_iter().for_each(|call| assert_eq!(call.join().unwrap(), ErrorCode::Aborted));
    });
    // Who has the turn is not asked.
    transaction.commit().unwrap();
    assert!(documents.get("waiting").unwrap().is_none());
    assert!(documents.get("k").unwrap().is_some());
    documents.put("later", &1).unwrap();
    db.close().unwrap();
}

/// Closing has stopped what it cannot start again, so it waits, whatever is said.
#[test]
fn closing_does_not_give_up() {
    let db = Options::new().give_up_when(|| true).open_memory().unwrap();
    let transaction = db.begin().unwrap();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| db.close());
        std::thread::sleep(Duration::from_millis(300));
        assert!(!closing.is_finished());
        transaction.rollback();
        closing.join().unwrap().unwrap();
    });
}

/// Reading everything takes long, so whoever is told of the progress may end it. With the first word, and with the last.
#[test]
fn verify_ends_when_it_is_told_to() {
    let db = Options::new().open_memory().unwrap();
    let rows = (0..10_000).map(|n| (n.to_string(), n));
    db.collection("c").put_many(rows).unwrap();
    db.checkpoint().unwrap();
    let mut words = 0;
    db.verify_with(|_, _| {
        words += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(words > 3, "of tables, of commits and of the index");
    for last in [1, words / 2, words] {
        let mut heard = 0;
        let ended = db.verify_with(|_, _| {
            heard += 1;
            if heard == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((ended.unwrap_err().code(), heard), (ErrorCode::Aborted, last));
    }
    assert!(db.verify().unwrap().is_ok());
}

fn counted(delay: Duration) -> (tempfile::TempDir, Arc<CountingStorage>, Database) {
    let directory = tempfile::tempdir().unwrap();
    let files = FileStorage::open(directory.path().join("counted.koru"), Mode::ReadWrite { create: true }).unwrap();
    let storage = Arc::new(CountingStorage::new(files, delay));
    // Nobody but the writers syncs.
    let db = Options::new().maintenance(Maintenance::Manual).open_storage(storage.clone()).unwrap();
    (directory, storage, db)
}

/// A killed process keeps the page cache, so only this shows durability: each commit is written, then synced, then
/// acknowledged.
#[test]
fn one_strict_writer_syncs_once_for_every_commit() {
    let (_directory, storage, db) = counted(Duration::ZERO);
    let c = db.collection("c");
    for n in 0..300 {
        let before = (storage.log_syncs(), db.stats().syncs);
        let text = counting::marker(n);
        match n % 3 {
            0 => c.put("k", &text).map(Some),
            1 => c.put_many([("a", &text), ("b", &text)]),
            _ => db.transaction(|tx| tx.put("d", "k", &text)).map(|()| None),
        }
        .unwrap();
        assert!(storage.is_durable(n), "commit {n} was acknowledged before it was synced");
        assert_eq!((storage.log_syncs(), db.stats().syncs), (before.0 + 1, before.1 + 1), "commit {n}");
    }
}

#[test]
fn concurrent_writers_share_syncs_and_none_is_told_too_early() {
    const EACH: u64 = 100;
    // A sync that takes a while, as on a disk: on a memory file system there would be nothing to share.
    let (_directory, storage, db) = counted(Duration::from_micros(500));
    let syncs = storage.log_syncs();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (db, storage) = (&db, &storage);
            scope.spawn(move || {
                for n in thread * EACH..(thread + 1) * EACH {
                    db.collection("c").put(&format!("{thread}"), &counting::marker(n)).unwrap();
                    assert!(storage.is_durable(n), "commit {n} was acknowledged before it was synced");
                }
            });
        }
    });
    let stats = db.stats();
    assert_eq!(stats.commits, THREADS * EACH);
    assert_eq!(stats.syncs, storage.log_syncs() - syncs);
    assert!(stats.syncs * 2 < stats.commits, "{} syncs for {} commits", stats.syncs, stats.commits);
    println!("{} syncs for {} commits of {THREADS} writers", stats.syncs, stats.commits);
}

/// Opening, closing by the last handle and opening again at once, while maintenance is at work.
#[test]
fn a_database_can_be_opened_again_as_soon_as_its_last_handle_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("again.koru");
    let value = "x".repeat(200_000);
    for round in 0..30 {
        let db = Database::open(&path).unwrap_or_else(|e| panic!("round {round}: {e}"));
        // Enough log that the maintenance thread has just been told to make a checkpoint.
        db.collection("c").put_many((0..30).map(|n| (format!("{n}"), &value))).unwrap();
        drop(db);
    }
}

/// A watch that waits in one thread sees what other threads write, all of it and in one order.
#[test]
fn a_waiting_watch_sees_the_commits_of_all_threads_in_order() {
    let db = Database::memory().unwrap();
    let mut watch = db.watch(Default::default()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..200 {
                    db.collection("c").put(&format!("{thread}"), &n).unwrap();
                }
            });
        }
        let mut next = [0; 4];
        for sequence in 1..=800 {
            let event = watch.next_within(Some(Duration::from_secs(60))).unwrap().expect("a commit is missing");
            assert_eq!((event.token, event.commit.sequence), (sequence, sequence));
            let thread: usize = event.commit.changes[0].key.parse().unwrap();
            let value = event.documents[0].as_ref().unwrap().value().unwrap().as_i64();
            assert_eq!(value, Some(next[thread]));
            next[thread] += 1;
        }
    });
    assert!(watch.try_next().unwrap().is_none());
}
