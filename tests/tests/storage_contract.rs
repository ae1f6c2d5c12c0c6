//! Every storage keeps the same contract, files lock and refuse as documented, and the simulated disk really bites.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_delta::ErrorCode;
use koru_delta::storage::memory::MemoryStorage;
use koru_delta::storage::{FileName, Storage};
use koru_tests::contract::{self, content};

#[path = "storage_contract/files.rs"]
mod files;
#[path = "storage_contract/simulated_disk.rs"]
mod simulated_disk;

const LOG: FileName = FileName::Segment(1);

fn code<T>(result: koru_delta::Result<T>) -> Option<ErrorCode> {
    result.err().map(|e| e.code())
}

#[test]
fn memory_keeps_the_contract() {
    contract::check(|| std::sync::Arc::new(MemoryStorage::with_bytes_max(1 << 20)));
}

#[test]
fn a_full_memory_storage_refuses_and_changes_nothing() {
    let storage = MemoryStorage::with_bytes_max(10);
    storage.create(LOG).unwrap();
    storage.write_at(LOG, 0, b"12345678").unwrap();
    assert_eq!(code(storage.write_at(LOG, 6, b"abcde")), Some(ErrorCode::StorageFull));
    assert_eq!(code(storage.truncate(LOG, 11)), Some(ErrorCode::StorageFull));
    assert_eq!(content(&storage, LOG), b"12345678");
    storage.write_at(LOG, 6, b"abcd").unwrap();
    storage.remove(LOG).unwrap();
    storage.create(LOG).unwrap();
    storage.write_at(LOG, 0, b"0123456789").unwrap();
}

#[test]
fn clones_share_files_and_close_alone_and_snapshots_share_nothing() {
    let storage = MemoryStorage::from_files([(LOG, b"abc".to_vec())]);
    let clone = storage.clone();
    let snapshot = storage.snapshot();
    clone.write_at(LOG, 0, b"x").unwrap();
    clone.close().unwrap();
    assert_eq!(content(&storage, LOG), b"xbc");
    assert_eq!(content(&snapshot, LOG), b"abc");
    assert_eq!(content(&clone.clone(), LOG), b"xbc", "what was closed can be opened again");
    assert_eq!(clone.files()[&LOG], b"xbc");
}
