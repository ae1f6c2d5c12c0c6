//! What a database is and what it has been doing.

use super::Engine;
use crate::{
    clock::Timestamp,
    error::Result,
    id::{ActorId, CommitId, DatabaseId},
    log::segment,
    storage::{AsyncStorage, FileName},
};
use alloc::{format, string::String};
use core::sync::atomic::Ordering;

/// What a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its identity, made at creation.
    pub database: DatabaseId,
    /// The actor that it writes as.
    pub actor: ActorId,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The kind of storage: `file`, `memory`, ...
    pub storage: &'static str,
    /// Where it is.
    pub location: String,
    /// The format of its files.
    pub format: u32,
    /// Whether it was opened read-only.
    pub read_only: bool,
    /// Commits in its log: the sequence of the last one.
    pub commits: u64,
    /// Actors with commits in it.
    pub actors: u64,
    /// The timestamp of the newest commit.
    pub newest: Option<Timestamp>,
    /// The running hash over all commits, hexadecimal.
    pub chain: String,
    /// Log segments.
    pub segments: u64,
    /// How many of them are compressed.
    pub packed_segments: u64,
    /// Bytes of log files.
    pub log_bytes: u64,
    /// Index tables.
    pub tables: u64,
    /// Bytes of index files.
    pub index_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Bytes of log behind the last checkpoint: what opening replays.
    pub tail_bytes: u64,
    /// Bytes of a torn write that opening cut off: commits that were never acknowledged as durable.
    pub torn_bytes: u64,
}

/// What a database has been doing since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits made.
    pub commits: u64,
    /// Documents changed by them.
    pub changes: u64,
    /// Groups of commits that were written together.
    pub flushes: u64,
    /// Times that the log was made durable.
    pub syncs: u64,
    /// Bytes appended to the log.
    pub bytes_logged: u64,
    /// Checkpoints made.
    pub checkpoints: u64,
    /// Merges of index tables.
    pub merges: u64,
    /// Values read from the storage.
    pub values_read: u64,
    /// Reads that the cache of documents answered.
    pub cache_hits: u64,
    /// Reads that it did not.
    pub cache_misses: u64,
    /// Memory of cached documents, in bytes.
    pub document_cache_bytes: u64,
    /// Memory of cached index blocks and vectors, in bytes.
    pub block_cache_bytes: u64,
    /// Memory of the open tables' filters and fences, in bytes.
    pub table_bytes: u64,
    /// Memory of the memtables, in bytes.
    pub memtable_bytes: u64,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// What the database is. Lists the files.
    pub(crate) async fn info(&self) -> Result<Info> {
        self.check_open()?;
        let (mut log_bytes, mut packed_segments, mut index_bytes, mut total_bytes) = (0, 0, 0, 0);
        for info in self.storage.list().await? {
            total_bytes += info.bytes;
            match info.name {
                FileName::Segment(_) => log_bytes += info.bytes,
                FileName::Packed(_) => {
                    packed_segments += 1;
                    log_bytes += info.bytes;
                }
                FileName::Table(_) => index_bytes += info.bytes,
                _ => {}
            }
        }
        let writer = self.writer.lock();
        // What is laid out and not published yet is taken off again: what is told must be what readers see.
        let unpublished = writer.undo.first();
        let end = unpublished.map_or(writer.log.end(), |undo| undo.before);
        let newest = unpublished.map_or(writer.clock, |undo| undo.clock);
        Ok(Info {
            database: self.database,
            actor: self.actor,
            created_ms: self.created_ms,
            storage: self.storage.kind(),
            location: self.storage.location(),
            format: segment::FORMAT,
            read_only: self.options.read_only,
            commits: end.sequence,
            actors: writer.actors.len() as u64,
            newest: (end.sequence > 0).then_some(newest),
            chain: format!("{}", CommitId(end.chain)),
            segments: self.segments.read().len() as u64,
            packed_segments,
            log_bytes,
            tables: self.state().tables.len() as u64,
            index_bytes,
            total_bytes,
            tail_bytes: self.tail_bytes(),
            torn_bytes: self.torn_bytes,
        })
    }

    /// What it has been doing.
    pub(crate) fn stats(&self) -> Stats {
        let load = |counter: &core::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let state = self.state();
        Stats {
            commits: load(&self.counters.commits),
            changes: load(&self.counters.changes),
            flushes: load(&self.counters.flushes),
            syncs: load(&self.counters.syncs),
            bytes_logged: load(&self.counters.bytes_logged),
            checkpoints: load(&self.counters.checkpoints),
            merges: load(&self.counters.merges),
            values_read: load(&self.counters.values_read),
            cache_hits: self.documents.hits(),
            cache_misses: load(&self.documents.misses),
            document_cache_bytes: self.documents.bytes() as u64,
            block_cache_bytes: self.parts.bytes() as u64,
            table_bytes: state.tables.iter().map(|t| t.memory_bytes() as u64).sum(),
            memtable_bytes: state.memtables().map(|m| m.bytes() as u64).sum(),
        }
    }
}
