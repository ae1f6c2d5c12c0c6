//! No room: for a commit that can or cannot be cut off again, and for the root, on media that never write in place.

use koru_delta::storage::{FileInfo, FileName, Storage};
use koru_delta::{Database, Error, ErrorCode, Maintenance, Options, Result};
use koru_tests::disk::{Call, Crash, SimDisk};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A disk that may have no room for the root: 1 refuses it, 2 writes it and says that there was no room.
struct NoRoomForRoot {
    disk: SimDisk,
    how: AtomicU8,
}

impl Storage for NoRoomForRoot {
    fn list(&self) -> Result<Vec<FileInfo>> {
        self.disk.list()
    }
    fn create(&self, name: FileName) -> Result<()> {
        self.disk.create(name)
    }
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.disk.read_at(name, offset, buffer)
    }
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        let how = if name == FileName::Root { self.how.load(Ordering::Relaxed) } else { 0 };
        if how != 1 {
            self.disk.write_at(name, offset, data)?;
        }
        if how == 0 {
            return Ok(());
        }
        self.disk.sync(name)?;
        Err(Error::new(ErrorCode::StorageFull, "no room for the root"))
    }
    fn sync(&self, name: FileName) -> Result<()> {
        self.disk.sync(name)
    }
    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        self.disk.truncate(name, bytes)
    }
    fn remove(&self, name: FileName) -> Result<()> {
        self.disk.remove(name)
    }
    fn close(&self) -> Result<()> {
        self.disk.close()
    }
    fn kind(&self) -> &'static str {
        self.disk.kind()
    }
    fn location(&self) -> String {
        self.disk.location()
    }
}

fn open(storage: Arc<dyn Storage>) -> Database {
    Options::new().maintenance(Maintenance::Manual).open_storage(storage).unwrap()
}

fn check(disk: SimDisk, documents: usize) {
    let db = open(Arc::new(disk));
    assert_eq!(db.collection("c").scan(Default::default(), Default::default()).unwrap().count(), documents);
    assert_eq!(db.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_root_without_room_stops_nothing_and_loses_nothing() {
    for how in [1, 2] {
        let disk = SimDisk::new(how.into());
        let storage = Arc::new(NoRoomForRoot { disk: disk.clone(), how: AtomicU8::new(0) });
        let db = open(storage.clone());
        let put = |key: &str| db.collection("c").put(key, &1);
        for round in 0..6 {
            put(&format!("{round}a")).unwrap();
            storage.how.store(how, Ordering::Relaxed);
            // Both a checkpoint and, from the fourth on, a merge are refused their root.
            let refused = db.checkpoint().unwrap_err();
            assert_eq!(refused.code(), ErrorCode::StorageFull, "{refused}");
            put(&format!("{round}b")).unwrap();
            check(disk.crash(Crash::Any), 2 * round + 2);
            storage.how.store(0, Ordering::Relaxed);
            db.checkpoint().unwrap();
            check(disk.crash(Crash::Any), 2 * round + 2);
        }
        storage.how.store(how, Ordering::Relaxed);
        assert_eq!(db.maintain(usize::MAX).unwrap_err().code(), ErrorCode::StorageFull);
        check(disk.crash(Crash::Any), 12);
        storage.how.store(0, Ordering::Relaxed);
        while db.maintain(1).unwrap() {}
        check(disk.crash(Crash::Any), 12);
        db.close().unwrap();
        // What the refused ones named is gone: one manifest, and the tables of the last one.
        let tables = disk.list().unwrap().iter().filter(|f| matches!(f.name, FileName::Table(_))).count();
        let manifests = disk.list().unwrap().iter().filter(|f| matches!(f.name, FileName::Manifest(_))).count();
        assert_eq!((manifests, tables as u64), (1, open(Arc::new(disk.kill())).info().unwrap().tables));
        check(disk.kill(), 12);
    }
}

#[test]
fn a_write_without_room_that_may_come_back_is_not_said_to_have_had_no_effect() {
    for (cut_fails, code) in [(false, ErrorCode::StorageFull), (true, ErrorCode::Poisoned)] {
        let disk = SimDisk::new(1);
        let db = open(Arc::new(disk.clone()));
        db.collection("c").put("a", &1).unwrap();
        let used: u64 = disk.list().unwrap().iter().map(|file| file.bytes).sum();
        disk.set_capacity(used + 10);
        if cut_fails {
            disk.fail_call(1, Some(Call::Truncate), false);
        }
        let error = db.collection("c").put("b", &2).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(db.info().unwrap().commits, 1);
    }
}
