//! The database for programs with one thread: the same engine, on storage that may have to be waited for. What
//! `database` is to threads.
//!
//! Only scheduling lives here: the four rules of whoever drives the engine, kept by turns that are awaited. Futures of
//! a write must be driven to their end: one that is dropped while it writes leaves an engine that writes no more.

mod settle;
mod upkeep;
mod wait;

pub(crate) use wait::{Gate, Signal, Turn, yield_now};

use crate::{
    Error, ErrorCode, Host, Result,
    engine::{Appended, Draft, Engine, EngineOptions, model::Durability},
    limits,
    storage::AsyncStorage,
};
use alloc::{rc::Rc, sync::Arc};
use core::cell::Cell;
use settle::Flusher;

/// How a database is opened. The defaults are those of the blocking interface, with maintenance after the commit that
/// made it due.
#[derive(Clone, Copy, Debug)]
pub struct LocalOptions {
    /// Opens for reading only.
    pub read_only: bool,
    /// Whether a database is made where there is none.
    pub create: bool,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Whether maintenance is left to [`LocalDatabase::maintain`]. Otherwise the commit that makes it due does it, and
    /// the same operations give the same files.
    pub manual_maintenance: bool,
    /// Memory for cached documents, index blocks and vectors, in bytes; at least 1 MiB.
    pub cache_bytes: usize,
    /// Size at which a log segment is closed, in bytes, at most [`SEGMENT_BYTES`](limits::SEGMENT_BYTES): smaller ones
    /// are for tests.
    pub segment_bytes: u64,
    /// Log behind the last checkpoint at which the next one is due, in bytes, at most [`TAIL_BYTES`](limits::TAIL_BYTES):
    /// smaller ones are for tests.
    pub tail_bytes: u64,
    /// Memory that the indexes of vectors may take, in bytes.
    pub vector_bytes: usize,
}

impl Default for LocalOptions {
    fn default() -> Self {
        LocalOptions {
            read_only: false,
            create: true,
            durability: Durability::Strict,
            manual_maintenance: false,
            cache_bytes: limits::CACHE_BYTES_DEFAULT,
            segment_bytes: limits::SEGMENT_BYTES,
            tail_bytes: limits::TAIL_BYTES,
            vector_bytes: limits::VECTOR_INDEX_BYTES_DEFAULT,
        }
    }
}

pub(crate) struct Inner<S> {
    pub(crate) engine: Engine<S>,
    options: LocalOptions,
    gate: Gate,
    flusher: Flusher,
    maintenance: Gate,
    vectors: Gate,
    /// The index of some vectors waits for maintenance.
    vectors_lag: Cell<bool>,
    /// Raised when something was published, and at close.
    pub(crate) published: Signal,
}

/// An open database within one thread. Clones share it. It is called through the sessions of
/// [`protocol`](crate::protocol).
pub struct LocalDatabase<S>(pub(crate) Rc<Inner<S>>);

impl<S> Clone for LocalDatabase<S> {
    fn clone(&self) -> Self {
        LocalDatabase(self.0.clone())
    }
}

impl<S: AsyncStorage> core::fmt::Debug for LocalDatabase<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("LocalDatabase").field(&self.0.engine.storage().location()).finish()
    }
}

#[driven]
impl<S: AsyncStorage> LocalDatabase<S> {
    /// Opens the database on a storage, or makes one there.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none and none may be made, `UNSUPPORTED_FORMAT` for a newer format, `CORRUPT` with file and
    /// offset if it is damaged, `INVALID_ARGUMENT` for a cache that is too small, `IO`. The storage is not closed then.
    pub async fn open(storage: S, host: Arc<dyn Host>, options: LocalOptions) -> Result<LocalDatabase<S>> {
        let engine_options = EngineOptions {
            read_only: options.read_only,
            create: options.create,
            cache_bytes: options.cache_bytes,
            segment_bytes: options.segment_bytes.min(limits::SEGMENT_BYTES),
            tail_bytes: options.tail_bytes.clamp(1, limits::TAIL_BYTES),
            vector_bytes: options.vector_bytes,
        };
        let engine = Engine::open(storage, host, engine_options).await?;
        Ok(LocalDatabase(Rc::new(Inner {
            engine,
            options,
            gate: Gate::default(),
            flusher: Flusher::default(),
            maintenance: Gate::default(),
            vectors: Gate::default(),
            vectors_lag: Cell::new(false),
            published: Signal::default(),
        })))
    }

    /// Does due maintenance: a checkpoint if the log's tail is long, and merges of index tables, at most `steps` bounded
    /// ones; under relaxed durability it makes what was acknowledged durable. Returns whether more is due.
    ///
    /// # Errors
    /// `STORAGE_FULL`, `IO`, `POISONED`, `READ_ONLY`, `CLOSED`.
    pub async fn maintain(&self, steps: usize) -> Result<bool> {
        self.0.maintain_all(steps).await
    }

    /// Whether [`LocalDatabase::maintain`] has something to do.
    pub fn maintenance_due(&self) -> bool {
        self.0.maintenance_due()
    }

    /// Makes everything durable and closes the database for all handles: later calls fail with `CLOSED`. Waits for writes
    /// and maintenance that are under way. Closing twice is fine.
    ///
    /// # Errors
    /// What made the last writes fail; the database is closed all the same.
    pub async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

#[driven]
impl<S: AsyncStorage> Inner<S> {
    /// Waits for the turn to prepare and append.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        self.gate.acquire().await
    }

    /// Looks up what a draft replaces and lays it out; the caller has the turn. `None` if there was nothing to write.
    ///
    /// # Errors
    /// `ABORTED` if something was taken back since `epoch`: what the caller read then may not be there.
    pub(crate) async fn append(&self, draft: Draft, epoch: Option<u64>) -> Result<Option<Appended>> {
        let prepared = self.engine.prepare(draft, None).await?;
        if epoch.is_some_and(|epoch| epoch != self.engine.epoch()) {
            return Err(Error::new(ErrorCode::Aborted, "an earlier commit could not be written; try again"));
        }
        if prepared.is_empty() {
            return Ok(None);
        }
        self.engine.append(prepared).map(Some)
    }
}
