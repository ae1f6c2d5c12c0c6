//! Where a call of the storage is slow, blocks of the log are read and kept: fewer calls, and never anything else than what
//! was written.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_delta::storage::{FileInfo, FileName, Storage, memory::MemoryStorage};
use koru_delta::{Database, ErrorCode, KeyRange, Maintenance, Options, Order, Result};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

const DOCUMENTS: u64 = 2_000;

/// Memory that wants blocks to be read, and counts the reads of the log.
#[derive(Default)]
struct Counted {
    files: MemoryStorage,
    reads: AtomicU64,
}

impl Counted {
    /// Reads of the log since this was last asked.
    fn reads(&self) -> u64 {
        self.reads.swap(0, Ordering::Relaxed)
    }

    fn open(self: &Arc<Self>, cache_bytes: usize) -> Database {
        let options = Options::new().maintenance(Maintenance::Manual).cache_bytes(cache_bytes);
        options.limits_for_tests(256 << 10, 64 << 10).open_storage(self.clone()).unwrap()
    }
}

impl Storage for Counted {
    fn list(&self) -> Result<Vec<FileInfo>> {
        self.files.list()
    }
    fn create(&self, name: FileName) -> Result<()> {
        self.files.create(name)
    }
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let of_log = matches!(name, FileName::Segment(_) | FileName::Packed(_));
        self.reads.fetch_add(u64::from(of_log), Ordering::Relaxed);
        self.files.read_at(name, offset, buffer)
    }
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        self.files.write_at(name, offset, data)
    }
    fn sync(&self, name: FileName) -> Result<()> {
        self.files.sync(name)
    }
    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        self.files.truncate(name, bytes)
    }
    fn remove(&self, name: FileName) -> Result<()> {
        self.files.remove(name)
    }
    fn close(&self) -> Result<()> {
        Ok(())
    }
    fn kind(&self) -> &'static str {
        "counted"
    }
    fn location(&self) -> String {
        "counted".into()
    }
    fn wants_block_reads(&self) -> bool {
        true
    }
}

fn text(number: u64, round: u64) -> String {
    // One in a hundred is larger than a block.
    let times = if number % 100 == 7 { 3_000 } else { 30 };
    format!("{number}.{round} ").repeat(times)
}

fn fill(db: &Database, round: u64) {
    let pages = db.collection("pages");
    for number in 0..DOCUMENTS {
        pages.put(&format!("{number:05}"), &text(number, round)).unwrap();
    }
}

/// Reads all documents, in an order that is not that of the log, and checks each.
fn check(db: &Database, round: u64) {
    let pages = db.collection("pages");
    for number in (0..DOCUMENTS).map(|n| n * 7919 % DOCUMENTS) {
        let document = pages.get(&format!("{number:05}")).unwrap().unwrap();
        assert_eq!(document.value().unwrap().as_str(), Some(&*text(number, round)));
    }
}

#[test]
fn documents_beside_each_other_are_read_together() {
    let storage = Arc::new(Counted::default());
    let db = storage.open(64 << 20);
    fill(&db, 0);
    db.close().unwrap();
    let log: u64 =
        storage.list().unwrap().iter().filter(|f| matches!(f.name, FileName::Segment(_))).map(|f| f.bytes).sum();
    let db = storage.open(64 << 20);
    storage.reads();
    check(&db, 0);
    // Four blocks of 8 KiB at once; and those that lie across two blocks, or behind the checkpoint, alone.
    let (reads, blocks) = (storage.reads(), log / (8 << 10));
    assert!(reads < blocks / 4 + DOCUMENTS / 10, "{reads} reads of {DOCUMENTS} documents in {blocks} blocks");

    // With hardly any cache there are more reads, and what is read is the same.
    db.close().unwrap();
    let db = storage.open(1 << 20);
    check(&db, 0);
    assert!(storage.reads() > reads);
}

#[test]
fn what_is_written_later_is_read_as_it_is() {
    let storage = Arc::new(Counted::default());
    let db = storage.open(64 << 20);
    for round in 0..4 {
        fill(&db, round);
        check(&db, round);
        while db.maintain(usize::MAX).unwrap() {}
        check(&db, round);
        if round == 1 {
            db.compact().unwrap();
            check(&db, round);
        }
    }
    db.close().unwrap();
    let db = storage.open(64 << 20);
    check(&db, 3);
    let pages = db.collection("pages");
    for document in pages.scan(KeyRange::default(), Order::Ascending).unwrap().map(Result::unwrap).step_by(97) {
        let versions: Vec<_> = pages.history(&document.key).unwrap().map(Result::unwrap).collect();
        for (round, version) in (0..4).rev().zip(&versions) {
            let then = pages.document(&document.key, version).unwrap().unwrap();
            assert_eq!(then.value().unwrap().as_str(), Some(&*text(document.key.parse().unwrap(), round)));
        }
    }
}

#[test]
fn damage_in_a_block_is_that_of_the_document_it_lies_in() {
    let storage = Arc::new(Counted::default());
    let db = storage.open(64 << 20);
    fill(&db, 0);
    db.close().unwrap();
    // In the middle of the text of some document, in the first segment.
    let mut byte = [0];
    storage.files.read_at(FileName::Segment(1), 100_000, &mut byte).unwrap();
    storage.files.write_at(FileName::Segment(1), 100_000, &[byte[0] ^ 1]).unwrap();
    let db = storage.open(64 << 20);
    let pages = db.collection("pages");
    let failed: Vec<_> = (0..DOCUMENTS).filter_map(|n| pages.get(&format!("{n:05}")).err()).collect();
    assert!(failed.len() == 1 && failed[0].is(ErrorCode::Corrupt), "{failed:?}");
}
