//! Fuzz targets: functions over any bytes that may refuse them, and must not panic, hang or take memory without a bound.
//!
//! `tests/fuzz` hands them to libFuzzer; `tests/corpus.rs` replays the corpus and a short walk of mutations on stable; and
//! `cargo run -p koru-tests --bin fuzz -- <target> --seconds N` walks for longer.
//!
//! The first byte of an input, where a target has checksums, says whether right ones are put in first: 0 leaves the bytes
//! as they are, anything else fixes them, so that what is behind the checksums is reached.

use koru_delta::storage::{FileName, memory::MemoryStorage};
use koru_delta::{
    Database, Direction, Host, KeyRange, Maintenance, Moment, Options, Order, Result, Value, WatchOptions, diff,
    fuzzing,
};
use std::sync::Arc;

/// One target.
pub struct Target {
    /// Its name, which is also that of its corpus.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "value", run: value, seeds: value_seeds },
    Target { name: "commit", run: commit, seeds: commit_seeds },
    Target { name: "frame", run: frame, seeds: frame_seeds },
    Target { name: "table", run: table, seeds: table_seeds },
    Target { name: "packed", run: packed, seeds: packed_seeds },
    Target { name: "open", run: open, seeds: open_seeds },
    Target { name: "protocol", run: protocol, seeds: protocol_seeds },
];

/// A value: what is accepted has one form, takes memory in proportion, and differs from others by changes that apply.
pub fn value(data: &[u8]) {
    let Ok(value) = fuzzing::decode_value(data) else { return };
    assert_eq!(fuzzing::encode_value(&value).ok().as_deref(), Some(data), "two encodings of one value");
    assert!(
        value.memory_bytes() <= 64 * data.len() + 64,
        "{} bytes of memory from {}",
        value.memory_bytes(),
        data.len()
    );
    if let Some([a, b, ..]) = value.as_array() {
        let changes = diff::diff(Some(a), Some(b));
        let applied = diff::apply(Some(a), &changes);
        assert_eq!(applied.ok().flatten().as_ref(), Some(b), "a diff does not lead to the other value");
    }
    // What text cannot say is said in an array that it can.
    let text = serde_json::to_string(&value).map(|text| serde_json::from_str::<Value>(&text));
    assert!(matches!(text, Ok(Ok(_))), "a value has no text form: {value:?}");
}

/// The header of a commit: what is accepted comes back from its encoding.
pub fn commit(data: &[u8]) {
    let Ok(once) = fuzzing::recode_commit(data) else { return };
    let twice = fuzzing::recode_commit(&once);
    assert_eq!(twice.ok(), Some(once), "an encoding that is not read back");
}

/// The bytes behind the first, with right checksums where that says so; `None` of nothing.
fn fixed(data: &[u8], fix: impl FnOnce(&mut [u8])) -> Option<Vec<u8>> {
    let (&wanted, rest) = data.split_first()?;
    let mut bytes = rest.to_vec();
    if wanted != 0 {
        fix(&mut bytes);
    }
    Some(bytes)
}

/// The header of a frame, and a segment of frames.
pub fn frame(data: &[u8]) {
    let Some(bytes) = fixed(data, |bytes| fuzzing::fix_frame(bytes, 80)) else { return };
    if let Some(again) = fuzzing::recode_frame(&bytes, 80) {
        assert_eq!(bytes.get(..again.len()), Some(&again[..]));
    }
    let _ = fixed(data, fuzzing::fix_segment).map(fuzzing::read_segment);
}

/// An index table: every walk over it, and verify.
pub fn table(data: &[u8]) {
    let _ = fixed(data, fuzzing::fix_table).map(fuzzing::read_table);
}

/// A packed segment: what is read of it in order and at places.
pub fn packed(data: &[u8]) {
    let _ = fixed(data, fuzzing::fix_packed).map(fuzzing::read_packed);
}

/// A whole database: opened read-only and read in every way, then opened for writing, written to, and opened again.
pub fn open(data: &[u8]) {
    let Some((&fix, rest)) = data.split_first() else { return };
    let mut files = unpack(rest);
    if fix != 0 {
        fuzzing::fix_files(&mut files);
    }
    open_files(files);
}

/// The same for files.
pub fn open_files(files: fuzzing::Files) {
    let reading = Options::new().read_only(true).host(FixedHost);
    if let Ok(db) = reading.open_storage(Arc::new(MemoryStorage::from_files(files.clone()))) {
        let _ = read_everything(&db);
    }
    let storage = MemoryStorage::from_files(files);
    let writing = || Options::new().maintenance(Maintenance::Manual).host(FixedHost);
    if let Ok(db) = writing().open_storage(Arc::new(storage.clone())) {
        let _ = write_something(&db);
        let _ = db.close();
        if let Ok(db) = writing().open_storage(Arc::new(storage)) {
            let _ = read_everything(&db);
        }
    }
}

/// Batches of calls, each with its length in two bytes in front: whatever is asked for, the database stays sound.
pub fn protocol(data: &[u8]) {
    assert!(matches!(fuzzing::submit_batches(data, FixedHost), Ok(true)), "calls have damaged the database");
}

/// Rows that one reading goes over: no input is so large that this hides something.
const ROWS_MAX: usize = 2000;

fn read_everything(db: &Database) -> Result<()> {
    let _ = (db.info(), db.tags(), db.verify());
    for order in [Order::Ascending, Order::Descending] {
        for name in db.collections()?.into_iter().take(20) {
            let collection = db.collection(&name);
            for row in collection.scan(KeyRange::default(), order)?.take(ROWS_MAX) {
                let row = row?;
                let _ = row.document.value();
                let _ = (collection.get(&row.key), collection.heads(&row.key));
                for version in collection.history(&row.key)?.take(20) {
                    let version = version?;
                    let _ = collection.document(&row.key, &version);
                    let _ = db.lineage(collection.at(&row.key, version.id), Direction::Causes, 5);
                    let _ = db.lineage(collection.at(&row.key, version.id), Direction::Effects, 5);
                }
            }
        }
    }
    let mut watch = db.watch(WatchOptions { token: Some(0), ..WatchOptions::default() })?;
    while watch.try_next()?.is_some() {}
    for commit in db.log()?.take(ROWS_MAX) {
        let commit = commit?;
        let _ = db.commit_by_id(&commit.id.to_string());
        db.diff(commit.version, Moment::Now)?.take(ROWS_MAX).for_each(drop);
    }
    Ok(())
}

fn write_something(db: &Database) -> Result<()> {
    db.collection("fuzz").put("k", &1)?;
    db.checkpoint()?;
    db.collection("fuzz").delete("k")?;
    while db.maintain(4)? {}
    db.compact()?;
    db.restore(Moment::Now)?;
    read_everything(db)
}

/// Bytes of a slot of the root that mean something, and of a whole one.
const SLOT: (usize, usize) = (100, 4096);

/// Files of a database one after the other: kind, number (u16), length (u16), bytes. Of the root only what means something,
/// so that mutations do not fall among zeros.
fn unpack(mut data: &[u8]) -> fuzzing::Files {
    let mut files = fuzzing::Files::new();
    while let Some((head, rest)) = data.split_first_chunk::<5>() {
        let [kind, a, b, c, d] = *head;
        let number = u16::from_le_bytes([a, b]).into();
        let (bytes, after) = rest.split_at(usize::from(u16::from_le_bytes([c, d])).min(rest.len()));
        let name = match kind % 6 {
            0 => FileName::Root,
            1 => FileName::Manifest(number),
            2 => FileName::Segment(number),
            3 => FileName::Table(number),
            4 => FileName::Vectors(number),
            _ => FileName::Packed(number),
        };
        let bytes = match name {
            FileName::Root => {
                bytes.chunks(SLOT.0).flat_map(|slot| [slot, &vec![0; SLOT.1 - slot.len()]].concat()).collect()
            }
            _ => bytes.to_vec(),
        };
        files.insert(name, bytes);
        data = after;
    }
    files
}

fn pack(files: &fuzzing::Files) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let (kind, number) = match name {
            FileName::Root => (0, 0),
            FileName::Manifest(number) => (1, *number),
            FileName::Segment(number) => (2, *number),
            FileName::Table(number) => (3, *number),
            FileName::Vectors(number) => (4, *number),
            FileName::Packed(number) => (5, *number),
        };
        let bytes: Vec<u8> = match name {
            FileName::Root => bytes.chunks(SLOT.1).flat_map(|slot| &slot[..slot.len().min(SLOT.0)]).copied().collect(),
            _ => bytes[..bytes.len().min(usize::from(u16::MAX))].to_vec(),
        };
        out.push(kind);
        out.extend_from_slice(&(number as u16).to_le_bytes());
        out.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
        out.extend_from_slice(&bytes);
    }
    out
}

/// Time stands still and entropy repeats, so that an input always does the same.
#[derive(Debug)]
pub struct FixedHost;

impl Host for FixedHost {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
        Ok(())
    }
}

fn value_seeds() -> Vec<(String, Vec<u8>)> {
    let values = [
        ("null", serde_json::json!(null)),
        ("document", serde_json::json!({"born": 1815, "name": "Ada", "tags": ["a", "b"], "rate": 0.1, "ok": true})),
        (
            "numbers",
            serde_json::json!([0, -1, 127, 128, -129, 9007199254740993i64, i64::MIN, i64::MAX, 1.5, -0.0, 1e308]),
        ),
        ("text", serde_json::json!(["", "é", "\u{10000}", "x".repeat(80), "\u{0}"])),
        ("pair", serde_json::json!([{"a": [1, 2, 3], "b": {"c": 1}}, {"a": [2, 3, 4], "b": {"d": 1}}])),
        ("long_array", serde_json::json!((0..40).collect::<Vec<_>>())),
        ("bytes", serde_json::json!([{"$bytes": "AAECAw=="}, {"$bytes": ""}])),
        ("deep", (0..63).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]))),
    ];
    let encoded = |value: serde_json::Value| {
        let value: Value = serde_json::from_value(value).unwrap_or_default();
        fuzzing::encode_value(&value).unwrap_or_default()
    };
    values.into_iter().map(|(name, value)| (name.to_string(), encoded(value))).collect()
}

/// A small database with everything in it: its files, after more and more `steps`: only a log, a table, merged tables,
/// closed.
pub fn sample(steps: usize) -> Result<fuzzing::Files> {
    let storage = MemoryStorage::new();
    let options = Options::new().maintenance(Maintenance::Manual).host(FixedHost);
    let db = options.open_storage(Arc::new(storage.clone()))?;
    let users = db.collection("users");
    for n in 0..8 {
        users.put(&format!("u{}", n % 5), &serde_json::json!({"n": n}))?;
    }
    if steps > 0 {
        let first = users.at("u1", users.heads("u1")?[0]);
        db.transaction(|tx| {
            tx.author("fuzz").message("why").because(first);
            tx.put("notes", "a\0b", &"x")?;
            tx.delete("users", "u2")
        })?;
        db.tag("t", Moment::Now)?;
        db.checkpoint()?;
    }
    if steps > 1 {
        for round in 0..5 {
            users.put("u1", &round)?;
            db.checkpoint()?;
        }
        while db.maintain(10)? {}
        users.put("u1", &"tail")?;
    }
    if steps > 2 {
        db.close()?;
    }
    Ok(storage.files())
}

fn open_seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (steps, name) in ["log", "table", "merged", "closed"].into_iter().enumerate() {
        let files = sample(steps).unwrap_or_default();
        for fix in [0, 1] {
            seeds.push((format!("{name}_{fix}"), [vec![fix], pack(&files)].concat()));
        }
    }
    seeds.push(("nothing".into(), vec![0]));
    seeds
}

/// The frames of a segment, from its header on.
fn segment() -> Vec<u8> {
    let files = sample(1).unwrap_or_default();
    files.get(&FileName::Segment(1)).cloned().unwrap_or_default()
}

fn frame_seeds() -> Vec<(String, Vec<u8>)> {
    let segment = segment();
    let with = |fix: u8, bytes: &[u8]| [&[fix], bytes].concat();
    vec![
        ("segment_0".into(), with(0, &segment)),
        ("segment_1".into(), with(1, &segment)),
        ("header_1".into(), with(1, segment.get(80..).unwrap_or_default())),
        ("zeros_1".into(), with(1, &[0; 200])),
    ]
}

fn packed_seeds() -> Vec<(String, Vec<u8>)> {
    let noise: Vec<u8> = (0..3000_u64).map(|n| ((n * n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    let segments = [("segment", segment()), ("text", b"all of it is the same ".repeat(1000)), ("noise", noise)];
    let both = |(name, bytes): (&str, Vec<u8>)| {
        let packed = fuzzing::build_packed(&bytes);
        [0, 1].map(|fix| (format!("{name}_{fix}"), [&[fix], &packed[..]].concat()))
    };
    segments.into_iter().flat_map(both).collect()
}

fn commit_seeds() -> Vec<(String, Vec<u8>)> {
    // Behind the header of each frame stands the length of the commit's header, in one byte or two.
    let segment = segment();
    let (mut at, mut seeds) = (80, Vec::new());
    while let Some(length) = segment.get(at + 4..at + 8).map(|l| u32::from_le_bytes([l[0], l[1], l[2], l[3]]) as usize)
    {
        let body = segment.get(at + 32..at + 32 + length).unwrap_or_default();
        let header = match body {
            [n, rest @ ..] if *n < 128 => rest.get(..usize::from(*n)),
            [low, high, rest @ ..] => rest.get(..usize::from(low & 127) | usize::from(*high) << 7),
            _ => None,
        };
        let Some(header) = header.filter(|_| length > 0) else { break };
        seeds.push((format!("commit_{}", seeds.len()), header.to_vec()));
        at += (32 + length).next_multiple_of(4);
    }
    seeds
}

fn table_seeds() -> Vec<(String, Vec<u8>)> {
    let build = |count: u32, value: usize| {
        let entries: Vec<_> = (0..count).map(|n| (format!("key {n:06}").into_bytes(), vec![n as u8; value])).collect();
        fuzzing::build_table(&entries).unwrap_or_default()
    };
    let mut seeds = Vec::new();
    for (name, bytes) in [("one", build(1, 3)), ("block", build(60, 12)), ("blocks", build(400, 40))] {
        for fix in [0, 1] {
            seeds.push((format!("{name}_{fix}"), [vec![fix], bytes.clone()].concat()));
        }
    }
    seeds
}

/// A batch of calls, with its length in front.
fn batch(calls: &[(u8, Vec<Value>)]) -> Vec<u8> {
    let mut batch = Vec::new();
    for ((operation, arguments), call) in calls.iter().zip(1_u32..) {
        let arguments = Value::Array(arguments.clone());
        // The arguments stand there without what makes them an array: one byte, for fewer than 16.
        let body = fuzzing::encode_value(&arguments).unwrap_or_default().split_off(1);
        batch.extend((body.len() as u32 + 5).to_le_bytes());
        batch.extend(call.to_le_bytes());
        batch.push(*operation);
        batch.extend(body);
    }
    [&(batch.len() as u16).to_le_bytes(), &batch[..]].concat()
}

fn protocol_seeds() -> Vec<(String, Vec<u8>)> {
    let (none, c) = (|| Value::Null, || Value::from("c"));
    let put = |key: &str| (3, vec![c(), key.into(), none(), none(), none(), 1.into()]);
    let writes = batch(&[
        put("a"),
        put("b"),
        (4, vec![c(), "a".into(), none(), none()]),
        (5, vec![c(), none(), "d".into(), 1.into(), "e".into(), "two".into()]),
        (
            6,
            vec![
                none(),
                [[c(), "b".into(), none()]].into(),
                Value::Array(vec![]),
                c(),
                "f".into(),
                none(),
                none(),
                false.into(),
            ],
        ),
        (16, vec!["t".into(), none(), none()]),
        (19, vec![c(), none(), Value::Map([("tag", "t")].into()), none()]),
    ]);
    let reads = batch(&[
        (1, vec![c(), "a".into(), none()]),
        (2, vec![c(), ["a", "b"].into(), none()]),
        (7, vec![c(), Value::Map([("prefix", "a")].into()), none(), none(), 1.into(), true.into()]),
        (8, vec![c(), "a".into(), none(), 1.into(), true.into()]),
        (9, vec![1.into()]),
        (10, vec![none(), none(), none(), 5.into()]),
        (22, vec![none()]),
        (25, vec![]),
    ]);
    let handles = batch(&[
        (11, vec![none(), "".into(), 0.into()]),
        (14, vec![none()]),
        (30, vec![]),
        (12, vec![1.into(), 2.into()]),
        (31, vec![3.into(), "root".into(), 0.into(), 100.into()]),
        (13, vec![2.into()]),
        (32, vec![4.into()]),
    ]);
    let seed = |name: &str, batches: &[&[u8]]| (name.to_owned(), batches.concat());
    vec![
        seed("writes", &[&writes, &writes]),
        seed("reads", &[&writes, &reads]),
        seed("handles", &[&writes, &handles, &writes, &reads]),
    ]
}
