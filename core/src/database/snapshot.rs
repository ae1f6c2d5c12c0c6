//! An unchanging view of the database at a moment.

use super::{Database, History, Log, Scan, ready};
use crate::{
    Error, Result, VersionId,
    engine::{Hits, KeyRange, Order, Search, View, model::Document},
    vector::Vectors,
};

/// An unchanging view of the database at a moment. Holding it costs no copy; index files that it needs stay until it is
/// dropped.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) database: Database,
    pub(crate) view: View,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("at", &self.view.at).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The documents of a collection at this moment.
    pub fn collection(&self, name: &str) -> SnapshotCollection {
        SnapshotCollection { snapshot: self.clone(), name: name.into() }
    }

    /// The names of the collections that have documents at this moment, in order.
    ///
    /// # Errors
    /// `CLOSED`, `CORRUPT`, `IO`.
    pub fn collections(&self) -> Result<Vec<String>> {
        ready(self.database.0.engine.collections(&self.view))
    }

    /// The commits of this moment, newest first by timestamp, and by actor where those are equal.
    ///
    /// # Errors
    /// `CLOSED`, `CORRUPT`, `IO`.
    pub fn log(&self) -> Result<Log> {
        Ok(Log { database: self.database.clone(), scan: ready(self.database.0.engine.log_at(&self.view))? })
    }
}

/// The documents of a collection at a moment.
#[derive(Clone, Debug)]
pub struct SnapshotCollection {
    snapshot: Snapshot,
    name: String,
}

impl SnapshotCollection {
    /// The document as it was; `None` if it was not there, was deleted or had expired.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an impossible key, `CORRUPT`, `IO`, `CLOSED`.
    pub fn get(&self, key: &str) -> Result<Option<Document>> {
        ready(self.snapshot.database.0.engine.get_in(&self.snapshot.view, &self.name, key))
    }

    /// The vectors of a document as it was, empty if it had none; `None` if there was no document.
    ///
    /// # Errors
    /// As [`SnapshotCollection::get`].
    pub fn vectors(&self, key: &str) -> Result<Option<Vectors>> {
        ready(self.snapshot.database.0.engine.vectors_in(&self.snapshot.view, &self.name, key))
    }

    /// The documents whose vector was nearest to that of a search, ranked as they were then.
    ///
    /// # Errors
    /// As [`Collection::search`](crate::Collection::search); `INVALID_ARGUMENT` if the search names a moment of its own.
    pub fn search(&self, search: &Search) -> Result<Hits> {
        if search.as_of.is_some() {
            return Err(Error::invalid("a search of a snapshot cannot name another moment"));
        }
        self.snapshot.database.0.search(&self.snapshot.view, &self.name, search)
    }

    /// The documents of a range, in key order.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `CLOSED`.
    pub fn scan(&self, range: KeyRange, order: Order) -> Result<Scan> {
        let engine = &self.snapshot.database.0.engine;
        let scan = engine.scan(self.snapshot.view.clone(), &self.name, &range, order)?;
        Ok(Scan { database: self.snapshot.database.clone(), scan })
    }

    /// The versions of a document up to this moment, newest first.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `CLOSED`.
    pub fn history(&self, key: &str) -> Result<History> {
        self.history_before(key, None)
    }

    /// Those of them that are older than `before`: the next page.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is no such version.
    pub fn history_before(&self, key: &str, before: Option<VersionId>) -> Result<History> {
        let engine = &self.snapshot.database.0.engine;
        let scan = ready(engine.versions(self.snapshot.view.clone(), &self.name, key, before))?;
        Ok(History { database: self.snapshot.database.clone(), scan })
    }
}
