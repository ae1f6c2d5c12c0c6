//! Compaction: the same database in less room, and nothing lost whatever happens on the way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_delta::storage::{FileInfo, FileName, Storage, memory::MemoryStorage};
use koru_delta::{Database, Error, ErrorCode, KeyRange, Maintenance, Moment, Options, Order, Result, WatchOptions};
use std::collections::BTreeMap;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

type Files = BTreeMap<FileName, Vec<u8>>;

fn options() -> Options {
    Options::new().maintenance(Maintenance::Manual).cache_bytes(1 << 20).limits_for_tests(64 << 10, 32 << 10)
}

fn open(storage: Arc<dyn Storage>) -> Database {
    options().open_storage(storage).unwrap()
}

/// Text that is unlike any other, and compresses as text does.
fn page(number: u64, words: usize) -> String {
    const WORDS: [&str; 8] = ["history", "of", "the", "version", "moment", "causal", "log", "is"];
    let mut state = number;
    let word = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        WORDS[(state >> 61) as usize]
    };
    format!("{number} {}", (0..words).map(word).collect::<Vec<_>>().join(" "))
}

/// Writes 1,200 versions of 300 documents, with values of all sizes and some noise.
fn fill(db: &Database) {
    let pages = db.collection("pages");
    let written = db.tags().unwrap().len() as u64;
    for round in written..written + 4 {
        for number in 0..300_u64 {
            let words = if number % 100 == 7 { 9_000 } else { 20 };
            pages.put(&format!("p{number:03}"), &page(round * 1000 + number, words)).unwrap();
        }
        db.tag(&format!("round{round}"), Moment::Now).unwrap();
        let noise: Vec<u8> =
            (0..20_000_u64).map(|n| ((n * n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        pages.put("noise", &koru_delta::Value::Bytes(noise)).unwrap();
        while db.maintain(usize::MAX).unwrap() {}
    }
}

/// Everything that can be asked.
fn answers(db: &Database) -> Vec<String> {
    let mut all = Vec::new();
    let pages = db.collection("pages");
    for document in pages.scan(KeyRange::default(), Order::Ascending).unwrap() {
        let document = document.unwrap();
        all.push(format!("{} {:?}", document.key, document.document.value().unwrap()));
        for version in pages.history(&document.key).unwrap() {
            let version = version.unwrap();
            all.push(format!("{:?} {:?} {}", version.id, version.timestamp, version.deleted));
            all.push(format!("{:?}", pages.document(&document.key, &version).unwrap()));
        }
    }
    for round in 0..4 {
        let then = db.as_of(Moment::Tag(format!("round{round}"))).unwrap();
        all.push(format!("{:?}", then.collection("pages").get("p123").unwrap().unwrap().value().unwrap()));
    }
    all.extend(db.log().unwrap().map(|commit| format!("{:?}", commit.unwrap())));
    let mut watch = db.watch(WatchOptions { token: Some(0), ..WatchOptions::default() }).unwrap();
    while let Some(event) = watch.try_next().unwrap() {
        all.push(format!("{:?}", event.commit));
    }
    all
}

/// Compares answers without printing all of them.
fn assert_same(left: &[String], right: &[String]) {
    let differs = left.iter().zip(right).find(|(left, right)| left != right);
    let short = |answer: &String| answer.chars().take(500).collect::<String>();
    let told = differs.map(|(left, right)| (short(left), short(right)));
    assert!(left == right, "{} and {} answers: {told:#?}", left.len(), right.len());
}

fn kinds(files: &Files) -> (usize, usize, usize) {
    let of = |kind: fn(&FileName) -> bool| files.keys().filter(|name| kind(name)).count();
    (
        of(|name| matches!(name, FileName::Segment(_))),
        of(|name| matches!(name, FileName::Packed(_))),
        of(|name| matches!(name, FileName::Table(_))),
    )
}

#[test]
fn a_compacted_database_says_the_same_in_less_room() {
    let storage = Arc::new(MemoryStorage::new());
    let db = open(storage.clone());
    fill(&db);
    let (before, info) = (answers(&db), db.info().unwrap());
    assert!(kinds(&storage.files()).0 > 3 && info.packed_segments == 0);
    let snapshot = db.snapshot().unwrap();
    db.compact().unwrap();
    assert_same(&answers(&db), &before);
    assert!(snapshot.collection("pages").get("p001").unwrap().is_some());

    let after = db.info().unwrap();
    assert_eq!(kinds(&storage.files()), (1, after.packed_segments as usize, 1), "one segment to write to, one table");
    assert_eq!(after.segments, after.packed_segments + 1);
    assert!(after.log_bytes < info.log_bytes * 6 / 10, "{} of {}", after.log_bytes, info.log_bytes);
    assert_eq!((after.chain, after.commits), (info.chain.clone(), info.commits));
    let report = db.verify().unwrap();
    assert!(report.is_ok() && report.chain == info.chain && report.commits == info.commits, "{report:?}");
    let files = storage.files();
    db.compact().unwrap();
    assert_eq!(storage.files(), files, "there is nothing left to do");

    // Writing goes on, and what is new is compacted by the next one.
    db.collection("pages").put("p001", &"new").unwrap();
    let last = answers(&db);
    db.close().unwrap();
    let storage = Arc::new(MemoryStorage::from_files(storage.files()));
    let db = open(storage.clone());
    assert_same(&answers(&db), &last);
    fill(&db);
    db.compact().unwrap();
    assert!(db.info().unwrap().packed_segments > after.packed_segments);
    assert!(db.verify().unwrap().is_ok());
    db.close().unwrap();
    let reader = options().read_only(true).open_storage(Arc::new(MemoryStorage::from_files(storage.files()))).unwrap();
    assert!(reader.verify().unwrap().is_ok());
    assert_eq!(reader.compact().unwrap_err().code(), ErrorCode::ReadOnly);
}

#[test]
fn a_short_last_segment_stays_as_it_is() {
    let storage = Arc::new(MemoryStorage::new());
    let db = open(storage.clone());
    for number in 0..10 {
        db.collection("c").put(&format!("{number}"), &number).unwrap();
        db.compact().unwrap();
    }
    assert_eq!(kinds(&storage.files()), (1, 0, 1));
    assert_eq!(db.collection("c").get("9").unwrap().unwrap().value().unwrap().as_i64(), Some(9));
}

/// Whoever follows the log finds the next commit in the next segment.
#[test]
fn no_segment_is_left_empty() {
    let storage = Arc::new(MemoryStorage::new());
    let db = options().limits_for_tests(4 << 10, 4 << 10).open_storage(storage.clone()).unwrap();
    for number in 0..5 {
        db.compact().unwrap();
        db.compact().unwrap();
        db.collection("c").put(&format!("{number}"), &number).unwrap();
    }
    assert_eq!(db.info().unwrap().segments, 5);
    let mut watch = db.watch(WatchOptions { token: Some(0), ..WatchOptions::default() }).unwrap();
    assert_eq!(std::iter::from_fn(|| watch.try_next().unwrap()).count(), 5);
}

/// A storage that fails from some call on that changes something.
struct Failing {
    files: MemoryStorage,
    left: AtomicI64,
    code: ErrorCode,
}

impl Failing {
    fn of(files: Files, left: i64, code: ErrorCode) -> Arc<Failing> {
        Arc::new(Failing { files: MemoryStorage::from_files(files), left: AtomicI64::new(left), code })
    }

    fn pass(&self) -> Result<()> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            ..=0 => Err(Error::new(self.code, "as the test wants it")),
            _ => Ok(()),
        }
    }

    fn calls(&self, from: i64) -> i64 {
        from - self.left.load(Ordering::Relaxed)
    }
}

impl Storage for Failing {
    fn list(&self) -> Result<Vec<FileInfo>> {
        self.files.list()
    }
    fn create(&self, name: FileName) -> Result<()> {
        self.pass()?;
        self.files.create(name)
    }
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.files.read_at(name, offset, buffer)
    }
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        if let Err(e) = self.pass() {
            // A part of it got through.
            self.files.write_at(name, offset, &data[..data.len() / 2])?;
            return Err(e);
        }
        self.files.write_at(name, offset, data)
    }
    fn sync(&self, name: FileName) -> Result<()> {
        if self.code != ErrorCode::StorageFull {
            self.pass()?;
        }
        self.files.sync(name)
    }
    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        self.files.truncate(name, bytes)
    }
    fn remove(&self, name: FileName) -> Result<()> {
        // It is removed all the same: whoever is told of a failure does not know.
        let passed = if self.code == ErrorCode::StorageFull { Ok(()) } else { self.pass() };
        self.files.remove(name).and(passed)
    }
    fn close(&self) -> Result<()> {
        self.files.close()
    }
    fn kind(&self) -> &'static str {
        "failing"
    }
    fn location(&self) -> String {
        "failing".into()
    }
}

#[test]
fn a_compaction_that_fails_anywhere_loses_nothing() {
    let storage = Arc::new(MemoryStorage::new());
    let db = open(storage.clone());
    fill(&db);
    let before = answers(&db);
    let files = storage.files();
    let all = {
        let whole = Failing::of(files.clone(), i64::MAX, ErrorCode::Io);
        let db = open(whole.clone());
        let from = whole.left.load(Ordering::Relaxed);
        db.compact().unwrap();
        whole.calls(from)
    };
    assert!(all > 30, "{all} calls");
    for code in [ErrorCode::StorageFull, ErrorCode::Io] {
        let mut failed = 0;
        for left in 0..all {
            let storage = Failing::of(files.clone(), i64::MAX, code);
            let db = open(storage.clone());
            storage.left.store(left, Ordering::Relaxed);
            let Err(e) = db.compact() else { continue };
            failed += 1;
            assert_eq!(e.code(), code, "{e}");
            // What a crash leaves at this point.
            let crashed = open(Arc::new(MemoryStorage::from_files(storage.files.files())));
            assert!(crashed.verify().unwrap().is_ok(), "{code:?} after {left}");
            assert_eq!(crashed.info().unwrap().commits, 1208);

            storage.left.store(i64::MAX, Ordering::Relaxed);
            if code == ErrorCode::StorageFull {
                // There is room again: it goes on where it was.
                db.collection("pages").put("more", &1).unwrap();
                db.compact().unwrap();
                assert_eq!(kinds(&storage.files.files()).0, 1, "after {left}");
                let report = db.verify().unwrap();
                assert!(report.is_ok() && report.commits == 1209, "after {left}: {report:?}");
            } else if left % 5 == 0 {
                assert_same(&answers(&db), &before);
            }
        }
        assert!(failed > 20, "{failed} of {all} calls failed with {code:?}");
    }
}

#[test]
fn what_a_crash_leaves_beside_a_segment_is_removed_and_not_believed() {
    let storage = Arc::new(MemoryStorage::new());
    let db = open(storage.clone());
    fill(&db);
    let plain = storage.files();
    db.compact().unwrap();
    let packed = storage.files();
    let mut both = plain.clone();
    for (name, bytes) in &packed {
        if let FileName::Packed(number) = name {
            // Whole, cut short, or never written to.
            let cut = [bytes.len(), bytes.len() / 2, 0][*number as usize % 3];
            both.insert(*name, bytes[..cut].to_vec());
        }
    }
    let storage = Arc::new(MemoryStorage::from_files(both));
    let reader = options().read_only(true).open_storage(storage.clone()).unwrap();
    assert!(reader.verify().unwrap().is_ok());
    let db = open(storage.clone());
    assert!(db.verify().unwrap().is_ok());
    assert_eq!(kinds(&storage.files()).1, 0);
}

#[test]
fn a_missing_or_damaged_file_is_told_by_its_name() {
    let storage = Arc::new(MemoryStorage::new());
    let db = open(storage.clone());
    fill(&db);
    db.compact().unwrap();
    db.close().unwrap();
    let files = storage.files();
    let last = files.keys().rfind(|name| matches!(name, FileName::Segment(_))).copied().unwrap();
    let mut missing = files.clone();
    missing.remove(&last);
    let error = options().open_storage(Arc::new(MemoryStorage::from_files(missing))).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Corrupt);
    assert!(error.to_string().contains(&last.to_string()), "{error}");

    let mut damaged = files.clone();
    let bytes = damaged.get_mut(&FileName::Packed(1)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let db = open(Arc::new(MemoryStorage::from_files(damaged)));
    let report = db.verify().unwrap();
    assert!(report.problems.iter().any(|problem| problem.contains("00000001.packed")), "{report:?}");
}

#[test]
fn a_copy_that_is_under_way_is_whole() {
    let db = open(Arc::new(MemoryStorage::new()));
    fill(&db);
    let before = answers(&db);
    // Begun before the segments are compressed and removed, and begun after that.
    for compacted in [false, true] {
        let export = db.export().unwrap();
        db.compact().unwrap();
        let whole = |info: FileInfo| (info.name, export.read_at(info.name, 0, info.bytes as usize).unwrap());
        let copy = open(Arc::new(MemoryStorage::from_files(export.files().into_iter().map(whole))));
        assert_eq!(copy.info().unwrap().packed_segments > 0, compacted);
        assert_same(&answers(&copy), &before);
        assert!(copy.verify().unwrap().is_ok());
    }
}
