//! Making a commit: look up what it replaces, stamp it, lay it out, enter it into the index.
//!
//! Two steps. [`Engine::prepare`] reads (and may wait for the storage); [`Engine::append`] only computes, under the
//! writer's lock, and is quick. What was appended is seen by the next writer at once and by readers when it is published.

use super::{
    Draft, Engine, Origin, Writer,
    draft::{DraftChange, Encoded},
    key::{self, Entry},
    model::{Expected, Head},
    state::{At, Found, VersionVector, View, is_expired, read_entry},
};
use crate::{
    bug::{self, Bug},
    clock::Timestamp,
    codec::commit::{Cause, Change, ChangeVectors, Dependency, Header, NO_VALUE},
    error::{Error, ErrorCode, Result},
    id::{ActorId, CommitId, VersionId},
    index::{
        filter::filter_hash,
        memtable::{MemEntry, Memtable},
        payload::Payload,
        short::Key,
        table::Table,
    },
    limits,
    log::{Location, Position, root::ActorState, writer::Placed},
    storage::AsyncStorage,
};
use alloc::{format, sync::Arc, vec::Vec};
use core::sync::atomic::Ordering;

/// Every so many commits an actor names all actors that it has seen, so that a causal cut is found within as many steps.
pub(crate) const FULL_DEPENDENCIES_EVERY: u64 = 64;

/// A draft with what it replaces.
pub(crate) struct Prepared {
    draft: Draft,
    /// For each change the versions that it replaces.
    parents: Vec<Vec<VersionId>>,
    epoch: u64,
}

impl Prepared {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.draft.changes.is_empty()
    }
}

/// What the tables said of the documents of a draft, see [`Engine::scout`].
pub(crate) struct Scouted {
    tables: Arc<[Arc<Table>]>,
    /// In the order of the changes; `None` for those that were not looked up.
    found: Vec<Option<InTables>>,
}

/// The newest version of a document in the tables, if there is one.
pub(crate) struct InTables(pub(crate) Option<Found>);

/// A commit that was laid out and is to be made durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub(crate) sequence: u64,
    pub(crate) epoch: u64,
    pub(crate) version: VersionId,
    pub(crate) timestamp: Timestamp,
}

/// How to take one commit back.
pub(crate) struct Undo {
    pub(crate) sequence: u64,
    pub(crate) before: Position,
    pub(crate) clock: Timestamp,
    pub(crate) actor: ActorId,
    pub(crate) state: Option<ActorState>,
    pub(crate) bytes: u64,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Counts the times that something appended was taken back. A draft that was prepared before is stale.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Looks up in the tables what a draft replaces: the part of [`Engine::prepare`] that may have to read, done by a
    /// writer before its turn. Tables never change, so the answer is good for as long as they are the ones that are asked.
    pub(crate) async fn scout(&self, draft: &Draft) -> Result<Scouted> {
        // Nothing expires here, so the clock is not asked: with or without scouting a commit asks it as often.
        let view = View { state: self.state(), sequence: u64::MAX, at: At::Latest, clock_ms: 0 };
        let mut found = Vec::with_capacity(draft.changes.len());
        for change in &draft.changes {
            // In a memtable it is probably newer than in any table.
            let recent = view.state.memtables().any(|memtable| memtable.may_contain(change.hash));
            found.push(match recent || self.cached(change.hash, change.name(), u64::MAX).is_some() {
                true => None,
                false => {
                    let found = self.find_in_tables(&view, change.name(), change.hash, None);
                    Some(InTables(found.await?))
                }
            });
        }
        Ok(Scouted { tables: view.state.tables.clone(), found })
    }

    /// Checks a draft against the database and looks up what it replaces, as far as that was not scouted. Deletions of
    /// documents that are not there are left out.
    ///
    /// # Errors
    /// `CONFLICT` if a document is not at the version that was expected, `NOT_FOUND` for a cause that is not known.
    pub(crate) async fn prepare(&self, mut draft: Draft, scouted: Option<Scouted>) -> Result<Prepared> {
        self.check_writable()?;
        let epoch = self.epoch();
        draft.check()?;
        let view = self.writer_view();
        for cause in &draft.info.causes {
            self.check_cause(&view, cause).await?;
        }
        let mut parents = match &mut draft.origin {
            Origin::Import { parents, .. } => core::mem::take(parents),
            Origin::Own => {
                let mut parents = Vec::with_capacity(draft.changes.len());
                let mut absent = Vec::new();
                let mut known =
                    scouted.filter(|s| Arc::ptr_eq(&s.tables, &view.state.tables)).map(|s| s.found.into_iter());
                for (place, change) in draft.changes.iter().enumerate() {
                    let known = known.as_mut().and_then(Iterator::next).flatten();
                    let (replaced, goes_ahead) = self.replaced_by(&view, change, known).await?;
                    if goes_ahead {
                        parents.push(replaced);
                    } else {
                        absent.push(place);
                    }
                }
                let mut place = 0..;
                draft.changes.retain(|_| place.next().is_none_or(|place| absent.binary_search(&place).is_err()));
                parents
            }
        };
        // An import's are as well what is known now: searches of any moment go by that.
        self.configure_new_vectors(&view, &mut draft, &mut parents).await?;
        Ok(Prepared { draft, parents, epoch })
    }

    /// The versions that a change replaces, and whether it has an effect.
    async fn replaced_by(
        &self,
        view: &View,
        change: &DraftChange,
        in_tables: Option<InTables>,
    ) -> Result<(Vec<VersionId>, bool)> {
        let name = change.name();
        let (newest, live, conflicted) = match self.cached(change.hash, name, u64::MAX) {
            Some(cached) => {
                (Some(cached.version()), !is_expired(cached.expires_at(), view.clock_ms), cached.head().conflicted)
            }
            None => match self.find_knowing(view, name, change.hash, in_tables).await? {
                None => (None, false, false),
                Some(found) => (Some(self.version_id(&found)?), found.is_live(view.clock_ms), found.entry.conflicted),
            },
        };
        let met = match change.expected {
            Expected::Any => true,
            Expected::Absent => !live,
            Expected::Version(expected) => newest == Some(expected),
        };
        if !met && !bug::active(Bug::ExpectedIgnored) {
            let found = newest
                .filter(|_| live)
                .map_or(alloc::string::String::from("it does not exist"), |v| format!("it is at {v}"));
            let wanted = match change.expected {
                Expected::Version(version) => format!("version {version} was expected"),
                _ => "it was expected not to exist".into(),
            };
            let (collection, key) = (&change.collection, change.key());
            return Err(Error::new(
                ErrorCode::Conflict,
                format!("{collection}/{key}: {wanted}, and {found}; read it again"),
            ));
        }
        let goes_ahead = change.value.is_some() || live;
        if conflicted {
            return Ok((self.heads(view, name).await?, goes_ahead));
        }
        Ok((newest.into_iter().collect(), goes_ahead))
    }

    /// The versions of a document that no other version replaced, newest first. `view` shows all versions.
    ///
    /// Of one actor only the newest can be one, since an actor's later commit has seen its earlier ones; and a version is
    /// replaced by another if its commit lies in that one's causal past.
    pub(crate) async fn heads(&self, view: &View, name: &[u8]) -> Result<Vec<VersionId>> {
        let mut newest: Vec<VersionId> = Vec::new();
        let mut cursor = view.cursor();
        let mut more = cursor.seek(self.blocks(), &view.first_key(name)).await?;
        while more && cursor.key().starts_with(name) {
            let found = read_entry(cursor.key(), cursor.value(), None)?;
            let actor = self.actor_of(found.actor)?;
            if self.shows(view, &found)? && newest.iter().all(|v| v.actor != actor) {
                newest.push(VersionId { actor, counter: found.entry.counter });
            }
            more = cursor.next(self.blocks()).await?;
        }
        if newest.len() < 2 {
            return Ok(newest);
        }
        // What a replaced version had seen, the one that replaced it has seen too: its past has nothing to add. The newest
        // comes first, so that one past nearly always says all, and mostly long before its end.
        let mut replaced = Vec::new();
        for &version in &newest {
            if replaced.contains(&version) {
                continue;
            }
            let sees = |past: &VersionVector, other: &VersionId| {
                past.get(&other.actor).is_some_and(|&known| other.counter <= known)
            };
            let past = self.vector_until(version, &|past| newest.iter().all(|other| sees(past, other))).await?;
            replaced.extend(newest.iter().filter(|other| **other != version && sees(&past, other)));
        }
        Ok(newest.into_iter().filter(|v| !replaced.contains(v)).take(limits::PARENTS_MAX).collect())
    }

    /// Stamps a prepared draft, lays it out behind the log and enters it into the index. Nothing is written yet.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` if it does not fit into one frame with everything that its header names, and
    /// `ABORTED` if something that the draft was prepared on top of has been taken back since.
    pub(crate) fn append(&self, prepared: Prepared) -> Result<Appended> {
        self.check_writable()?;
        let Prepared { draft, parents, epoch } = prepared;
        let (actor, wanted) = match draft.origin {
            Origin::Own => (self.actor, None),
            Origin::Import { actor, timestamp, .. } => (actor, Some(timestamp)),
        };
        self.learn_actor(actor)?;
        let mut guard = self.writer.lock();
        let writer = &mut *guard;
        if self.epoch() != epoch {
            return Err(Error::new(ErrorCode::Aborted, "an earlier commit could not be written; try again"));
        }
        let header = stamp(writer, &draft, parents, actor, wanted, self.actor, self.host.now_ms())?;
        let id = header.id();

        let records = draft.changes.iter().filter_map(|c| c.value.as_ref()).flat_map(Encoded::records);
        let records_bytes = header.changes.iter().map(Change::records_bytes).sum();
        let before = writer.log.end();
        let placed = writer.log.append(&header, &id, records, records_bytes)?;
        let after = writer.log.end();
        let bytes = u64::from(placed.frame.bytes);
        let state = ActorState { counter: header.version.counter, id, timestamp: header.timestamp };
        let undo = Undo {
            sequence: placed.sequence,
            before,
            clock: writer.clock,
            actor,
            state: writer.actors.insert(actor, state),
            bytes,
        };
        writer.undo.push(undo);
        writer.clock = writer.clock.max(header.timestamp);
        if actor == self.actor {
            writer.unnamed.clear();
        } else {
            writer.unnamed.insert(actor, ());
        }
        self.tail_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.appended.store(placed.sequence, Ordering::Relaxed);
        if after.segment != before.segment {
            let sequence = placed.sequence - 1;
            self.segments.write().push(crate::log::root::SegmentInfo { number: after.segment, sequence });
        }

        let foreign = actor != self.actor;
        let state = self.state();
        let entered = draft.changes.iter().map(|c| Entered {
            name: c.name(),
            hash: c.hash,
            payload: c.value.as_ref().map(|v| v.bytes.clone()),
        });
        enter(&state.active, &header, &id, placed, foreign, entered);
        self.refresh_cache(&header, placed, foreign, &draft);
        let appended =
            Appended { sequence: placed.sequence, epoch, version: header.version, timestamp: header.timestamp };
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.changes.fetch_add(header.changes.len() as u64, Ordering::Relaxed);
        self.counters.bytes_logged.fetch_add(bytes, Ordering::Relaxed);
        Ok(appended)
    }

    /// Replaces what is cached of the documents that a commit changes.
    fn refresh_cache(&self, header: &Header<'_>, placed: Placed, foreign: bool, draft: &Draft) {
        for change in &draft.changes {
            // A foreign version need not become the newest one: what is cached is dropped and read again.
            let fresh = || {
                let value = change.value.as_ref().filter(|_| !foreign)?;
                let stamp = (header.version, header.timestamp);
                let head = Head::new(change.name(), placed.sequence, stamp, change.expires_at);
                Some(head.sharing(&value.bytes))
            };
            self.documents.change(
                change.hash,
                placed.sequence,
                |document| *document.head().name == *change.name(),
                fresh,
            );
        }
    }

    /// Marks the newest version of every document that a foreign commit changes, so that the next writer looks for other
    /// heads. A foreign version carries the mark from the start; this is for one that does not become the newest. The caller
    /// holds the gate.
    pub(crate) async fn mark_conflicts(&self, documents: &[Vec<u8>]) -> Result<()> {
        let view = self.writer_view();
        for name in documents {
            let Some(found) = self.find(&view, name).await? else { continue };
            if found.entry.conflicted {
                continue;
            }
            let key = key::version(name, found.timestamp, found.actor);
            let mut value = Vec::new();
            Entry { conflicted: true, ..found.entry }.encode(&mut value);
            // Under the sequence of the next commit: readers of now see the same version with or without the mark.
            let sequence = self.end_of_log().sequence;
            let (entry, hash) =
                (MemEntry { sequence, value: (&*value).into(), payload: found.payload }, filter_hash(name));
            view.state.active.insert([((&*key).into(), entry, Some(hash))]);
            self.documents.change(hash, sequence, |document| *document.head().name == **name, || None);
        }
        Ok(())
    }
}

/// The header of a draft: who, when, after what.
fn stamp<'d>(
    writer: &Writer,
    draft: &'d Draft,
    parents: Vec<Vec<VersionId>>,
    actor: ActorId,
    wanted: Option<Timestamp>,
    own: ActorId,
    now_ms: i64,
) -> Result<Header<'d>> {
    let last = writer.actors.get(&actor).copied();
    let timestamp = match wanted {
        None => writer.clock.next(now_ms)?,
        Some(wanted) => match last {
            Some(last) if wanted <= last.timestamp => last.timestamp.next(i64::MIN)?,
            _ => wanted,
        },
    };
    let version = VersionId { actor, counter: last.map_or(0, |l| l.counter) + 1 };
    let names_all = version.counter % FULL_DEPENDENCIES_EVERY == 1;
    let dependency = |&(actor, state): &(ActorId, ActorState)| Dependency {
        version: VersionId { actor, counter: state.counter },
        id: state.id,
    };
    let dependencies = if actor != own {
        last.iter().map(|state| dependency(&(actor, *state))).collect()
    } else {
        let named = writer.actors.iter();
        named.filter(|(a, _)| names_all || *a == actor || writer.unnamed.contains(a)).map(dependency).collect()
    };
    let changes = (draft.changes.iter().zip(parents))
        .map(|(change, parents)| Change {
            collection: (&*change.collection).into(),
            key: change.key().into(),
            value_bytes: change.value.as_ref().map(|v| v.bytes.len() as u32),
            hash: Some(change.value.as_ref().map_or(NO_VALUE, |v| v.hash)),
            vectors: (change.value.as_ref().and_then(|v| v.vectors.as_ref()))
                .map(|v| ChangeVectors { bytes: v.bytes.len() as u32, hash: Some(v.hash) }),
            parents,
            expires_at: change.expires_at,
        })
        .collect();
    let causes = draft.info.causes.iter().map(|cause| Cause {
        collection: cause.collection.as_str().into(),
        key: cause.key.as_str().into(),
        version: cause.version,
    });
    Ok(Header {
        version,
        timestamp,
        dependencies,
        author: draft.info.author.as_deref().map(Into::into),
        message: draft.info.message.as_deref().map(Into::into),
        token: draft.token,
        causes: causes.collect(),
        changes,
    })
}

/// Entries that are put into a memtable under one lock: readers wait no longer than for these.
const ENTER_AT_ONCE: usize = 128;

/// A change as it is entered into a memtable: the prefix of the document's keys and its hash, and the value if it is at
/// hand.
pub(crate) struct Entered<N> {
    pub(crate) name: N,
    pub(crate) hash: u64,
    pub(crate) payload: Option<Payload>,
}

/// Enters a commit into a memtable. `documents` are in the order of the changes.
pub(crate) fn enter<N: AsRef<[u8]>>(
    memtable: &Memtable,
    header: &Header<'_>,
    id: &CommitId,
    placed: Placed,
    foreign: bool,
    documents: impl Iterator<Item = Entered<N>>,
) {
    let sequence = placed.sequence;
    let actor = key::short(header.version.actor);
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let mut offset = placed.records_offset;
    let mut versions = header.changes.iter().zip(documents).map(|(change, document)| {
        key::write_version(&mut key, document.name.as_ref(), header.timestamp, actor);
        Entry { conflicted: foreign, ..entry_of(header, change, placed.frame.segment, offset) }.encode(&mut value);
        offset += change.records_bytes();
        let entry = MemEntry { sequence, value: (&*value).into(), payload: document.payload };
        (Key::from(&*key), entry, Some(document.hash))
    });
    let mut left = if bug::active(Bug::PartialTransaction) { 1 } else { header.changes.len() };
    while left > 0 {
        let next = left.min(ENTER_AT_ONCE);
        memtable.insert(versions.by_ref().take(next));
        left -= next;
    }
    let bare = |key: Vec<u8>, value: &[u8]| {
        (Key::from(&*key), MemEntry { sequence, value: value.into(), payload: None }, None)
    };
    let effects = header
        .causes
        .iter()
        .map(|cause| bare(key::effect(&cause.collection, &cause.key, cause.version, header.version), &[]));
    let commit = bare(key::commit(header.version), &key::frame_value(placed.frame));
    memtable.insert([commit, bare(key::commit_id(id, placed.frame), &[])].into_iter().chain(effects));
}

/// The index value of a change whose records begin at `offset` of a segment.
pub(crate) fn entry_of(header: &Header<'_>, change: &Change<'_>, segment: u32, offset: u64) -> Entry {
    let record = |_| Location { segment, offset, bytes: change.value_record_bytes() as u32 };
    Entry {
        counter: header.version.counter,
        record: change.value_bytes.map(record),
        vectors_bytes: change.vectors_record_bytes() as u32,
        expires_at: change.expires_at,
        conflicted: false,
    }
}

/// The documents that a commit changes, by the prefix of their keys.
pub(crate) fn changed_documents(header: &Header<'_>) -> Vec<Vec<u8>> {
    header.changes.iter().map(|c| key::document(&c.collection, &c.key)).collect()
}
