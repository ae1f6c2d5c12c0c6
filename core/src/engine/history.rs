//! The log as a list of commits, newest first: the lines of all actors, merged by timestamp.

use super::{Engine, key, model::Commit, state::View};
use crate::{
    error::Result,
    id::{ActorId, VersionId},
    storage::AsyncStorage,
};
use alloc::vec::Vec;

/// The commits of all actors, newest first by timestamp, then by actor.
pub(crate) struct LogScan {
    /// For each actor its newest commit that was not handed out.
    next: Vec<Commit>,
}

#[driven]
impl LogScan {
    /// The next older commit.
    pub(crate) async fn next<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<Commit>> {
        engine.check_open()?;
        let newest = self.next.iter().enumerate().max_by_key(|(_, c)| (c.timestamp, c.version.actor)).map(|(i, _)| i);
        let Some(at) = newest else { return Ok(None) };
        let VersionId { actor, counter } = self.next[at].version;
        if counter == 1 {
            return Ok(Some(self.next.swap_remove(at)));
        }
        let before = engine.commit(VersionId { actor, counter: counter - 1 }).await?;
        Ok(Some(core::mem::replace(&mut self.next[at], before)))
    }
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// The published commits, newest first.
    pub(crate) async fn log(&self) -> Result<LogScan> {
        self.check_open()?;
        let actors: Vec<ActorId> = self.actors.read().values().copied().collect();
        let mut next = Vec::new();
        for actor in actors {
            let counter = self.last_commit_of(actor).await?;
            if counter > 0 {
                next.push(self.commit(VersionId { actor, counter }).await?);
            }
        }
        Ok(LogScan { next })
    }

    /// The commits that a view shows.
    pub(crate) async fn log_at(&self, view: &View) -> Result<LogScan> {
        self.check_open()?;
        let (vector, _) = self.cut(view).await?;
        let mut next = Vec::new();
        for (actor, mut counter) in vector {
            // A view of now does not show what was committed since.
            while counter > 0 {
                let commit = self.commit(VersionId { actor, counter }).await?;
                if commit.sequence <= view.sequence {
                    next.push(commit);
                    break;
                }
                counter -= 1;
            }
        }
        Ok(LogScan { next })
    }

    /// The versions of a document that no other version replaced, newest first.
    pub(crate) async fn heads_of(&self, collection: &str, key: &str) -> Result<Vec<VersionId>> {
        self.check_open()?;
        super::check_collection(collection)?;
        super::check_key(key)?;
        self.heads(&self.view(), &key::document(collection, key)).await
    }
}
