//! Imports: history from elsewhere, with its own times.

use super::{Database, ready};
use crate::{
    ActorId, Error, Result, Timestamp, Value, VersionId,
    engine::{
        Draft, DraftChange, Encoded, LastVersion, Origin, check_count, check_key, check_own_collection,
        model::CommitInfo, sort_changes,
    },
    limits,
    vector::Vectors,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};

/// The collection that remembers how far each import has come.
const IMPORTS: &str = "$imports";

#[derive(Serialize, Deserialize)]
struct Progress {
    actor: String,
    state: Value,
}

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
    last: HashMap<(Arc<str>, String), Option<LastVersion>>,
    last_timestamp: Option<Timestamp>,
}

impl Import {
    pub(crate) fn open(database: &Database, name: &str) -> Result<Import> {
        database.0.engine.check_writable()?;
        check_key(name)?;
        let engine = &database.0.engine;
        let remembered = ready(engine.get_in(&engine.view(), IMPORTS, name))?;
        let (actor, state) = match remembered {
            Some(document) => {
                let progress: Progress = document.to()?;
                (progress.actor.parse()?, Some(progress.state))
            }
            None => (ActorId(engine.random_id()?), None),
        };
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
        let ahead = time_ms.saturating_sub(inner.engine.now_ms());
        if ahead > limits::CLOCK_SKEW_MS_MAX {
            return Err(Error::invalid(format!(
                "the time of the commit is {ahead} ms ahead of the clock: at most {} ms are accepted",
                limits::CLOCK_SKEW_MS_MAX
            )));
        }
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
        let progress = Progress { actor: self.actor.to_string(), state: state.clone() };
        let value = Some(Encoded::new(&progress)?);
        drafted.push(DraftChange::new(IMPORTS.into(), self.name.as_str(), value));
        sort_changes(&mut drafted);

        inner.relieve()?;
        let written = self.write(time_ms, info, drafted);
        if written.is_err() {
            self.last.clear();
        }
        let version = written?;
        self.database.0.after_commit()?;
        self.state = Some(state);
        Ok(version)
    }

    /// Makes the commit. The turn to write is kept until it is published: whoever writes next must be able to read it.
    fn write(&mut self, time_ms: i64, info: CommitInfo, changes: Vec<DraftChange>) -> Result<Option<VersionId>> {
        let inner = &self.database.0;
        let _turn = inner.gate.acquire()?;
        let mut parents = Vec::with_capacity(changes.len());
        let mut kept = Vec::with_capacity(changes.len());
        for change in changes {
            let place = (change.collection.clone(), change.key().to_owned());
            let last = match self.last.get(&place) {
                Some(last) => *last,
                None => ready(inner.engine.newest_by(&place.0, &place.1, self.actor))?,
            };
            // What the import never wrote or has deleted cannot be deleted by it again.
            if change.value.is_none() && last.is_none_or(|last| last.deleted) {
                continue;
            }
            parents.push(last.map(|last| last.version).into_iter().collect());
            kept.push(change);
        }
        let places: Vec<_> =
            kept.iter().map(|c| (c.collection.clone(), c.key().to_owned(), c.value.is_none())).collect();
        let documents: Vec<_> = kept.iter().map(|c| c.name().to_vec()).collect();
        let origin = Origin::Import { actor: self.actor, timestamp: Timestamp::from_millis(time_ms), parents };
        // Before the commit is laid out: from then on it cannot fail by halves.
        ready(inner.engine.mark_conflicts(&documents))?;
        let appended = inner.append(Draft { origin, info, changes: kept, token: None })?;
        if let Some(appended) = &appended {
            for (collection, key, deleted) in places {
                self.last.insert((collection, key), Some(LastVersion { version: appended.version, deleted }));
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
