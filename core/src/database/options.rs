//! How a database is opened.

use super::{Database, Inner, gate::Gate, maintenance::Maintainer, ready};
use crate::{
    ErrorCode, Host, Result,
    engine::{Engine, EngineOptions, model::Durability},
    host::SystemHost,
    limits,
    storage::{
        Storage,
        file::{FileStorage, Mode},
        memory::MemoryStorage,
    },
};
use std::{path::Path, sync::Arc};

/// Times that a read-only opening is tried again when a writer changes the files under it.
const READ_ONLY_TRIES: usize = 20;

/// Who does checkpoints and merges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Maintenance {
    /// A thread of its own.
    #[default]
    Thread,
    /// The thread whose commit made it due, after the commit. The same operations give the same files.
    Inline,
    /// Whoever calls [`Database::maintain`]. Writers do a checkpoint themselves when the log's tail reaches its bound.
    Manual,
}

/// How a database is opened. The defaults suit an application that owns its data: strict durability, a cache of 64 MiB,
/// made if it does not exist, a thread for maintenance.
///
/// ```no_run
/// # fn main() -> koru_delta::Result<()> {
/// use koru_delta::{Durability, Options};
///
/// let db = Options::new().durability(Durability::Relaxed).cache_bytes(256 << 20).open("agent.koru")?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) maintenance: Maintenance,
    cache_bytes: usize,
    segment_bytes: u64,
    tail_bytes: u64,
    vector_bytes: usize,
    read_only: bool,
    create: bool,
    host: Arc<dyn Host>,
    give_up: Option<fn() -> bool>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            durability: Durability::Strict,
            maintenance: Maintenance::Thread,
            cache_bytes: limits::CACHE_BYTES_DEFAULT,
            segment_bytes: limits::SEGMENT_BYTES,
            tail_bytes: limits::TAIL_BYTES,
            vector_bytes: limits::VECTOR_INDEX_BYTES_DEFAULT,
            read_only: false,
            create: true,
            host: Arc::new(SystemHost),
            give_up: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("durability", &self.durability)
            .field("maintenance", &self.maintenance)
            .field("cache_bytes", &self.cache_bytes)
            .field("read_only", &self.read_only)
            .field("create", &self.create)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Options::default()
    }

    /// What an acknowledged commit survives.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Who does maintenance.
    #[must_use]
    pub fn maintenance(mut self, maintenance: Maintenance) -> Self {
        self.maintenance = maintenance;
        self
    }

    /// Memory for cached documents, index blocks and vectors, in bytes; at least 1 MiB.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Memory that the indexes of vectors may take, in bytes; 1 GiB if it is not said. A search of more fails with
    /// `LIMIT_EXCEEDED`, unless it is exact.
    #[must_use]
    pub fn vector_bytes(mut self, bytes: usize) -> Self {
        self.vector_bytes = bytes;
        self
    }

    /// Opens for reading only: beside a writer, or on media that cannot be written. What is written later is not seen.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Whether a database is made where there is none.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Makes segments and the tail of the log small, so that a small database of a test goes through everything that a
    /// large one does: it begins segments, makes checkpoints and merges.
    #[doc(hidden)]
    #[must_use]
    pub fn limits_for_tests(mut self, segment_bytes: u64, tail_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes.min(limits::SEGMENT_BYTES);
        self.tail_bytes = tail_bytes.clamp(1, limits::TAIL_BYTES);
        self
    }

    /// The source of time and entropy.
    #[must_use]
    pub fn host(mut self, host: impl Host + 'static) -> Self {
        self.host = Arc::new(host);
        self
    }

    /// Whom a call asks, ten times a second, while it waits for another thread's transaction or write: with `true` it gives
    /// up with `ABORTED`, and has written nothing. A commit that has begun is driven to its end, and closing waits.
    #[must_use]
    pub fn give_up_when(mut self, asked: fn() -> bool) -> Self {
        self.give_up = Some(asked);
        self
    }

    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// `LOCKED` if it is open for writing elsewhere, `NOT_FOUND` if there is none and none may be made, `READ_ONLY` if the
    /// directory cannot be written, `UNSUPPORTED_FORMAT` for a directory that is not a database or is of a newer format,
    /// `CORRUPT` with file and offset if it is damaged.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Database> {
        let path = path.as_ref();
        let mode = if self.read_only { Mode::ReadOnly } else { Mode::ReadWrite { create: self.create } };
        let mut tries = if self.read_only { READ_ONLY_TRIES } else { 1 };
        loop {
            tries -= 1;
            let storage = Arc::new(FileStorage::open(path, mode)?);
            match self.clone().open_storage(storage) {
                // A writer beside us may just have replaced what we were about to read.
                Err(e) if tries > 0 && matches!(e.code(), ErrorCode::Corrupt | ErrorCode::NotFound) => {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
                other => return other,
            }
        }
    }

    /// Makes a new database in memory.
    ///
    /// # Errors
    /// `IO` when the platform has no entropy to give.
    pub fn open_memory(self) -> Result<Database> {
        self.open_storage(Arc::new(MemoryStorage::new()))
    }

    /// Opens the database on a storage of the caller.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open_storage(self, storage: Arc<dyn Storage>) -> Result<Database> {
        let options = EngineOptions {
            read_only: self.read_only,
            create: self.create,
            cache_bytes: self.cache_bytes,
            segment_bytes: self.segment_bytes,
            tail_bytes: self.tail_bytes,
            vector_bytes: self.vector_bytes,
        };
        let opened = ready(Engine::open(storage.clone(), self.host.clone(), options));
        let engine = opened.inspect_err(|_| drop(storage.close()))?;
        let inner = Arc::new(Inner {
            engine,
            gate: Gate::new(self.give_up),
            options: self,
            flusher: Default::default(),
            maintenance: Maintainer::default(),
            watchers: Default::default(),
        });
        let database = Database(Arc::new(super::Handle(inner.clone())));
        inner.start_maintenance()?;
        Ok(database)
    }
}

/// A database is used from many threads at once: this does not compile if it cannot be.
const _: fn() = || {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Database>();
};
