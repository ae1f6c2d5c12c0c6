//! The database for programs with threads: a handle that clones cheaply, can be used from any thread, and blocks.
//!
//! Only conversion and scheduling live here: who may write now, who writes the group, when maintenance runs. Everything
//! else is the engine's.

mod archive;
mod collection;
mod gate;
mod import;
mod iterate;
mod maintenance;
mod options;
mod settle;
mod snapshot;
mod transaction;
mod watch;
mod workspace;

pub use archive::Export;
pub use collection::{Batch, Collection, WriteOptions};
pub use import::{Import, ImportChange};
pub use iterate::{Changes, History, Keys, Log, Scan};
pub use options::{Maintenance, Options};
pub use snapshot::{Snapshot, SnapshotCollection};
pub use transaction::Transaction;
pub use watch::{Watch, WatchOptions};
pub use workspace::Workspace;

use crate::{
    Error, ErrorCode, Result, VersionId,
    engine::{
        Appended, Direction, Draft, Engine, Hits, Info, Lineage, Scope, Scouted, Search, Stats, Tag, VerifyReport,
        View,
        model::{Commit, CommitInfo, DocumentVersion, Moment},
        tag_exists,
    },
    storage::Storage,
    vector::VectorConfig,
};
use gate::Gate;
use settle::Flusher;
use std::{ops::ControlFlow, path::Path, sync::Arc};

/// The one engine behind all handles.
pub(crate) struct Inner {
    pub(crate) engine: Engine<Arc<dyn Storage>>,
    pub(crate) options: Options,
    gate: Gate,
    flusher: Flusher,
    maintenance: maintenance::Maintainer,
    watchers: watch::Watchers,
}

/// An open database. Clones share it; it closes with [`Database::close`] or with the last handle.
///
/// ```
/// # fn main() -> koru_delta::Result<()> {
/// use koru_delta::Database;
///
/// let db = Database::memory()?;
/// let users = db.collection("users");
/// users.put("ada", &serde_json::json!({"born": 1815}))?;
/// let before = db.snapshot()?;
/// users.put("ada", &serde_json::json!({"born": 1815, "wrote": "Note G"}))?;
///
/// assert_eq!(users.get("ada")?.unwrap().value()?.pointer("/wrote").and_then(|v| v.as_str()), Some("Note G"));
/// assert!(before.collection("users").get("ada")?.unwrap().value()?.pointer("/wrote").is_none());
/// assert_eq!(users.history("ada")?.count(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Database(pub(crate) Arc<Handle>);

/// What all clones of a handle share. Not the engine itself: the maintenance thread may hold on to that for a moment
/// longer, and the database has to be closed when the last handle is gone, so that it can be opened again at once.
pub(crate) struct Handle(Arc<Inner>);

impl std::ops::Deref for Handle {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // There is no one left to tell; a crash here loses no more than a crash anywhere.
        let _ = self.0.close();
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Database").field(&self.0.engine.storage().location()).finish()
    }
}

impl Database {
    /// Opens the database in the directory at `path`, or makes one there. See [`Options`] for how else.
    ///
    /// # Errors
    /// See [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Database> {
        Options::new().open(path)
    }

    /// A new database in memory, gone with its last handle.
    ///
    /// # Errors
    /// `IO` when the platform has no entropy to give.
    pub fn memory() -> Result<Database> {
        Options::new().open_memory()
    }

    /// The documents of a collection of the workspace `main`. Collections need not be made: one is there as soon as it has a document. The name is
    /// checked at the first use: 1 to 128 bytes, no control character, no slash, no `$` in front.
    pub fn collection(&self, name: &str) -> Collection {
        Collection { database: self.clone(), name: name.into() }
    }

    /// The names of the collections that have documents now, in order.
    ///
    /// # Errors
    /// `CLOSED`, `CORRUPT`, `IO`.
    pub fn collections(&self) -> Result<Vec<String>> {
        ready(self.0.engine.collections(&self.0.engine.view()))
    }

    /// Everything as it is now, unchanged by what is written later.
    ///
    /// # Errors
    /// `CLOSED`.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.as_of(Moment::Now)
    }

    /// Everything as of a moment.
    ///
    /// # Errors
    /// `NOT_FOUND` for a commit or tag that does not exist.
    pub fn as_of(&self, moment: impl Into<Moment>) -> Result<Snapshot> {
        let view = ready(self.0.engine.view_at(&moment.into()))?;
        Ok(Snapshot { database: self.clone(), view })
    }

    /// Runs `change` as one transaction: all of its writes become visible and durable together, or none of them when it
    /// fails. One transaction runs at a time, so what it reads cannot change before it commits. Reads are never held up.
    ///
    /// Writing to the database from inside of `change` other than through the transaction is an error.
    ///
    /// # Errors
    /// What `change` returns, and those of a commit: `CONFLICT`, `LIMIT_EXCEEDED`, `STORAGE_FULL`, `READ_ONLY`, `POISONED`.
    pub fn transaction<R>(&self, change: impl FnOnce(&mut Transaction) -> Result<R>) -> Result<R> {
        let mut transaction = self.begin()?;
        let result = change(&mut transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    /// Begins a transaction to be committed or rolled back by hand. Waits for one that is under way. Dropped, it is rolled
    /// back.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if this thread has one under way already, `READ_ONLY`, `POISONED`, `CLOSED`.
    pub fn begin(&self) -> Result<Transaction> {
        Transaction::begin(self)
    }

    /// Marks a moment with a name. The tag holds a causal cut: it shows the same for ever.
    ///
    /// # Errors
    /// `ALREADY_EXISTS` if the tag exists, `NOT_FOUND` for a moment before the first commit.
    pub fn tag(&self, name: &str, moment: impl Into<Moment>) -> Result<Tag> {
        self.tag_with(name, moment, CommitInfo::default())
    }

    /// As [`Database::tag`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Database::tag`].
    pub fn tag_with(&self, name: &str, moment: impl Into<Moment>, info: CommitInfo) -> Result<Tag> {
        let turn = self.0.gate.acquire()?;
        let (draft, tag) = ready(self.0.engine.draft_tag(name, &moment.into(), info))?;
        let appended = self.0.append(draft).map_err(|e| tag_exists(name, e))?;
        drop(turn);
        self.0.settle(appended)?;
        Ok(tag)
    }

    /// Removes a tag. What it marked stays as it is.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none.
    pub fn untag(&self, name: &str) -> Result<()> {
        self.untag_with(name, CommitInfo::default())
    }

    /// As [`Database::untag`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Database::untag`].
    pub fn untag_with(&self, name: &str, info: CommitInfo) -> Result<()> {
        let turn = self.0.gate.acquire()?;
        let draft = ready(self.0.engine.draft_untag(name, info))?;
        let appended = self.0.append(draft)?;
        drop(turn);
        self.0.settle(appended).map(drop)
    }

    /// All tags, by name.
    ///
    /// # Errors
    /// `CLOSED`, `CORRUPT`, `IO`.
    pub fn tags(&self) -> Result<Vec<Tag>> {
        ready(self.0.engine.tags())
    }

    /// The documents of all collections that differ between two moments, by collection and key.
    ///
    /// # Errors
    /// `NOT_FOUND` for a commit or tag that does not exist.
    pub fn diff(&self, before: impl Into<Moment>, after: impl Into<Moment>) -> Result<Changes> {
        self.diff_of(&before.into(), &after.into(), None)
    }

    pub(crate) fn diff_of(&self, before: &Moment, after: &Moment, collection: Option<&str>) -> Result<Changes> {
        let engine = &self.0.engine;
        let before = ready(engine.view_at(before))?;
        let after = ready(engine.view_at(after))?;
        Ok(Changes { database: self.clone(), scan: engine.diff(before, after, collection)? })
    }

    /// Makes all collections what they were at a moment, by one commit of new versions. Returns it, or `None` if nothing
    /// differs.
    ///
    /// # Errors
    /// `NOT_FOUND` for a commit or tag that does not exist, `LIMIT_EXCEEDED` if more differs than fits into one commit.
    pub fn restore(&self, moment: impl Into<Moment>) -> Result<Option<VersionId>> {
        self.restore_with(moment, CommitInfo::default())
    }

    /// As [`Database::restore`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Database::restore`].
    pub fn restore_with(&self, moment: impl Into<Moment>, info: CommitInfo) -> Result<Option<VersionId>> {
        self.restore_scope(Scope::Workspace, &moment.into(), info)
    }

    pub(crate) fn restore_scope(
        &self,
        scope: Scope<'_>,
        moment: &Moment,
        info: CommitInfo,
    ) -> Result<Option<VersionId>> {
        let turn = self.0.gate.acquire()?;
        // What is restored is compared with what is published: nothing may be under way.
        self.0.settle_all()?;
        let draft = ready(self.0.engine.draft_restore(scope, moment, info))?;
        let appended = self.0.append(draft)?;
        drop(turn);
        self.0.settle(appended)
    }

    /// The commits, newest first by timestamp, and by actor where those are equal.
    ///
    /// # Errors
    /// `CLOSED`, `CORRUPT`, `IO`.
    pub fn log(&self) -> Result<Log> {
        Log::new(self)
    }

    /// A commit by its actor and counter.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none.
    pub fn commit(&self, version: VersionId) -> Result<Commit> {
        ready(self.0.engine.commit(version))
    }

    /// A commit by its id, or by the first hexadecimal digits of it (at least 4).
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none, `INVALID_ARGUMENT` if there are several.
    pub fn commit_by_id(&self, digits: &str) -> Result<Commit> {
        ready(self.0.engine.commit_by_prefix(digits))
    }

    /// What a version was derived from, or what came of it: the causes that commits name, followed up to `depth` steps.
    ///
    /// # Errors
    /// `NOT_FOUND` for a version that does not exist.
    pub fn lineage(&self, start: DocumentVersion, direction: Direction, depth: usize) -> Result<Lineage> {
        ready(self.0.engine.lineage(start, direction, depth))
    }

    /// A feed of commits: those behind a resume token, or those that come from now on. A commit that changes nothing but the
    /// database's own collections, such as a tag, is passed over.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a token of another database; that and `LIMIT_EXCEEDED` for a collection that cannot be.
    pub fn watch(&self, options: WatchOptions) -> Result<Watch> {
        Watch::new(self, options)
    }

    /// An import by its name: commits with times of their own, written by an actor of its own. See [`Import`].
    ///
    /// # Errors
    /// `READ_ONLY`, `CLOSED`, `CORRUPT`, `IO`.
    pub fn import(&self, name: &str) -> Result<Import> {
        Import::open(self, name)
    }

    /// Reads everything again and checks every checksum, hash and link, and that index and log agree. Reads the whole
    /// database; changes nothing.
    ///
    /// # Errors
    /// Only where something cannot be read at all; damage is in the report.
    pub fn verify(&self) -> Result<VerifyReport> {
        self.verify_with(|_, _| ControlFlow::Continue(()))
    }

    /// As [`Database::verify`], and tells `progress` the bytes of log read so far and in all, many times, which may end it.
    ///
    /// # Errors
    /// As [`Database::verify`]; `ABORTED` if `progress` ended it.
    pub fn verify_with(&self, mut progress: impl FnMut(u64, u64) -> ControlFlow<()>) -> Result<VerifyReport> {
        ready(self.0.engine.verify(&mut progress))
    }

    /// What the database is: identity, place, sizes.
    ///
    /// # Errors
    /// `CLOSED`, `IO`.
    pub fn info(&self) -> Result<Info> {
        ready(self.0.engine.info())
    }

    /// What it has been doing since it was opened.
    pub fn stats(&self) -> Stats {
        self.0.engine.stats()
    }

    /// Makes everything durable, whatever the durability.
    ///
    /// # Errors
    /// `IO`, `POISONED`, `READ_ONLY`, `CLOSED`.
    pub fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    /// Makes the tail of the log part of the index now, so that the next opening has nothing to replay.
    ///
    /// # Errors
    /// `STORAGE_FULL`, `IO`, `POISONED`, `READ_ONLY`, `CLOSED`.
    pub fn checkpoint(&self) -> Result<()> {
        self.0.checkpoint()
    }

    /// Makes the database as small as it gets: compresses the log, and merges the tables of the index into one. Nothing of
    /// history is dropped. What is compressed is read a few microseconds slower, and what is written afterwards is not
    /// compressed until this is called again. Reading and writing go on meanwhile; beside the files there has to be room for
    /// one compressed segment of the log (below 64 MiB) and for one more index. The last of the log stays as it is while it
    /// is short, below 1 MiB.
    ///
    /// ```
    /// # fn main() -> koru_delta::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("koru-compact-{}", std::process::id()));
    /// let db = koru_delta::Database::open(&path)?;
    /// let pages = (0..2000).map(|n| (format!("page {n}"), "every page begins with these words ".repeat(20)));
    /// db.collection("pages").put_many(pages)?;
    /// let before = db.info()?.total_bytes;
    /// db.compact()?;
    /// assert!(db.info()?.total_bytes < before / 2);
    /// # db.close()?;
    /// # std::fs::remove_dir_all(&path).ok();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `STORAGE_FULL` if there is not that room, `IO`, `POISONED`, `READ_ONLY`, `CLOSED`. What was not done yet is as it
    /// was, and nothing is lost.
    pub fn compact(&self) -> Result<()> {
        self.0.compact()
    }

    /// Does due maintenance in this thread: a checkpoint if the tail is long, and merges of index tables, a bounded number
    /// of entries a step, at most `steps` of them. Returns whether more is due.
    ///
    /// # Errors
    /// `STORAGE_FULL`, `IO`, `POISONED`, `READ_ONLY`, `CLOSED`.
    pub fn maintain(&self, steps: usize) -> Result<bool> {
        self.0.maintain(steps)
    }

    /// Makes everything durable and closes the database for all handles: later calls fail with `CLOSED`. Waits for writes
    /// and maintenance that are under way. Closing twice is fine.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if this thread has a transaction under way: nothing is closed then. Otherwise what made the last
    /// writes fail; the database is closed all the same.
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}

impl Inner {
    pub(crate) fn search(&self, view: &View, collection: &str, search: &Search) -> Result<Hits> {
        if let Err(e) = self.know_vectors(view.sequence) {
            // What is exact does not need them.
            if !search.is_exact() || !e.is(ErrorCode::LimitExceeded) {
                return Err(e);
            }
        }
        let hits = ready(self.engine.search(view, collection, search))?;
        if hits.lags {
            self.vectors_lag();
        }
        Ok(hits)
    }

    fn configure_vectors(
        &self,
        collection: &str,
        name: &str,
        config: VectorConfig,
        info: CommitInfo,
    ) -> Result<Option<VersionId>> {
        self.relieve()?;
        let appended = {
            let _turn = self.gate.acquire()?;
            self.append(ready(self.engine.draft_vector_config(collection, name, config, info))?)?
        };
        let version = self.settle(appended)?;
        if version.is_some() {
            self.vectors_lag();
        }
        Ok(version)
    }

    /// Looks up what a draft replaces and lays it out; the caller holds the gate. `None` if there was nothing to write.
    fn append(&self, draft: Draft) -> Result<Option<Appended>> {
        self.append_scouted(draft, None)
    }

    /// As [`Inner::append`], where the caller has looked up a part of it before it had the gate.
    fn append_scouted(&self, draft: Draft, scouted: Option<Scouted>) -> Result<Option<Appended>> {
        let prepared = ready(self.engine.prepare(draft, scouted))?;
        if prepared.is_empty() {
            return Ok(None);
        }
        self.engine.append(prepared).map(Some)
    }

    /// Makes one commit: waits for its turn, and until it is published.
    fn commit(&self, draft: Draft) -> Result<Option<VersionId>> {
        self.relieve()?;
        self.engine.check_writable()?;
        draft.check()?;
        // A read that fails is tried again by `append`, which says so.
        let scouted = ready(self.engine.scout(&draft)).ok();
        let appended = {
            let _turn = self.gate.acquire()?;
            self.append_scouted(draft, scouted)?
        };
        self.settle(appended)
    }
}

/// The result of a future that never has to wait, because its storage does not.
pub(crate) fn ready<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => Err(Error::new(ErrorCode::Io, "a synchronous storage has to be waited for")),
    }
}
