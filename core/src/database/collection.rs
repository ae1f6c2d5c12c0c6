//! The documents of one collection.

use super::{Changes, Database, History, Scan, Snapshot, SnapshotCollection, Watch, WatchOptions, ready};
use crate::{
    Result, VersionId,
    engine::{
        Draft, DraftChange, Encoded, Hits, KeyRange, Order, Puts, Scope, Search, VectorInfo, check_key,
        check_own_collection,
        model::{CommitInfo, Document, DocumentVersion, Expected, Moment, Version},
    },
    history::diff,
    vector::{VectorConfig, Vectors},
};
use serde::Serialize;
use std::sync::Arc;

/// How a document is written, beside its value.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// What the document has to be for the write to go ahead.
    pub expected: Expected,
    /// From when on it no longer shows, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Its vectors. A write replaces the whole document: without vectors here the new version has none.
    pub vectors: Vectors,
    /// Author, message and causes of the commit.
    pub info: CommitInfo,
}

/// The documents of one collection. Cheap to clone; see [`Database::collection`].
#[derive(Clone, Debug)]
pub struct Collection {
    pub(crate) database: Database,
    pub(crate) name: Arc<str>,
}

/// Checks one change, and encodes its value.
pub(crate) fn change(
    collection: &Arc<str>,
    key: &str,
    value: impl FnOnce() -> Result<Option<Encoded>>,
    expected: Expected,
    expires_at: Option<i64>,
) -> Result<DraftChange> {
    check_own_collection(collection)?;
    check_key(key)?;
    let value = value().map_err(|e| e.context(&format!("{collection}/{key}")))?;
    Ok(DraftChange { expires_at, expected, ..DraftChange::new(collection.clone(), key, value) })
}

/// Documents of one collection that become one commit; see [`Collection::batch`].
pub struct Batch {
    database: Database,
    puts: Puts,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

impl Batch {
    /// Encodes a document and keeps it. Of equal keys the last one counts.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` for a key or value that cannot be stored, or when they do not fit into one
    /// commit. The batch stays as it was.
    pub fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        self.put_with(key, value, &Vectors::default())
    }

    /// As [`Batch::put`], with vectors.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn put_with<T: Serialize + ?Sized>(&mut self, key: &str, value: &T, vectors: &Vectors) -> Result<()> {
        self.puts.add(key, value, vectors)
    }

    /// Writes them. Returns the commit, or `None` for no documents.
    ///
    /// # Errors
    /// As [`Collection::put_with`].
    pub fn commit(self, info: CommitInfo) -> Result<Option<VersionId>> {
        self.database.0.commit(Draft { changes: self.puts.finish(), info, ..Draft::default() })
    }
}

impl Collection {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a document: a new version on top of what is there. `value` is anything that serialises: a
    /// [`Value`](crate::Value), a `serde_json::Value`, a struct.
    ///
    /// Appends the value to the log once and waits until it is durable, together with other threads' writes.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` for a key or value that cannot be stored, naming the place in the value;
    /// `STORAGE_FULL`, `READ_ONLY`, `POISONED`, `CLOSED`, `IO`.
    pub fn put<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<VersionId> {
        self.put_with(key, value, WriteOptions::default())
    }

    /// As [`Collection::put`], with an expected version, an expiry, an author, a message or causes.
    ///
    /// # Errors
    /// As [`Collection::put`]; `CONFLICT` if the document is not what was expected; `NOT_FOUND` for an unknown cause;
    /// `DIMENSION_MISMATCH` for a vector of another dimension than those of its name before.
    pub fn put_with<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        mut options: WriteOptions,
    ) -> Result<VersionId> {
        let vectors = std::mem::take(&mut options.vectors);
        self.write(key, || Encoded::new(value)?.with_vectors(&vectors), options)
    }

    /// As [`Collection::put_with`], of a value that was encoded before, with its [vectors](Encoded::with_vectors); those of
    /// the options are not looked at.
    ///
    /// # Errors
    /// As [`Collection::put_with`].
    pub fn put_encoded(&self, key: &str, value: Encoded, options: WriteOptions) -> Result<VersionId> {
        self.write(key, || Ok(value), options)
    }

    fn write(&self, key: &str, value: impl FnOnce() -> Result<Encoded>, options: WriteOptions) -> Result<VersionId> {
        let change = change(&self.name, key, || value().map(Some), options.expected, options.expires_at)?;
        let version = self.database.0.commit(Draft { info: options.info, ..Draft::one(change) })?;
        version.ok_or_else(|| crate::Error::new(crate::ErrorCode::Aborted, "the write had no effect"))
    }

    /// Deletes a document: a version that says so, on top of what is there. Returns it, or `None` if there was none to
    /// delete. Its history stays.
    ///
    /// # Errors
    /// As [`Collection::put`].
    pub fn delete(&self, key: &str) -> Result<Option<VersionId>> {
        self.delete_with(key, WriteOptions::default())
    }

    /// As [`Collection::delete`], with an expected version, an author, a message or causes.
    ///
    /// # Errors
    /// As [`Collection::put_with`].
    pub fn delete_with(&self, key: &str, options: WriteOptions) -> Result<Option<VersionId>> {
        let change = change(&self.name, key, || Ok(None), options.expected, None)?;
        self.database.0.commit(Draft { info: options.info, ..Draft::one(change) })
    }

    /// Writes many documents as one commit: all of them or none. Of equal keys the last one counts. Returns the commit, or
    /// `None` for no documents.
    ///
    /// # Errors
    /// As [`Collection::put`]; `LIMIT_EXCEEDED` if they do not fit into one commit.
    pub fn put_many<K: AsRef<str>, T: Serialize>(
        &self,
        documents: impl IntoIterator<Item = (K, T)>,
    ) -> Result<Option<VersionId>> {
        let mut batch = self.batch()?;
        for (key, value) in documents {
            batch.put(key.as_ref(), &value)?;
        }
        batch.commit(CommitInfo::default())
    }

    /// Begins to collect documents that are to be written as one commit. Nothing is locked or written until it is committed;
    /// dropped, it leaves nothing behind.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` for a name that a collection cannot have.
    pub fn batch(&self) -> Result<Batch> {
        check_own_collection(&self.name)?;
        Ok(Batch { database: self.database.clone(), puts: Puts::new(self.name.clone()) })
    }

    /// The document as it is now; `None` if it was never written, is deleted or has expired.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an impossible key, `CORRUPT`, `IO`, `CLOSED`.
    pub fn get(&self, key: &str) -> Result<Option<Document>> {
        let engine = &self.database.0.engine;
        match engine.get_cached(&self.name, key) {
            // The way that has to be quick stays clear of the future below, which is large.
            Some(found) => found,
            None => ready(engine.get(&self.name, key)),
        }
    }

    /// The vectors of a document as it is now, empty if it has none; `None` if there is no document.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an impossible key, `CORRUPT`, `IO`, `CLOSED`.
    pub fn vectors(&self, key: &str) -> Result<Option<Vectors>> {
        let engine = &self.database.0.engine;
        ready(engine.vectors_in(&engine.view(), &self.name, key))
    }

    /// The vectors of one version of a document; empty if it has none.
    ///
    /// # Errors
    /// `CORRUPT`, `IO`, `CLOSED`.
    pub fn vectors_of(&self, version: &Version) -> Result<Vectors> {
        ready(self.database.0.engine.vectors_of(version))
    }

    /// The documents whose vector is nearest to that of a search, best first; those of equal score by key.
    ///
    /// # Errors
    /// `NOT_FOUND` for a name that no document ever had a vector of, or for a document to be searched from that is not there;
    /// `DIMENSION_MISMATCH`; `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` for a search that is not possible.
    pub fn search(&self, search: &Search) -> Result<Hits> {
        let view = self.database.0.engine.view();
        self.database.0.search(&view, &self.name, search)
    }

    /// Sets how the vectors of a name are searched. The first vector that is put sets it to
    /// [the defaults](VectorConfig::new). Returns the commit, or `None` if it is so already.
    ///
    /// # Errors
    /// `DIMENSION_MISMATCH` if the name has another dimension already, `INVALID_ARGUMENT` for what is not possible, and
    /// `LIMIT_EXCEEDED` for a dimension that is too high.
    pub fn configure_vectors(&self, name: &str, config: VectorConfig) -> Result<Option<VersionId>> {
        self.configure_vectors_with(name, config, CommitInfo::default())
    }

    /// As [`Collection::configure_vectors`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Collection::configure_vectors`]; `NOT_FOUND` for an unknown cause.
    pub fn configure_vectors_with(
        &self,
        name: &str,
        config: VectorConfig,
        info: CommitInfo,
    ) -> Result<Option<VersionId>> {
        self.database.0.configure_vectors(&self.name, name, config, info)
    }

    /// How the vectors of a name are searched; `None` if there were none.
    ///
    /// # Errors
    /// `CORRUPT`, `IO`, `CLOSED`.
    pub fn vector_config(&self, name: &str) -> Result<Option<VectorConfig>> {
        let engine = &self.database.0.engine;
        ready(engine.vector_config(&engine.view(), &self.name, name))
    }

    /// What is known of the vectors of this collection, by name: what `auto` chose, rows, memory.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` if their indexes take more memory than they may; `CORRUPT`, `IO`, `CLOSED`.
    pub fn vector_info(&self) -> Result<Vec<VectorInfo>> {
        let inner = &self.database.0;
        inner.know_vectors(inner.engine.published())?;
        ready(inner.engine.vector_info(&self.name))
    }

    /// The documents of a range as they are now, in key order. The scan sees one moment: writes that come later are not
    /// in it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `CLOSED`.
    pub fn scan(&self, range: KeyRange, order: Order) -> Result<Scan> {
        self.database.snapshot()?.collection(&self.name).scan(range, order)
    }

    /// This collection as of a moment.
    ///
    /// # Errors
    /// `NOT_FOUND` for a commit or tag that does not exist.
    pub fn as_of(&self, moment: impl Into<Moment>) -> Result<SnapshotCollection> {
        let snapshot: Snapshot = self.database.as_of(moment)?;
        Ok(snapshot.collection(&self.name))
    }

    /// The versions of a document, newest first. Values and commits are read only when they are asked for.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `CLOSED`.
    pub fn history(&self, key: &str) -> Result<History> {
        self.history_before(key, None)
    }

    /// The versions of a document that are older than `before`, newest first: the next page.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is no such version.
    pub fn history_before(&self, key: &str, before: Option<VersionId>) -> Result<History> {
        let engine = &self.database.0.engine;
        let scan = ready(engine.versions(engine.view(), &self.name, key, before))?;
        Ok(History { database: self.database.clone(), scan })
    }

    /// One version of a document.
    ///
    /// # Errors
    /// `NOT_FOUND` if the document has no such version.
    pub fn version(&self, key: &str, version: VersionId) -> Result<Version> {
        ready(self.database.0.engine.version(&self.name, key, version))
    }

    /// The document at one of its versions; `None` for a deletion.
    ///
    /// # Errors
    /// `CORRUPT`, `IO`, `CLOSED`.
    pub fn document(&self, key: &str, version: &Version) -> Result<Option<Document>> {
        ready(self.database.0.engine.document_at(&self.name, key, version))
    }

    /// The versions that no other version replaced: one, or several after concurrent writes, the one that
    /// [`Collection::get`] shows first. Empty if the document was never written.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `CORRUPT`, `IO`, `CLOSED`.
    pub fn heads(&self, key: &str) -> Result<Vec<VersionId>> {
        ready(self.database.0.engine.heads_of(&self.name, key))
    }

    /// What changed in a document between two of its versions, path by path.
    ///
    /// # Errors
    /// `NOT_FOUND` if the document has no such version.
    pub fn diff(&self, key: &str, before: VersionId, after: VersionId) -> Result<Vec<diff::Change>> {
        let value = |version| -> Result<Option<crate::Value>> {
            let version = self.version(key, version)?;
            self.document(key, &version)?.map(|d| d.value().cloned()).transpose()
        };
        Ok(diff::diff(value(before)?.as_ref(), value(after)?.as_ref()))
    }

    /// The documents of the collection that differ between two moments, in key order.
    ///
    /// # Errors
    /// `NOT_FOUND` for a commit or tag that does not exist.
    pub fn diff_moments(&self, before: impl Into<Moment>, after: impl Into<Moment>) -> Result<Changes> {
        self.database.diff_of(&before.into(), &after.into(), Some(&self.name))
    }

    /// Makes a document what it was at a moment, by a new version. Returns it, or `None` if nothing differs.
    ///
    /// # Errors
    /// `NOT_FOUND` for a commit or tag that does not exist, and those of [`Collection::put`].
    pub fn restore(&self, key: &str, moment: impl Into<Moment>) -> Result<Option<VersionId>> {
        self.restore_with(key, moment, CommitInfo::default())
    }

    /// As [`Collection::restore`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Collection::restore`].
    pub fn restore_with(&self, key: &str, moment: impl Into<Moment>, info: CommitInfo) -> Result<Option<VersionId>> {
        check_own_collection(&self.name)?;
        self.database.restore_scope(Scope::Document(&self.name, key), &moment.into(), info)
    }

    /// Makes the whole collection what it was at a moment, by one commit. Returns it, or `None` if nothing differs.
    ///
    /// # Errors
    /// `NOT_FOUND` for a commit or tag that does not exist, `LIMIT_EXCEEDED` if more differs than fits into one commit.
    pub fn restore_all(&self, moment: impl Into<Moment>) -> Result<Option<VersionId>> {
        self.restore_all_with(moment, CommitInfo::default())
    }

    /// As [`Collection::restore_all`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Collection::restore_all`].
    pub fn restore_all_with(&self, moment: impl Into<Moment>, info: CommitInfo) -> Result<Option<VersionId>> {
        check_own_collection(&self.name)?;
        self.database.restore_scope(Scope::Collection(&self.name), &moment.into(), info)
    }

    /// A feed of the commits that change documents of this collection.
    ///
    /// # Errors
    /// As [`Database::watch`].
    pub fn watch(&self, options: WatchOptions) -> Result<Watch> {
        self.database.watch(WatchOptions { collection: Some(self.name.to_string()), ..options })
    }

    /// A version of a document of this collection, as lineage and causes name it.
    pub fn at(&self, key: &str, version: VersionId) -> DocumentVersion {
        DocumentVersion { collection: self.name.to_string(), key: key.into(), version }
    }
}
