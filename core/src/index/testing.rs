//! What the index's tests share: storage in memory, a cache that keeps everything, futures that are ready at once.

use super::{
    block::Block,
    builder::TableBuilder,
    table::{BlockCache, Blocks, Table},
};
use crate::{
    error::{Error, ErrorCode, Result},
    id::DatabaseId,
    storage::{FileInfo, FileName, Storage},
    sync::RwLock,
};
use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

pub(super) const DATABASE: DatabaseId = DatabaseId([42; 16]);

pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("synchronous storage made a future wait"),
    }
}

/// The bytes of files. Reads are short, as a storage may make them.
#[derive(Default)]
pub(super) struct TestStorage {
    files: RwLock<BTreeMap<FileName, Vec<u8>>>,
}

fn missing(name: FileName) -> Error {
    Error::new(ErrorCode::NotFound, alloc::format!("{name}"))
}

impl TestStorage {
    pub(super) fn bytes(&self, name: FileName) -> Vec<u8> {
        self.files.read().get(&name).cloned().unwrap()
    }

    pub(super) fn replace(&self, name: FileName, bytes: Vec<u8>) {
        self.files.write().insert(name, bytes);
    }
}

impl Storage for TestStorage {
    fn list(&self) -> Result<Vec<FileInfo>> {
        let files = self.files.read();
        Ok(files.iter().map(|(name, bytes)| FileInfo { name: *name, bytes: bytes.len() as u64 }).collect())
    }
    fn create(&self, name: FileName) -> Result<()> {
        match self.files.write().insert(name, Vec::new()) {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorCode::AlreadyExists, alloc::format!("{name}"))),
        }
    }
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let files = self.files.read();
        let bytes = files.get(&name).ok_or_else(|| missing(name))?;
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len()).min(10_000);
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        let mut files = self.files.write();
        let bytes = files.get_mut(&name).ok_or_else(|| missing(name))?;
        let end = offset as usize + data.len();
        bytes.resize(bytes.len().max(end), 0);
        bytes[offset as usize..end].copy_from_slice(data);
        Ok(())
    }
    fn sync(&self, _: FileName) -> Result<()> {
        Ok(())
    }
    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        let mut files = self.files.write();
        files.get_mut(&name).ok_or_else(|| missing(name))?.resize(bytes as usize, 0);
        Ok(())
    }
    fn remove(&self, name: FileName) -> Result<()> {
        self.files.write().remove(&name).map(|_| ()).ok_or_else(|| missing(name))
    }
    fn close(&self) -> Result<()> {
        Ok(())
    }
    fn kind(&self) -> &'static str {
        "test"
    }
    fn location(&self) -> String {
        String::new()
    }
}

/// Keeps every block, in an array as the fastest cache there could be.
#[derive(Default)]
pub(super) struct KeepAll(RwLock<Vec<Vec<Option<Arc<Block>>>>>);

impl BlockCache for KeepAll {
    fn get(&self, table: u32, block: u32) -> Option<Arc<Block>> {
        self.0.read().get(table as usize)?.get(block as usize)?.clone()
    }
    fn insert(&self, table: u32, block: u32, data: &Arc<Block>) {
        let mut tables = self.0.write();
        let (table, block) = (table as usize, block as usize);
        if tables.len() <= table {
            tables.resize(table + 1, Vec::new());
        }
        if tables[table].len() <= block {
            tables[table].resize(block + 1, None);
        }
        tables[table][block] = Some(Arc::clone(data));
    }
}

/// A storage with a cache.
pub(super) struct Bench {
    pub raw: Arc<TestStorage>,
    pub storage: Arc<dyn Storage>,
    pub cache: KeepAll,
}

pub(super) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Filters ask about the key without its last two bytes.
pub(super) fn filter_part(key: &[u8]) -> Option<&[u8]> {
    key.get(..key.len().checked_sub(2)?)
}

impl Bench {
    pub(super) fn new() -> Self {
        let raw = Arc::new(TestStorage::default());
        let storage: Arc<dyn Storage> = Arc::clone(&raw) as _;
        Bench { raw, storage, cache: KeepAll::default() }
    }

    pub(super) fn blocks(&self) -> Blocks<'_, Arc<dyn Storage>> {
        Blocks { storage: &self.storage, cache: &self.cache }
    }

    pub(super) fn write(&self, number: u32, entries: &Entries) -> Arc<Table> {
        let mut builder = ready(TableBuilder::create(&self.storage, number, DATABASE, filter_part)).unwrap();
        for (key, value) in entries {
            ready(builder.add(&self.storage, key, value)).unwrap();
        }
        let info = ready(builder.finish(&self.storage, 77 + u64::from(number))).unwrap();
        assert_eq!(info.bytes, self.raw.bytes(FileName::Table(number)).len() as u64);
        let table = self.open(number).unwrap();
        assert_eq!(table.info(), info);
        Arc::new(table)
    }

    pub(super) fn open(&self, number: u32) -> Result<Table> {
        let bytes = self.raw.bytes(FileName::Table(number)).len() as u64;
        ready(Table::open(&self.storage, number, DATABASE, bytes))
    }
}
