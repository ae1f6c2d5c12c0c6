//! Lineage: which versions a version was derived from, and what came of it.

use super::{Engine, key, model::DocumentVersion};
use crate::{
    error::{Error, Result},
    limits,
    sorted::SortedMap,
    storage::AsyncStorage,
};
use alloc::{collections::VecDeque, vec::Vec};

/// Which way lineage is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what a version was derived from: why is it so?
    Causes,
    /// To what was derived from it: what came of it?
    Effects,
}

/// One step of lineage: `effect` was written because of `cause`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineageEdge {
    /// The version that was there before.
    pub cause: DocumentVersion,
    /// The version that names it.
    pub effect: DocumentVersion,
}

/// The lineage of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The version that was asked about.
    pub start: DocumentVersion,
    /// The steps, nearest first.
    pub edges: Vec<LineageEdge>,
    /// Whether there is more, beyond the depth or the number of versions that one query returns.
    pub truncated: bool,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Follows causes or effects from a version, at most `depth` steps far.
    pub(crate) async fn lineage(&self, start: DocumentVersion, direction: Direction, depth: usize) -> Result<Lineage> {
        self.version(&start.collection, &start.key, start.version).await?;
        let mut seen: SortedMap<DocumentVersion, ()> = SortedMap::default();
        seen.insert(start.clone(), ());
        let mut waiting = VecDeque::from([(start.clone(), 0)]);
        let mut edges = Vec::new();
        let mut truncated = false;
        while let Some((version, steps)) = waiting.pop_front() {
            let next = match direction {
                Direction::Causes => self.commit(version.version).await?.causes,
                Direction::Effects => self.effects(&version).await?,
            };
            if steps == depth {
                truncated |= !next.is_empty();
                continue;
            }
            for other in next {
                if seen.len() >= limits::LINEAGE_NODES_MAX || edges.len() >= limits::LINEAGE_NODES_MAX {
                    return Ok(Lineage { start, edges, truncated: true });
                }
                let (cause, effect) = match direction {
                    Direction::Causes => (other.clone(), version.clone()),
                    Direction::Effects => (version.clone(), other.clone()),
                };
                edges.push(LineageEdge { cause, effect });
                if seen.insert(other.clone(), ()).is_none() {
                    waiting.push_back((other, steps + 1));
                }
            }
        }
        Ok(Lineage { start, edges, truncated })
    }

    /// The versions whose commit names `cause`.
    async fn effects(&self, cause: &DocumentVersion) -> Result<Vec<DocumentVersion>> {
        let prefix = key::effects_of(&cause.collection, &cause.key, cause.version);
        let mut cursor = self.view().cursor();
        let mut more = cursor.seek(self.blocks(), &prefix).await?;
        let mut effects = Vec::new();
        while more && cursor.key().starts_with(&prefix) && effects.len() <= limits::LINEAGE_NODES_MAX {
            let malformed = || Error::corrupt("the index", 0, "the entry of an effect is malformed");
            let commit = self.commit(key::read_effect(cursor.key()).ok_or_else(malformed)?).await?;
            effects.extend(commit.changes.into_iter().map(|change| DocumentVersion {
                collection: change.collection,
                key: change.key,
                version: commit.version,
            }));
            more = cursor.next(self.blocks()).await?;
        }
        Ok(effects)
    }

    /// Fails unless a cause that a commit is to name is a version that is there.
    pub(crate) async fn check_cause(&self, view: &super::View, cause: &DocumentVersion) -> Result<()> {
        let name = key::document(&cause.collection, &cause.key);
        let mut cursor = view.cursor();
        let mut more = cursor.seek(self.blocks(), &view.first_key(&name)).await?;
        while more && cursor.key().starts_with(&name) {
            let found = super::state::read_entry(cursor.key(), cursor.value(), None)?;
            if found.entry.counter == cause.version.counter && self.actor_of(found.actor)? == cause.version.actor {
                return Ok(());
            }
            more = cursor.next(self.blocks()).await?;
        }
        let DocumentVersion { collection, key, version } = cause;
        let message = alloc::format!("the cause {collection}/{key} has no version {version}");
        Err(Error::new(crate::ErrorCode::NotFound, message))
    }
}
