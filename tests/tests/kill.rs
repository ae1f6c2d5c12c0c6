//! A process that writes is killed with SIGKILL, again and again, on one database that lives through all of it.
//!
//! The parent keeps a journal of what was acknowledged, and after each kill asks: is every acknowledged write there, at its
//! version, with its history; is every commit whole; and is there nothing that nobody wrote? Of what was not acknowledged,
//! at most one write a thread may have come through, since a thread waits for each.
//!
//! A kill does not lose the page cache, so this shows recovery and atomicity, not durability: for that see `threads.rs`,
//! which counts syncs, and the simulator, which loses what was not synced.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use koru_delta::{Database, Event, VersionId, WatchOptions};
use koru_tests::random::Random;
use koru_tests::writing::{self, THREADS, Write};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const KILLS: u64 = 200;

type Place = (String, String);

/// One version of a document: which, whose write, and its count if it is one of a pair. `None` for a deletion.
type Written = (VersionId, Option<(String, Option<i64>)>);

/// What the parent knows.
#[derive(Default)]
struct Journal {
    /// Every version of every document, oldest first.
    documents: BTreeMap<Place, Vec<Written>>,
    token: u64,
    acknowledged: u64,
    unacknowledged: u64,
}

/// Lets the writer run and kills it, some time after its start or after its first acknowledged write. Returns what it
/// acknowledged: for each thread the versions, in order.
fn run_and_kill(path: &Path, run: u64, after: Duration, from_start: bool) -> Vec<Vec<Option<VersionId>>> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_writer"))
        .arg(path)
        .arg(run.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (first, begun) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = vec![Vec::new(); THREADS as usize];
        for line in output.lines().map(Result::unwrap) {
            let words: Vec<_> = line.split(' ').collect();
            let [thread, number, version] = words[..] else { panic!("a torn line: {line:?}") };
            let versions = &mut acknowledged[thread.parse::<usize>().unwrap()];
            assert_eq!(number.parse(), Ok(versions.len() + 1), "{line}");
            let _ = first.send(());
            versions.push((version != "-").then(|| version.parse().unwrap()));
        }
        acknowledged
    });
    if !from_start {
        begun.recv_timeout(Duration::from_secs(60)).expect("the writer does not write");
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "run {run}: the writer ended by itself: {status}");
    reader.join().unwrap()
}

/// Who wrote a commit, by its message, or by its values where it has none.
fn written_by(event: &Event, run: u64) -> (u64, u64) {
    let by = event.commit.message.clone().unwrap_or_else(|| {
        let value = event.documents[0].as_ref().unwrap().value().unwrap();
        value.pointer("/by").unwrap().as_str().unwrap().to_owned()
    });
    writing::parse(&by, run).unwrap_or_else(|| panic!("run {run} finds a commit of {by:?}"))
}

impl Journal {
    /// Takes in what the log says was written since the last run, and holds it against what was acknowledged.
    fn check_run(&mut self, db: &Database, run: u64, acknowledged: &[Vec<Option<VersionId>>]) {
        let mut feed = db.watch(WatchOptions { token: Some(self.token), ..WatchOptions::default() }).unwrap();
        let mut found: BTreeMap<(u64, u64), VersionId> = BTreeMap::new();
        while let Some(event) = feed.try_next().unwrap() {
            let (thread, number) = written_by(&event, run);
            let before = found.insert((thread, number), event.commit.version);
            assert_eq!(before, None, "run {run}: write {thread}.{number} is there twice");
            self.check_whole(&event, &writing::choose(run, thread, number), &writing::name(run, thread, number));
        }
        self.token = feed.token();
        for (thread, versions) in acknowledged.iter().enumerate() {
            for (number, version) in (1..).zip(versions) {
                let there = found.remove(&(thread as u64, number));
                assert_eq!(there, *version, "run {run}: acknowledged write {thread}.{number}");
                self.acknowledged += 1;
            }
        }
        for (thread, number) in found.into_keys() {
            let last = acknowledged[thread as usize].len() as u64;
            assert_eq!(number, last + 1, "run {run}: write {thread}.{number} is there, acknowledged was {last}");
            self.unacknowledged += 1;
        }
    }

    /// Checks that a commit is all of its write and nothing else.
    fn check_whole(&mut self, event: &Event, write: &Write, by: &str) {
        let changed: Vec<Place> = event.commit.changes.iter().map(|c| (c.collection.clone(), c.key.clone())).collect();
        let place = |collection: &str, key: &String| (collection.to_owned(), key.clone());
        let expected = match write {
            Write::Put(key) | Write::Delete(key) => vec![place(writing::SINGLE, key)],
            Write::Many(keys) => keys.iter().map(|key| place(writing::BULK, key)).collect(),
            Write::Pair(key) => writing::PAIR.iter().map(|collection| place(collection, key)).collect(),
            Write::Checkpoint | Write::Compact => panic!("{write:?} is no commit"),
        };
        assert_eq!(changed, expected, "{by}");
        for (place, document) in changed.into_iter().zip(&event.documents) {
            let versions = self.documents.entry(place).or_default();
            let value = document.as_ref().map(|document| {
                let value = document.value().unwrap();
                assert_eq!(value.pointer("/by").and_then(|v| v.as_str()), Some(by));
                (by.to_owned(), value.pointer("/n").and_then(|n| n.as_i64()))
            });
            assert_eq!(value.is_none(), matches!(write, Write::Delete(_)), "{by}");
            if let (Write::Pair(_), Some((_, count))) = (write, &value) {
                // Nobody's addition was lost: the count is that of the additions.
                assert_eq!(*count, Some(versions.len() as i64 + 1), "{by}");
            }
            versions.push((event.commit.version, value));
        }
    }

    /// Reads every document and its whole history, and compares with the journal.
    fn check_documents(&self, db: &Database) {
        for ((name, key), versions) in &self.documents {
            let collection = db.collection(name);
            let now = collection.get(key).unwrap();
            let (last, value) = versions.last().unwrap();
            assert_eq!(now.as_ref().map(|d| d.version()), value.as_ref().map(|_| *last), "{name}/{key}");
            let history: Vec<_> = collection.history(key).unwrap().map(Result::unwrap).collect();
            assert_eq!(history.len(), versions.len(), "{name}/{key}: versions");
            for (found, (version, value)) in history.iter().rev().zip(versions) {
                assert_eq!((found.id, found.deleted), (*version, value.is_none()), "{name}/{key}");
            }
            // Values of the newest, the oldest and one between: reading every one of all of them took longer than the rest.
            for at in [0, history.len() / 2, history.len() - 1] {
                let document = collection.document(key, &history[history.len() - 1 - at]).unwrap();
                let by = document.map(|d| d.value().unwrap().pointer("/by").unwrap().as_str().unwrap().to_owned());
                assert_eq!(by, versions[at].1.as_ref().map(|(by, _)| by.clone()), "{name}/{key} version {at}");
            }
        }
        for key in self.documents.keys().filter(|(name, _)| name == writing::PAIR[0]).map(|(_, key)| key) {
            let [left, right] = writing::PAIR.map(|name| db.collection(name).get(key).unwrap().unwrap());
            assert_eq!(left.version(), right.version(), "pair {key}");
            assert_eq!(left.encoded(), right.encoded(), "pair {key}");
        }
    }
}

#[test]
fn two_hundred_kills_lose_no_acknowledged_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("killed.koru");
    let mut random = Random::new(0x6b69_6c6c);
    let mut journal = Journal::default();
    let mut torn = 0;
    for run in 0..KILLS {
        let acknowledged = run_and_kill(&path, run, Duration::from_millis(5 + random.below(56)), random.chance(1, 4));
        // Half of the time only looking, so that the next writer finds what the kill left, and recovers by itself.
        let compacts = run % 10 == 9;
        let read_only = random.chance(1, 2) && !compacts;
        let db = writing::options().read_only(read_only).open(&path).unwrap();
        torn += u64::from(db.info().unwrap().torn_bytes > 0);
        journal.check_run(&db, run, &acknowledged);
        if compacts {
            db.compact().unwrap();
        }
        if run % 20 == 19 {
            journal.check_documents(&db);
            let report = db.verify().unwrap();
            assert!(report.is_ok(), "run {run}: {report:?}");
        }
    }
    let db = Database::open(&path).unwrap();
    journal.check_documents(&db);
    let info = db.info().unwrap();
    let commits = info.commits;
    assert!(info.packed_segments > 10, "the log was hardly compressed: {} segments", info.packed_segments);
    println!(
        "{KILLS} kills: {} acknowledged writes, {commits} commits, {} came through unacknowledged, {torn} torn tails",
        journal.acknowledged, journal.unacknowledged
    );
    assert!(journal.acknowledged > 5 * KILLS, "the writer hardly wrote: {}", journal.acknowledged);
}

/// The command-line program, if it was built.
fn koru() -> Option<std::path::PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_writer")).with_file_name("koru");
    let version = Command::new(&program).arg("--version").output().ok()?;
    String::from_utf8_lossy(&version.stdout).starts_with("koru").then_some(program)
}

/// `koru put` is killed at any point of its short life. Where it ended well before, its write is acknowledged.
#[test]
fn kills_of_the_command_line_lose_no_acknowledged_write() {
    let Some(koru) = koru() else {
        println!("skipped: the program koru was not built");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("killed.koru");
    let mut random = Random::new(7);
    let mut acknowledged = BTreeMap::new();
    for number in 0..60 {
        let mut child = Command::new(&koru)
            .args(["put", &format!("counts/{}", number % 7), &number.to_string(), "--db"])
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        if number % 3 == 0 {
            child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_micros(random.below(12_000)));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            acknowledged.insert(number % 7, number);
        }
        let db = Database::open(&path).unwrap();
        for (key, least) in &acknowledged {
            let document = db.collection("counts").get(&key.to_string()).unwrap().unwrap();
            let value = document.value().unwrap().as_i64().unwrap();
            assert!(value >= *least && value % 7 == *key, "{key}: {value}, acknowledged was {least}");
        }
        assert!(db.verify().unwrap().is_ok());
    }
    assert!(acknowledged.len() == 7, "{acknowledged:?}");
}
