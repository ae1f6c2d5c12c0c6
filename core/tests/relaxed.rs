//! With relaxed durability what is acknowledged is synced soon, also while a write is under way whenever somebody looks.

use koru_delta::{
    Durability, Options, Result,
    storage::{FileInfo, FileName, Storage, memory::MemoryStorage},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Memory whose writes take a while, and that counts the syncs of the log.
struct Slow {
    memory: MemoryStorage,
    slow: AtomicBool,
    syncs: AtomicU64,
}

impl Storage for Slow {
    fn list(&self) -> Result<Vec<FileInfo>> {
        self.memory.list()
    }
    fn create(&self, name: FileName) -> Result<()> {
        self.memory.create(name)
    }
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.memory.read_at(name, offset, buffer)
    }
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        if self.slow.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.memory.write_at(name, offset, data)
    }
    fn sync(&self, name: FileName) -> Result<()> {
        if let FileName::Segment(_) = name {
            self.syncs.fetch_add(1, Ordering::Relaxed);
        }
        self.memory.sync(name)
    }
    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        self.memory.truncate(name, bytes)
    }
    fn remove(&self, name: FileName) -> Result<()> {
        self.memory.remove(name)
    }
    fn close(&self) -> Result<()> {
        self.memory.close()
    }
    fn kind(&self) -> &'static str {
        "slow"
    }
    fn location(&self) -> String {
        self.memory.location()
    }
}

#[test]
fn relaxed_writes_are_synced_although_somebody_is_always_writing() {
    let storage =
        Arc::new(Slow { memory: MemoryStorage::new(), slow: AtomicBool::new(false), syncs: AtomicU64::new(0) });
    let db = Options::new().durability(Durability::Relaxed).open_storage(storage.clone()).unwrap();
    storage.slow.store(true, Ordering::Relaxed);
    let before = storage.syncs.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let documents = db.collection("documents");
            scope.spawn(move || {
                (0..50).for_each(|i| {
                    documents.put(&format!("{thread}"), &i).unwrap();
                })
            });
        }
    });
    // A second or more of writing, at ten syncs a second.
    let syncs = storage.syncs.load(Ordering::Relaxed) - before;
    assert!(syncs >= 5, "{syncs} syncs");
}
