//! Cursors: one over a table, one over a memtable, and either of them as a source of a merge.
//!
//! Invariant: a cursor whose call failed is not valid, so nobody reads on past an error.

use super::{
    memtable::{KeyedEntry, Memtable},
    payload::Payload,
    table::{Blocks, Found, Table},
};
use crate::{error::Result, storage::AsyncStorage};
use alloc::{sync::Arc, vec::Vec};

/// Entries copied out of a memtable under one lock: few for a lookup, more and more for a scan.
const BATCH_ENTRIES_FIRST: usize = 4;
const BATCH_ENTRIES_MAX: usize = 256;

/// A place in a table.
#[derive(Debug)]
pub(crate) struct TableCursor {
    table: Arc<Table>,
    found: Found,
}

#[driven]
impl TableCursor {
    pub(crate) fn new(table: Arc<Table>) -> Self {
        TableCursor { table, found: Found::default() }
    }

    pub(crate) fn valid(&self) -> bool {
        self.found.valid()
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.found.key()
    }

    pub(crate) fn value(&self) -> &[u8] {
        self.found.value()
    }

    /// Moves to the first entry at or after `key`, and returns whether there is one.
    pub(crate) async fn seek<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>, key: &[u8]) -> Result<bool> {
        self.table.find_first(blocks, key, &mut self.found).await
    }

    /// Moves to the last entry before `bound`, and returns whether there is one.
    pub(crate) async fn seek_back<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>, bound: &[u8]) -> Result<bool> {
        self.table.find_last_before(blocks, bound, &mut self.found).await
    }

    /// Moves to the next entry, and returns whether there is one. On a cursor that is not valid it stays so.
    pub(crate) async fn next<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>) -> Result<bool> {
        let Some(block) = self.found.block.take().filter(|_| self.valid()) else { return Ok(false) };
        let number = self.found.number;
        if self.found.enter(&self.table, number, block, |cursor, block| cursor.next(block))? {
            return Ok(true);
        }
        self.table.first_of(blocks, number + 1, &mut self.found).await
    }
}

/// A place in what one snapshot sees of a memtable.
#[derive(Debug)]
pub(crate) struct MemtableCursor {
    memtable: Arc<Memtable>,
    max_sequence: u64,
    batch: Vec<KeyedEntry>,
    at: usize,
    batch_entries: usize,
}

impl MemtableCursor {
    pub(crate) fn new(memtable: Arc<Memtable>, max_sequence: u64) -> Self {
        MemtableCursor { memtable, max_sequence, batch: Vec::new(), at: 0, batch_entries: BATCH_ENTRIES_FIRST }
    }

    fn current(&self) -> Option<&KeyedEntry> {
        self.batch.get(self.at)
    }

    fn seek(&mut self, key: &[u8]) -> bool {
        self.batch_entries = BATCH_ENTRIES_FIRST;
        self.batch = self.memtable.seek(key, true, self.max_sequence, self.batch_entries);
        self.at = 0;
        self.current().is_some()
    }

    fn seek_back(&mut self, bound: &[u8]) -> bool {
        self.batch_entries = BATCH_ENTRIES_FIRST;
        self.batch.clear();
        self.batch.extend(self.memtable.seek_back(bound, self.max_sequence));
        self.at = 0;
        self.current().is_some()
    }

    fn next(&mut self) -> bool {
        self.at += 1;
        if self.at == self.batch.len() {
            self.batch_entries = (self.batch_entries * 2).min(BATCH_ENTRIES_MAX);
            if let Some((last, _)) = self.batch.last() {
                self.batch = self.memtable.seek(last, false, self.max_sequence, self.batch_entries);
                self.at = 0;
            }
        }
        self.current().is_some()
    }
}

/// One of the sorted sources of a merge.
#[derive(Debug)]
pub(crate) enum Source {
    Memtable(MemtableCursor),
    Table(TableCursor),
}

#[driven]
impl Source {
    /// What a snapshot that ends with `max_sequence` sees of a memtable.
    pub(crate) fn memtable(memtable: Arc<Memtable>, max_sequence: u64) -> Self {
        Source::Memtable(MemtableCursor::new(memtable, max_sequence))
    }

    pub(crate) fn table(table: Arc<Table>) -> Self {
        Source::Table(TableCursor::new(table))
    }

    pub(crate) fn valid(&self) -> bool {
        match self {
            Source::Memtable(cursor) => cursor.current().is_some(),
            Source::Table(cursor) => cursor.valid(),
        }
    }

    pub(crate) fn key(&self) -> &[u8] {
        match self {
            Source::Memtable(cursor) => cursor.current().map_or(&[], |(key, _)| key),
            Source::Table(cursor) => cursor.key(),
        }
    }

    pub(crate) fn value(&self) -> &[u8] {
        match self {
            Source::Memtable(cursor) => cursor.current().map_or(&[], |(_, entry)| &entry.value),
            Source::Table(cursor) => cursor.value(),
        }
    }

    /// The document that a memtable keeps with the entry.
    pub(crate) fn payload(&self) -> Option<&Payload> {
        match self {
            Source::Memtable(cursor) => cursor.current().and_then(|(_, entry)| entry.payload.as_ref()),
            Source::Table(_) => None,
        }
    }

    pub(crate) async fn seek<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>, key: &[u8]) -> Result<bool> {
        match self {
            Source::Memtable(cursor) => Ok(cursor.seek(key)),
            Source::Table(cursor) => cursor.seek(blocks, key).await,
        }
    }

    pub(crate) async fn seek_back<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>, bound: &[u8]) -> Result<bool> {
        match self {
            Source::Memtable(cursor) => Ok(cursor.seek_back(bound)),
            Source::Table(cursor) => cursor.seek_back(blocks, bound).await,
        }
    }

    pub(crate) async fn next<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>) -> Result<bool> {
        match self {
            Source::Memtable(cursor) => Ok(cursor.next()),
            Source::Table(cursor) => cursor.next(blocks).await,
        }
    }
}
