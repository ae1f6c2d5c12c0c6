//! docs/reference/format.md tells the truth: its examples are what the engine writes, and a reader that was written from
//! it understands every byte of a database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "format/reader.rs"]
mod reader;

use koru_delta::{
    CommitInfo, Database, Expected, Host, ImportChange, Maintenance, Moment, Options, Value, WriteOptions,
    storage::{FileName, memory::MemoryStorage},
};
use serde_json::json;
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU8, Ordering},
    },
};

const PAGE: &str = include_str!("../../docs/reference/format.md");

/// A clock that stands, or goes one millisecond a question; entropy of one byte, and another for the next caller.
struct FixedHost {
    now_ms: AtomicI64,
    step_ms: i64,
    entropy: AtomicU8,
}

impl Host for FixedHost {
    fn now_ms(&self) -> i64 {
        self.now_ms.fetch_add(self.step_ms, Ordering::Relaxed)
    }

    fn entropy(&self, bytes: &mut [u8]) -> koru_delta::Result<()> {
        // d1, a1, 71, 41, ...
        bytes.fill(self.entropy.fetch_sub(0x30, Ordering::Relaxed));
        Ok(())
    }
}

fn open(now_ms: i64, step_ms: i64) -> (Database, Arc<MemoryStorage>) {
    let storage = Arc::new(MemoryStorage::new());
    let host = FixedHost { now_ms: AtomicI64::new(now_ms), step_ms, entropy: AtomicU8::new(0xd1) };
    let options = Options::new().host(host).maintenance(Maintenance::Inline);
    (options.open_storage(storage.clone()).unwrap(), storage)
}

/// What stands in the page between the comments that mark examples.
fn examples(name: &str) -> Vec<(&'static str, &'static str)> {
    let begin = format!("<!-- examples: {name} -->");
    let (_, rest) = PAGE.split_once(&begin).expect("the examples are in the page");
    let (table, _) = rest.split_once("<!-- end of examples -->").expect("the examples end");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches(['|', ' ']).split_once(" | ").expect("a row has two cells")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_examples_of_values_are_what_is_stored() {
    let (db, _) = open(0, 0);
    let documents = db.collection("examples");
    let examples = examples("values");
    assert!(examples.len() >= 4);
    for (text, encoding) in examples {
        let value: Value = serde_json::from_str(text.trim_matches('`')).unwrap();
        documents.put("example", &value).unwrap();
        let stored = documents.get("example").unwrap().unwrap();
        assert_eq!(format!("`{}`", hex(stored.encoded())), encoding, "{text}");
        assert_eq!(*stored.value().unwrap(), value);
    }
}

#[test]
fn the_example_of_a_log_is_what_is_written() {
    let (db, storage) = open(-4_861_728_000_000, 0);
    db.collection("users").put("ada", &json!({"born": 1815})).unwrap();
    db.close().unwrap();
    let files = storage.files();
    let root = reader::root(&files[&FileName::Root]);
    let (commits, notes, chain) = reader::segment(&files[&FileName::Segment(1)], 1, &root, [0xa1; 16]);
    let mut table = String::new();
    for (bytes, what) in notes {
        writeln!(table, "| `{}` | {what} |", hex(bytes)).unwrap();
    }
    writeln!(table, "| `{}` | not in the file: the commit id |", hex(&commits[0].id)).unwrap();
    writeln!(table, "| `{}` | not in the file: the chain behind it |", hex(&chain)).unwrap();
    let rows: Vec<_> = examples("log").iter().map(|(bytes, what)| format!("| {bytes} | {what} |")).collect();
    assert_eq!(rows.join("\n").trim_end(), table.trim_end(), "the table has to be:\n{table}");
}

/// A database with everything that the format has: several actors, deletions, expiry, authors, messages, causes, large
/// values, keys with zeros, tags, tables and a tail.
fn rich_database() -> (Database, Arc<MemoryStorage>) {
    let (db, storage) = open(1_000_000, 1);
    let users = db.collection("users");
    let first = users.put("ada", &json!({"born": 1815})).unwrap();
    let info = CommitInfo {
        author: Some("Ada".into()),
        message: Some("long\nwords".into()),
        causes: vec![users.at("ada", first)],
    };
    let expires_at = Some(i64::MAX);
    let with = WriteOptions { info, expires_at, expected: Expected::Absent, ..WriteOptions::default() };
    users.put_with("a\0b", &"x".repeat(5000), with).unwrap();
    let mut import = db.import("elsewhere").unwrap();
    for round in 0..130i64 {
        let change = |key: &str, value: Option<i64>| ImportChange {
            collection: "files".into(),
            key: key.into(),
            value: value.map(Value::from),
            vectors: koru_delta::Vectors::new(),
        };
        let changes = vec![change("both", Some(round)), change("gone", (round % 2 == 0).then_some(round))];
        import.commit(round * 5, CommitInfo::default(), changes, Value::Int(round)).unwrap();
        users.put(&format!("user{:03}", round * 7 % 130), &json!({"round": round})).unwrap();
        if round == 50 {
            db.collection("files").put("both", &"mine").unwrap();
            db.tag("middle", Moment::Now).unwrap();
            db.checkpoint().unwrap();
        }
    }
    users.delete("ada").unwrap();
    users.put_many((0..500).map(|n| (format!("many{n:04}"), n))).unwrap();
    db.checkpoint().unwrap();
    users.put("tail", &json!(null)).unwrap();
    (db, storage)
}

#[test]
fn a_reader_written_from_the_page_understands_every_byte() {
    let (db, storage) = rich_database();
    let info = db.info().unwrap();
    let ids: Vec<_> = db.log().unwrap().map(|commit| commit.unwrap()).map(|c| (c.version, c.id, c.sequence)).collect();
    let log_end = info.log_bytes;
    db.close().unwrap();
    let files = storage.files();
    let root = reader::root(&files[&FileName::Root]);
    assert_eq!(root.database, info.database.0);
    let manifest = reader::manifest(&files[&FileName::Manifest(root.manifest)], &root);
    assert_eq!((manifest.actor, manifest.created_ms), (info.actor.0, info.created_ms));
    assert_eq!(manifest.segments, [(1, 0)]);
    assert_eq!(manifest.tables.len(), 2);
    assert_eq!(manifest.checkpoint.sequence + 1, info.commits);

    let (commits, _, chain) = reader::segment(&files[&FileName::Segment(1)], 1, &root, manifest.actor);
    assert_eq!(root.durable, reader::Place { segment: 1, offset: log_end, sequence: info.commits, chain });
    assert_eq!(hex(&chain).replace(' ', ""), info.chain);
    assert_eq!(commits.len(), ids.len());
    for (version, id, sequence) in ids {
        let commit = &commits[sequence as usize - 1];
        assert_eq!((commit.sequence, commit.version), (sequence, (version.actor.0, version.counter)));
        assert_eq!(commit.id, id.0, "the id of commit {version}");
    }
    assert_eq!(manifest.actors.iter().map(|(_, counter)| counter).sum::<u64>(), manifest.checkpoint.sequence);

    let mut versions = Vec::new();
    let mut found = std::collections::BTreeMap::new();
    for (number, bytes) in manifest.tables {
        let file = &files[&FileName::Table(number)];
        assert_eq!(file.len() as u64, bytes);
        // Oldest first: the newest table's entry stays.
        found.extend(reader::table(file, number, &root));
    }
    for (key, value) in &found {
        match key[0] {
            1 => versions.push(reader::version(key, value)),
            2 => {
                let (actor, counter) = key[1..].split_at(16);
                let version = (actor.try_into().unwrap(), u64::from_be_bytes(counter.try_into().unwrap()));
                let commit = commits.iter().find(|commit| commit.version == version).unwrap();
                let mut value = reader::Fields::new(value);
                assert_eq!(reader::location(&mut value), commit.frame);
            }
            3 => {
                let mut rest = reader::Fields::new(&key[9..]);
                let frame = reader::location(&mut rest);
                assert!(commits.iter().any(|commit| commit.frame == frame && commit.id[..8] == key[1..9]));
                assert!(rest.is_empty() && value.is_empty());
            }
            4 => assert!(key.starts_with(b"\x04users\0ada\0\0") && key.len() == 12 + 2 * 24 && value.is_empty()),
            other => panic!("an entry of kind {other}"),
        }
    }
    let before = |commit: &&reader::Commit| commit.sequence <= manifest.checkpoint.sequence;
    let mut logged: Vec<_> = commits.iter().filter(before).flat_map(|commit| &commit.versions).collect();
    logged.sort_unstable();
    assert_eq!(versions.iter().collect::<Vec<_>>(), logged);
    for kind in 1..=4 {
        assert!(found.keys().any(|key| key[0] == kind), "no entry of kind {kind}");
    }
}

#[test]
fn a_packed_segment_is_what_the_page_says() {
    let (db, storage) = rich_database();
    let noise: Vec<u8> = (0..40_000_u64).map(|n| ((n * n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    db.collection("users").put("noise", &Value::Bytes(noise)).unwrap();
    db.close().unwrap();
    let files = storage.files();
    let storage = Arc::new(MemoryStorage::from_files(files.clone()));
    let db = Options::new().limits_for_tests(64 << 10, 32 << 10).open_storage(storage.clone()).unwrap();
    db.compact().unwrap();
    let root = reader::root(&files[&FileName::Root]);
    let (segment, [compressed, plain]) = reader::packed(&storage.files()[&FileName::Packed(1)], 1, &root);
    assert!(segment == files[&FileName::Segment(1)], "the segment has changed");
    assert!(compressed >= 2 && plain >= 2, "{compressed} {plain}");
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_changed() {
    let (db, storage) = open(0, 0);
    db.collection("users").put("ada", &1).unwrap();
    db.close().unwrap();
    let mut files = storage.files();
    for slot in files.get_mut(&FileName::Root).unwrap().chunks_mut(4096).filter(|slot| slot[0] != 0) {
        slot[8] = 2;
        let checksum = reader::crc(&[&slot[..96]]);
        slot[96..100].copy_from_slice(&checksum.to_le_bytes());
    }
    let storage = Arc::new(MemoryStorage::from_files(files.clone()));
    let refused = Options::new().open_storage(storage.clone()).unwrap_err();
    assert_eq!(refused.code(), koru_delta::ErrorCode::UnsupportedFormat);
    assert_eq!(storage.files(), files);
}
