//! What readers see: an immutable list of the parts of the index, and a view of it as of one moment.
//!
//! A view holds on to the parts that were there when it was made, so it needs no lock and sees no later change: entries of
//! the memtables carry the sequence of their commit, and tables are made only of commits that every view may see.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{
    Engine,
    commit::InTables,
    key::{self, Entry, ShortActor},
};
use crate::{
    bug::{self, Bug},
    clock::Timestamp,
    error::{Error, Result},
    id::ActorId,
    index::{
        cursor::Source,
        filter::{Probe, filter_hash},
        memtable::Memtable,
        merge::MergeCursor,
        payload::Payload,
        table::{Found as TableFound, Table},
    },
    sorted::SortedMap,
    storage::{AsyncStorage, FileName},
};
use alloc::{sync::Arc, vec::Vec};

/// The parts of the index, newest first: the memtable that is written to, one that is being made a table, the tables.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) active: Arc<Memtable>,
    pub(crate) frozen: Option<Arc<Memtable>>,
    /// Newest first.
    pub(crate) tables: Arc<[Arc<Table>]>,
}

impl State {
    pub(crate) fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        core::iter::once(&self.active).chain(&self.frozen)
    }
}

/// For each actor the last of its commits that counts.
pub(crate) type VersionVector = SortedMap<ActorId, u64>;

/// Which versions a view shows.
#[derive(Clone, Debug)]
pub(crate) enum At {
    Latest,
    /// Those written up to a timestamp.
    Time(Timestamp),
    /// A causal cut: those that an actor had written when the cut was made. `before` is the highest timestamp among them.
    Cut {
        vector: Arc<VersionVector>,
        before: Timestamp,
    },
}

/// A repeatable view of the database.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) state: Arc<State>,
    /// The last commit that can be seen.
    pub(crate) sequence: u64,
    pub(crate) at: At,
    /// The time at which expiry is judged, in milliseconds since 1970.
    pub(crate) clock_ms: i64,
}

impl View {
    /// The highest timestamp that can be seen.
    pub(crate) fn newest(&self) -> Timestamp {
        match &self.at {
            At::Latest => Timestamp::MAX,
            At::Time(time) => *time,
            At::Cut { before, .. } => *before,
        }
    }

    /// Sources over everything, newest first.
    pub(crate) fn cursor(&self) -> MergeCursor {
        let sequence = if bug::active(Bug::SnapshotSeesLater) { u64::MAX } else { self.sequence };
        let memtables = self.state.memtables().map(|m| Source::memtable(m.clone(), sequence));
        let tables = self.state.tables.iter().map(|t| Source::table(t.clone()));
        MergeCursor::new(memtables.chain(tables).collect())
    }

    /// Where the versions that can be seen begin, behind a document's prefix.
    pub(crate) fn first_key(&self, document: &[u8]) -> Vec<u8> {
        let newest = self.newest().to_bits() - i64::from(bug::active(Bug::AsOfOffByOne));
        key::version(document, Timestamp::from_bits(newest), [0xff; 8])
    }
}

/// A version that was found in the index.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) timestamp: Timestamp,
    pub(crate) actor: ShortActor,
    pub(crate) entry: Entry,
    /// The encoded value, if it was at hand.
    pub(crate) payload: Option<Payload>,
}

impl Found {
    /// Whether there is a document to see at `clock_ms`.
    pub(crate) fn is_live(&self, clock_ms: i64) -> bool {
        self.entry.record.is_some() && !is_expired(self.entry.expires_at, clock_ms)
    }
}

pub(crate) fn is_expired(expires_at: Option<i64>, clock_ms: i64) -> bool {
    expires_at.is_some_and(|at| at <= clock_ms) && !bug::active(Bug::ExpiryIgnored)
}

/// Keeps the newer of two versions.
fn consider(best: &mut Option<Found>, found: Found) {
    if best.as_ref().is_none_or(|b| (found.timestamp, found.actor) > (b.timestamp, b.actor)) {
        *best = Some(found);
    }
}

/// Reads an entry of the index.
pub(crate) fn read_entry(key: &[u8], value: &[u8], payload: Option<&Payload>) -> Result<Found> {
    let malformed = || Error::corrupt("the index", 0, "an entry is malformed");
    let (timestamp, actor) = key::read_stamp(key).ok_or_else(malformed)?;
    let entry = Entry::decode(value).ok_or_else(malformed)?;
    Ok(Found { timestamp, actor, entry, payload: payload.cloned() })
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// A view of what is published now.
    pub(crate) fn view(&self) -> View {
        // The sequence first: a state that is taken later holds at least what had been published by then.
        let sequence = self.published();
        View { state: self.state(), sequence, at: At::Latest, clock_ms: self.host.now_ms() }
    }

    /// A view whose tables hold nothing beyond its sequence. That of [`Engine::view`] may show a little more than its
    /// sequence says, when a checkpoint comes between.
    pub(crate) fn exact_view(&self) -> View {
        loop {
            let view = self.view();
            if self.published() == view.sequence {
                return view;
            }
        }
    }

    /// A view of everything that was laid out, published or not: what the next commit builds on.
    pub(crate) fn writer_view(&self) -> View {
        View { state: self.state(), sequence: u64::MAX, at: At::Latest, clock_ms: self.host.now_ms() }
    }

    /// Whether a view shows a version.
    pub(crate) fn shows(&self, view: &View, found: &Found) -> Result<bool> {
        match &view.at {
            At::Latest => Ok(true),
            At::Time(time) => Ok(found.timestamp <= *time),
            At::Cut { vector, .. } => {
                let known = vector.get(&self.actor_of(found.actor)?).copied().unwrap_or(0);
                Ok(found.entry.counter <= known || bug::active(Bug::AsOfIgnoresActor))
            }
        }
    }

    /// The newest version of a document that a view shows. `document` is its prefix, see [`key::document`].
    pub(crate) async fn find(&self, view: &View, document: &[u8]) -> Result<Option<Found>> {
        self.find_hashed(view, document, filter_hash(document)).await
    }

    /// As [`Engine::find`], for a prefix whose hash is known.
    pub(crate) async fn find_hashed(&self, view: &View, document: &[u8], hash: u64) -> Result<Option<Found>> {
        self.find_knowing(view, document, hash, None).await
    }

    /// As [`Engine::find_hashed`], where the tables of the view may have been asked already.
    pub(crate) async fn find_knowing(
        &self,
        view: &View,
        document: &[u8],
        hash: u64,
        in_tables: Option<InTables>,
    ) -> Result<Option<Found>> {
        if let At::Cut { .. } = view.at {
            return self.find_in_cut(view, document).await;
        }
        let sequence = if bug::active(Bug::SnapshotSeesLater) { u64::MAX } else { view.sequence };
        let mut best: Option<Found> = None;
        let skip_frozen = bug::active(Bug::LoseFrozenMemtable);
        for memtable in view.state.memtables().take(if skip_frozen { 1 } else { 2 }) {
            if !memtable.may_contain(hash) {
                continue;
            }
            let found = memtable.find_first(&view.first_key(document), document, sequence, |key, entry| {
                read_entry(key, &entry.value, entry.payload.as_ref())
            });
            if let Some(found) = found {
                consider(&mut best, found?);
            }
        }
        match in_tables {
            Some(InTables(found)) => {
                found.into_iter().for_each(|found| consider(&mut best, found));
                Ok(best)
            }
            None => self.find_in_tables(view, document, hash, best).await,
        }
    }

    /// The newest of `best` and the versions of a document that a view shows of its tables.
    pub(crate) async fn find_in_tables(
        &self,
        view: &View,
        document: &[u8],
        hash: u64,
        mut best: Option<Found>,
    ) -> Result<Option<Found>> {
        let probe = Probe::new(hash);
        let mut from = Vec::new();
        view.state.tables.iter().for_each(|table| table.touch_filter(hash));
        let mut at = TableFound::default();
        for table in view.state.tables.iter() {
            let covered = best.as_ref().is_some_and(|b| key::ascending_stamp(b.timestamp) > table.max_stamp());
            if covered || !table.may_contain(&probe) {
                continue;
            }
            if from.is_empty() {
                from = view.first_key(document);
            }
            if table.find_first(self.blocks(), &from, &mut at).await? && at.key().starts_with(document) {
                consider(&mut best, read_entry(at.key(), at.value(), None)?);
            }
        }
        Ok(best)
    }

    async fn find_in_cut(&self, view: &View, document: &[u8]) -> Result<Option<Found>> {
        let mut cursor = view.cursor();
        let mut more = cursor.seek(self.blocks(), &view.first_key(document)).await?;
        while more && cursor.key().starts_with(document) {
            let found = read_entry(cursor.key(), cursor.value(), cursor.payload())?;
            if self.shows(view, &found)? {
                return Ok(Some(found));
            }
            more = cursor.next(self.blocks()).await?;
        }
        Ok(None)
    }

    /// The actor of which the index names the first bytes.
    pub(crate) fn actor_of(&self, short: ShortActor) -> Result<ActorId> {
        let known = self.actors.read().get(&short).copied();
        known.ok_or_else(|| Error::corrupt(FileName::Root, 0, "the index names an actor that the log does not know"))
    }
}
