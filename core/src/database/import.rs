//! Imports: history from elsewhere, with its own times.

use super::{Database, ready};
use crate::{
    ActorId, Result, Timestamp, Value, VersionId,
    engine::{
        self, Draft, DraftChange, Encoded, Imported, LastVersion, check_count, check_key, check_own_collection,
        model::CommitInfo,
    },
    vector::Vectors,
};
use std::{collections::HashMap, sync::Arc};

/// One change of an import.
#[derive(Clone, Debug)]
pub struct ImportChange {
    /// The document's collection.
    pub collection: String,
    /// The document's key.
    pub key: String,
    /// Its new value; `None` deletes it.
    pub value: Option<Value>,
    /// Its vectors; those of a deletion are not looked at.
    pub vectors: Vectors,
}

/// An import under way: commits with times of their own, written by an actor of its own, so that history keeps its dates
/// and time travel works on it.
///
/// An import knows only its own line of history: what this database itself wrote to the same documents is concurrent, and
/// the newer timestamp wins. With every commit it remembers how far it has come, so that it can go on after a crash, or
/// later with what is new.
#[derive(Debug)]
pub struct Import {
    database: Database,
    name: String,
    actor: ActorId,
    state: Option<Value>,
    /// The last version that this import wrote of a document.
    last: HashMap<(Arc<str>, String), LastVersion>,
    last_timestamp: Option<Timestamp>,
}

impl Import {
    pub(crate) fn open(database: &Database, name: &str) -> Result<Import> {
        let Imported { actor, state } = ready(database.0.engine.imported(name))?;
        let (name, last) = (name.into(), HashMap::new());
        Ok(Import { database: database.clone(), name, actor, state, last, last_timestamp: None })
    }

    /// The actor that it writes as.
    pub fn actor(&self) -> ActorId {
        self.actor
    }

    /// What was remembered with its last commit; `None` before the first one.
    pub fn state(&self) -> Option<&Value> {
        self.state.as_ref()
    }

    /// Writes one commit with a time of its own. A time before the import's last commit is moved behind it; one further
    /// ahead of the clock than [`CLOCK_SKEW_MS_MAX`](crate::limits::CLOCK_SKEW_MS_MAX) is refused. `state` is remembered
    /// with it.
    ///
    /// # Errors
    /// As [`Collection::put_with`](super::Collection::put_with); `INVALID_ARGUMENT` for a time too far ahead.
    pub fn commit(
        &mut self,
        time_ms: i64,
        info: CommitInfo,
        changes: Vec<ImportChange>,
        state: Value,
    ) -> Result<Option<VersionId>> {
        let inner = &self.database.0;
        let mut drafted = Vec::with_capacity(changes.len() + 1);
        for change in changes {
            check_own_collection(&change.collection)?;
            check_key(&change.key)?;
            check_count(drafted.len() + 1)?;
            let place = || format!("{}/{}", change.collection, change.key);
            let encode = |value| Encoded::new(value)?.with_vectors(&change.vectors);
            let value = change.value.as_ref().map(encode).transpose().map_err(|e| e.context(&place()))?;
            drafted.push(DraftChange::new(change.collection.into(), change.key, value));
        }
        inner.relieve()?;
        let import = engine::Import { name: self.name.clone(), actor: Some(self.actor), time_ms, state: state.clone() };
        let written = self.write(import, Draft { info, changes: drafted, ..Draft::default() });
        if written.is_err() {
            self.last.clear();
        }
        let version = written?;
        self.database.0.after_commit()?;
        self.state = Some(state);
        Ok(version)
    }

    /// Makes the commit. The turn to write is kept until it is published: whoever writes next must be able to read it.
    fn write(&mut self, import: engine::Import, mut draft: Draft) -> Result<Option<VersionId>> {
        let inner = &self.database.0;
        let _turn = inner.gate.acquire()?;
        let place = |change: &DraftChange| (change.collection.clone(), change.key().to_owned());
        let last = |change: &DraftChange| self.last.get(&place(change)).copied();
        ready(inner.engine.draft_import(import, &mut draft, last))?;
        let places: Vec<_> = draft.changes.iter().map(|change| (place(change), change.value.is_none())).collect();
        let appended = inner.append(draft)?;
        if let Some(appended) = &appended {
            for (place, deleted) in places {
                self.last.insert(place, LastVersion { version: appended.version, deleted });
            }
            self.last_timestamp = Some(appended.timestamp);
        }
        inner.publish(appended)
    }

    /// When the last commit of this session was stamped.
    pub fn last_timestamp(&self) -> Option<Timestamp> {
        self.last_timestamp
    }
}
