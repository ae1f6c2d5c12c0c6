//! The engine: the log, the index over it and everything that is done with them, on any storage.
//!
//! All of it is synchronous logic; only calls that reach the storage are `async`, and with a synchronous storage they are
//! ready at the first poll. Whoever drives the engine keeps four rules: one writer at a time between [`Engine::prepare`]
//! and [`Engine::append`] (the *gate*), one flush at a time, one maintenance step at a time, and one at a time who brings the
//! indexes of vectors up to date (the *vectors turn*).

pub(crate) mod cache;
mod cached_part;
mod changes;
mod commit;
mod compact;
mod doorkeeper;
mod draft;
mod export;
mod feed;
mod flush;
mod history;
mod import;
mod info;
mod key;
mod lineage;
mod maintain;
pub(crate) mod model;
mod moment;
mod open;
mod read;
mod scan;
mod slots;
mod state;
mod vectors;
mod verify;

pub(crate) use changes::Scope;
pub(crate) use commit::{Appended, Scouted};
pub use draft::Encoded;
pub(crate) use draft::{
    Draft, DraftChange, Origin, Puts, check_collection, check_count, check_key, check_own_collection, sort_changes,
};
pub(crate) use export::Export;
pub use feed::Event;
pub(crate) use feed::{Feed, FeedFilter};
pub(crate) use flush::Outcome;
pub(crate) use history::LogScan;
pub(crate) use import::{Import, Imported};
pub use info::{Info, Stats};
pub use lineage::{Direction, Lineage, LineageEdge};
pub(crate) use maintain::Begin as MergeBegin;
pub use moment::Tag;
pub(crate) use moment::tag_exists;
pub(crate) use read::LastVersion;
pub(crate) use scan::{DiffScan, Scan, VersionScan};
pub use scan::{KeyRange, Order};
pub(crate) use state::View;
pub(crate) use vectors::VectorStep;
pub use vectors::{Explain, Hit, Hits, Plan, Search, VectorInfo};
pub use verify::VerifyReport;

use crate::{
    clock::Timestamp,
    error::{Error, ErrorCode, Result},
    host::Host,
    id::{ActorId, DatabaseId},
    index::table::{Blocks, Table},
    log::{
        Position,
        root::{ActorState, Manifest, Root, SegmentInfo},
        unpacking::Unpacking,
        writer::{LogWriter, Medium},
    },
    sorted::SortedMap,
    storage::{AsyncStorage, FileName},
    sync::{Mutex, RwLock},
};
use alloc::{string::String, sync::Arc, vec::Vec};
use cache::Pool;
use cached_part::CachedPart;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use doorkeeper::Doorkeeper;
use key::ShortActor;
use model::Document;
use state::State;

/// How the engine is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineOptions {
    pub(crate) read_only: bool,
    /// Whether a database is made where there is none.
    pub(crate) create: bool,
    pub(crate) cache_bytes: usize,
    /// Size at which a log segment is closed.
    pub(crate) segment_bytes: u64,
    /// Log behind the last checkpoint at which the next one is due.
    pub(crate) tail_bytes: u64,
    /// Memory that the indexes of vectors may take.
    pub(crate) vector_bytes: usize,
}

/// An open database.
pub(crate) struct Engine<S> {
    storage: Unpacking<S>,
    host: Arc<dyn Host>,
    options: EngineOptions,
    database: DatabaseId,
    actor: ActorId,
    created_ms: i64,
    /// The last commit that readers see.
    published: AtomicU64,
    /// The last commit that was laid out. This and the next two are changed under the writer's lock only, and stand beside
    /// it so that those who ask do not hold writers up.
    appended: AtomicU64,
    /// Counts the times that something was taken back.
    epoch: AtomicU64,
    /// Bytes of log since the last freeze.
    tail_bytes: AtomicU64,
    state: RwLock<Arc<State>>,
    actors: RwLock<SortedMap<ShortActor, ActorId>>,
    writer: Mutex<Writer>,
    /// Taken by the flush that is under way.
    medium: Mutex<Option<Medium>>,
    segments: RwLock<Vec<SegmentInfo>>,
    files: Mutex<Files>,
    compaction: Mutex<compact::Compaction>,
    documents: Pool<Document>,
    parts: Pool<CachedPart>,
    doorkeeper: Doorkeeper,
    /// The indexes of vectors; `None` until they are needed.
    vectors: RwLock<Option<vectors::VectorStore>>,
    /// The last commit that is in them.
    vectors_applied: AtomicU64,
    /// How often the indexes of vectors were dropped.
    vectors_dropped: AtomicU64,
    scratches: Mutex<Vec<crate::vector::hnsw::Scratch>>,
    /// Snapshots of the indexes of vectors in which damage was found since they were opened.
    damaged_snapshots: Mutex<Vec<u32>>,
    /// Held by every copy of the files that is under way.
    exports: Arc<()>,
    closed: AtomicBool,
    poisoned: Mutex<Option<String>>,
    is_poisoned: AtomicBool,
    counters: Counters,
    /// Bytes of a torn write that opening cut off.
    torn_bytes: u64,
}

/// What only writers touch.
struct Writer {
    log: LogWriter,
    actors: SortedMap<ActorId, ActorState>,
    clock: Timestamp,
    /// Actors with commits that our own last commit has not named.
    unnamed: SortedMap<ActorId, ()>,
    /// How to take back what was laid out and is not written yet.
    undo: Vec<commit::Undo>,
    rolled_back: Vec<flush::RolledBack>,
}

/// What the root names, and files that it no longer names but readers may still use.
struct Files {
    root: Root,
    manifest: Manifest,
    retired: Vec<Arc<Table>>,
    /// Named by a root that could not be written, of which it is not known whether it was.
    doubtful: Vec<FileName>,
    frozen_at: Option<maintain::Frozen>,
    merge: Option<maintain::Merge>,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    changes: AtomicU64,
    flushes: AtomicU64,
    syncs: AtomicU64,
    bytes_logged: AtomicU64,
    checkpoints: AtomicU64,
    merges: AtomicU64,
    values_read: AtomicU64,
}

impl<S: AsyncStorage> Engine<S> {
    pub(crate) fn storage(&self) -> &S {
        self.storage.inner()
    }

    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    fn state(&self) -> Arc<State> {
        self.state.read().clone()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.host.now_ms()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    /// 16 unpredictable bytes: a new actor or client.
    pub(crate) fn random_id(&self) -> Result<[u8; 16]> {
        let mut bytes = [0; 16];
        self.host.entropy(&mut bytes)?;
        Ok(bytes)
    }

    /// Fails once the database is closed.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorCode::Closed, "the database is closed: open it again"));
        }
        Ok(())
    }

    /// Fails where nothing can be written: closed, read-only, poisoned.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        if self.options.read_only {
            return Err(Error::new(ErrorCode::ReadOnly, "the database was opened read-only: open it for writing"));
        }
        if self.is_poisoned.load(Ordering::Acquire) {
            let why = self.poisoned.lock().clone().unwrap_or_default();
            let message = alloc::format!("an earlier write could not be made durable ({why}); reopen the database");
            return Err(Error::new(ErrorCode::Poisoned, message));
        }
        Ok(())
    }

    /// Accepts no further write: nothing is known of what the medium has.
    fn poison(&self, error: &Error) {
        let mut poisoned = self.poisoned.lock();
        if poisoned.is_none() {
            *poisoned = Some(alloc::format!("{error}"));
        }
        self.is_poisoned.store(true, Ordering::Release);
    }

    fn blocks(&self) -> Blocks<'_, Unpacking<S>> {
        Blocks { storage: &self.storage, cache: self }
    }

    /// What is left of the cache's budget for documents and blocks.
    fn cache_budget(&self) -> usize {
        self.options.cache_bytes - self.storage.bytes().min(self.options.cache_bytes)
    }

    fn learn_actor(&self, actor: ActorId) -> Result<()> {
        let short = key::short(actor);
        let mut actors = self.actors.write();
        match actors.get(&short) {
            Some(&known) if known == actor => Ok(()),
            Some(known) => Err(Error::new(
                ErrorCode::Untrusted,
                alloc::format!("actor {actor} begins like actor {known}: one of them is not random"),
            )),
            None if actors.len() >= crate::limits::ACTORS_MAX => {
                Err(Error::limit(alloc::format!("the database knows {} actors, the most that it can", actors.len())))
            }
            None => {
                actors.insert(short, actor);
                Ok(())
            }
        }
    }

    fn end_of_log(&self) -> Position {
        self.writer.lock().log.end()
    }

    /// The cached document of a name, if it is what a reader at `sequence` sees.
    fn cached(&self, hash: u64, name: &[u8], sequence: u64) -> Option<Document> {
        self.documents.get(hash, |document| {
            let head = document.head();
            head.sequence <= sequence && *head.name == *name
        })
    }
}
