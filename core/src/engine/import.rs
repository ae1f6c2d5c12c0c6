//! Imports: commits of an actor of its own, at times of their own, on top of its own line of history alone.

use super::{Draft, DraftChange, Encoded, Engine, LastVersion, Origin, check_key, sort_changes};
use crate::{
    ActorId, Error, ErrorCode, Map, Result, Timestamp, Value, limits::CLOCK_SKEW_MS_MAX, storage::AsyncStorage,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// The collection that remembers how far each import has come.
const IMPORTS: &str = "$imports";

/// The members of what it remembers.
const ACTOR: &str = "actor";
const STATE: &str = "state";

/// Whom an import writes as, and what was remembered with its last commit; no state before the first one.
pub(crate) struct Imported {
    pub(crate) actor: ActorId,
    pub(crate) state: Option<Value>,
}

/// What a commit of an import has beside its changes.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) name: String,
    /// Looked up if it is not known.
    pub(crate) actor: Option<ActorId>,
    pub(crate) time_ms: i64,
    /// Remembered with it.
    pub(crate) state: Value,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// An import by its name. One that has written nothing yet gets an actor, which its first commit makes known.
    pub(crate) async fn imported(&self, name: &str) -> Result<Imported> {
        self.check_writable()?;
        check_key(name)?;
        let Some(document) = self.get_in(&self.view(), IMPORTS, name).await? else {
            return Ok(Imported { actor: ActorId(self.random_id()?), state: None });
        };
        let remembered = document.value()?;
        let actor = remembered.get(ACTOR).and_then(Value::as_str).and_then(|actor| actor.parse().ok());
        let corrupt = || Error::new(ErrorCode::Corrupt, format!("{IMPORTS}/{name} does not say who writes"));
        Ok(Imported { actor: actor.ok_or_else(corrupt)?, state: remembered.get(STATE).cloned() })
    }

    /// Makes a draft that of a commit of an import. `last` tells the last version that the import wrote of a document as far
    /// as the caller knows it. The caller has the turn, and keeps it until the commit is published: whoever writes next must be
    /// able to read it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a time that is further ahead of the clock than clocks may differ.
    pub(crate) async fn draft_import(
        &self,
        import: Import,
        draft: &mut Draft,
        last: impl Fn(&DraftChange) -> Option<LastVersion>,
    ) -> Result<()> {
        let Import { name, actor, time_ms, state } = import;
        let actor = match actor {
            Some(actor) => actor,
            None => self.imported(&name).await?.actor,
        };
        let ahead = time_ms.saturating_sub(self.now_ms());
        if ahead > CLOCK_SKEW_MS_MAX {
            return Err(Error::invalid(format!(
                "the time of the commit is {ahead} ms ahead of the clock: at most {CLOCK_SKEW_MS_MAX} ms are accepted"
            )));
        }
        let progress = Map::from([(ACTOR, Value::from(actor.to_string())), (STATE, state)]);
        let mut changes = core::mem::take(&mut draft.changes);
        changes.push(DraftChange::new(IMPORTS.into(), name, Some(Encoded::new(&Value::from(progress))?)));
        sort_changes(&mut changes);
        let (mut parents, mut documents) = (Vec::new(), Vec::new());
        for change in changes {
            let last = match last(&change) {
                Some(last) => Some(last),
                None => self.newest_by(&change.collection, change.key(), actor).await?,
            };
            // What the import never wrote or has deleted cannot be deleted by it again.
            if change.value.is_none() && last.is_none_or(|last| last.deleted) {
                continue;
            }
            parents.push(last.map(|last| last.version).into_iter().collect());
            documents.push(change.name().to_vec());
            draft.changes.push(change);
        }
        draft.origin = Origin::Import { actor, timestamp: Timestamp::from_millis(time_ms), parents };
        // Before the commit is laid out: from then on it cannot fail by halves.
        self.mark_conflicts(&documents).await
    }
}
