//! The indexes of all named vectors, kept up with the log.
//!
//! They are derived from the log alone: from its beginning, or from a snapshot, commit by commit in its order. So a put costs
//! nothing here, what is taken back was never in, and a lost snapshot costs time only. Whoever drives the engine keeps a
//! fourth rule: one at a time catches up or takes a step (the *vectors turn*).

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{VECTORS, pages::Source};
use crate::{
    engine::{Engine, KeyRange, Order, feed::step},
    error::{Error, Result, quoted},
    id::ActorId,
    limits,
    log::{
        Location, Position,
        frame::HEADER_BYTES,
        recovery::{Follower, Replayed},
    },
    sorted::SortedMap,
    storage::AsyncStorage,
    vector::{
        VectorConfig,
        hnsw::{Batch, Scratch, parallel::Parallel},
        index::{Index, Layout, Structure},
        rows::{Begin, Place, Stamp},
        vectors,
    },
};
use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::sync::atomic::Ordering;

/// Numbers of vectors that are collected before they are coded: 16 MiB.
const PENDING_NUMBERS: usize = 4 << 20;

/// Rows that one step searches for in a graph where there is one thread, which does nothing else meanwhile. With more of them
/// it is a batch, so that each has something to do.
const ROWS_OF_STEP: usize = 16;

/// Bytes of log up to which a search catches up by itself, whoever else could.
const CATCH_UP_BYTES: u64 = 32 << 20;

/// A snapshot is worth its file when it saves reading so much log as a checkpoint is due at, or less: a row for each of these
/// bytes of it.
const SNAPSHOT_ROW_BYTES: u64 = 4096;

/// The least rows for which there is a snapshot, however short the tail of the log is to be.
const SNAPSHOT_ROWS_MIN: usize = 8;

/// A snapshot is due when a quarter of the rows is not in it, so that writing them costs a few times their bytes.
const SNAPSHOT_SHARE: usize = 4;

/// Pages of a snapshot that one step reads: 4 MiB, some milliseconds in a page.
const PAGES_OF_STEP: usize = 1024;

/// A named vector of a collection.
pub(super) type Named = (String, String);

/// The indexes, as of a place in the log.
pub(crate) struct VectorStore {
    /// Behind the last commit that is in them.
    pub(super) position: Position,
    pub(super) indexes: SortedMap<Named, Index>,
    /// Rows that are in the snapshot.
    pub(super) saved_rows: usize,
    /// The snapshot, until everything was read from it.
    pub(super) source: Option<Arc<Source>>,
    /// Rows that are being taken into a graph, and the number of its index.
    batch: Option<(u64, Batch)>,
    pending: usize,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VectorStep {
    /// There is more to do.
    More,
    /// A snapshot is due: the log is to be made durable, and then [`Engine::write_vector_snapshot`] called.
    Snapshot,
    /// Nothing is left.
    Done,
}

impl VectorStore {
    pub(super) fn new(position: Position) -> VectorStore {
        VectorStore { position, indexes: SortedMap::default(), saved_rows: 0, source: None, batch: None, pending: 0 }
    }

    pub(super) fn rows(&self) -> usize {
        self.indexes.values().map(|index| index.rows.len()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.indexes.values().map(Index::bytes).sum()
    }

    pub(super) fn index(&mut self, named: &Named) -> Option<&mut Index> {
        self.indexes.get_mut(named)
    }

    /// Takes in one commit. `own` is the database's own actor.
    fn apply(&mut self, replayed: &Replayed<'_>, own: ActorId) -> Result<()> {
        let header = &replayed.commit.header;
        let stamp = (header.version.actor == own).then_some(Stamp {
            sequence: replayed.sequence,
            timestamp: header.timestamp,
            counter: header.version.counter,
        });
        let (offsets, _) = header.record_offsets();
        let records_at = replayed.frame.offset + (HEADER_BYTES + replayed.commit.records_at) as u64;
        for (change, offset) in header.changes.iter().zip(offsets) {
            let encoded = replayed.commit.vectors(offset, change)?;
            let of_collection = |named: &Named| (*named.0).cmp(&*change.collection);
            self.indexes.equal_mut(of_collection).for_each(|index| index.rows.end(&change.key, stamp));
            let Some(encoded) = encoded else { continue };
            let place = Place {
                segment: replayed.frame.segment,
                offset: u32::try_from(records_at + offset).map_err(|_| too_far(replayed.frame))?,
                value_bytes: change.value_record_bytes() as u32,
                vectors_bytes: change.vectors_record_bytes() as u32,
            };
            let (key, expires_at) = (&*change.key, change.expires_at);
            for (name, dimension) in vectors::dimensions(encoded) {
                let named = (String::from(&*change.collection), String::from(name));
                if !self.indexes.contains(&named) {
                    self.indexes.insert(named.clone(), Index::new(dimension));
                }
                let Some(index) = self.index(&named) else { continue };
                // What came from elsewhere may not fit: it is stored, and cannot be searched.
                if index.dimension != dimension {
                    continue;
                }
                if index.rows.is_full(key) {
                    let what =
                        format!("the vectors {} of {} are more than can be indexed", quoted(name), change.collection);
                    return Err(Error::limit(what));
                }
                index.rows.begin(&Begin { key, place, expires_at, stamp });
                vectors::append_one(encoded, name, &mut index.pending);
                self.pending += dimension;
            }
        }
        Ok(())
    }
}

fn too_far(frame: Location) -> Error {
    Error::limit(format!("a vector beyond 4 GiB of segment {} cannot be indexed", frame.segment))
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Whether commits up to `sequence` are in the indexes.
    pub(crate) fn vectors_know(&self, sequence: u64) -> bool {
        self.vectors_applied.load(Ordering::Acquire) >= sequence
    }

    /// As [`Engine::catch_up_vectors`], unless so much log is to be read for it that a search should not wait: then `false`,
    /// and it is for maintenance to do.
    ///
    /// # Errors
    /// Those of [`Engine::catch_up_vectors`].
    pub(crate) async fn catch_up_near_vectors(&self) -> Result<bool> {
        self.open_vectors().await?;
        let at = |position: Position| u64::from(position.segment) * self.options.segment_bytes + position.offset;
        let known = self.vectors.read().as_ref().map_or(0, |store| at(store.position));
        if at(self.end_of_log()).saturating_sub(known) > CATCH_UP_BYTES {
            return Ok(false);
        }
        self.catch_up_vectors().await.map(|()| true)
    }

    /// Reads the indexes of the last snapshot, if they are not in memory.
    async fn open_vectors(&self) -> Result<()> {
        self.check_open()?;
        if self.vectors.read().is_none() {
            let store = self.load_vectors().await?;
            let mut vectors = self.vectors.write();
            self.vectors_applied.store(store.position.sequence, Ordering::Release);
            *vectors = Some(store);
        }
        Ok(())
    }

    /// Takes every published commit into the indexes. The caller has the vectors turn.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` if they take more memory than they may; `CORRUPT`, `IO`. They stay behind then, and searches compare
    /// every document.
    pub(crate) async fn catch_up_vectors(&self) -> Result<()> {
        // Each time that a snapshot turns out to be damaged there is one less.
        loop {
            self.open_vectors().await?;
            match self.follow_vectors().await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(e) => {
                    // A commit may be in them by half.
                    self.forget_vectors(&mut self.vectors.write());
                    return Err(e);
                }
            }
        }
    }

    /// `false` if the indexes were dropped because their snapshot is damaged.
    async fn follow_vectors(&self) -> Result<bool> {
        let until = self.published();
        let Some(from) = self.vectors.read().as_ref().map(|store| store.position) else { return Ok(false) };
        let mut follower = Follower::new(self.database, self.actor, from);
        if from.sequence < until {
            // Rows that begin or end are found by them.
            for named in self.vector_names() {
                if !self.bring_keys(&named).await? {
                    return Ok(false);
                }
            }
        }
        while follower.position.sequence < until {
            let mut collected = 0;
            let mut visit = |replayed: Replayed<'_>| {
                let mut vectors = self.vectors.write();
                let Some(store) = vectors.as_mut() else { return Ok(()) };
                store.apply(&replayed, self.actor)?;
                collected = store.pending;
                Ok(())
            };
            step(&mut follower, self, &mut visit).await?;
            if collected >= PENDING_NUMBERS && !self.encode_vectors().await? {
                return Ok(false);
            }
        }
        if !self.encode_vectors().await? {
            return Ok(false);
        }
        let mut vectors = self.vectors.write();
        let Some(store) = vectors.as_mut() else { return Ok(false) };
        store.position = follower.position;
        self.vectors_applied.store(follower.position.sequence, Ordering::Release);
        Ok(true)
    }

    /// Codes what was collected. `false` if codes are not to be had that it comes behind.
    async fn encode_vectors(&self) -> Result<bool> {
        for (named, config) in self.indexed_vectors().await? {
            if self.with_index(&named, |index| !index.pending.is_empty()) == Some(true)
                && !self.bring_flat(&named).await?
            {
                return Ok(false);
            }
            if let Some(index) = self.vectors.write().as_mut().and_then(|store| store.index(&named)) {
                index.encode(&config);
            }
        }
        let mut vectors = self.vectors.write();
        let Some(store) = vectors.as_mut() else { return Ok(false) };
        store.pending = 0;
        let (bytes, max) = (store.bytes(), self.options.vector_bytes);
        if bytes > max {
            return Err(Error::limit(format!(
                "the indexes of vectors take {bytes} bytes of memory, and {max} are given: open the database with more, or choose smaller codes"
            )));
        }
        Ok(true)
    }

    /// The named vectors that there are rows of.
    pub(super) fn vector_names(&self) -> Vec<Named> {
        let vectors = self.vectors.read();
        let names = |store: &VectorStore| store.indexes.iter().map(|(named, _)| named.clone()).collect();
        vectors.as_ref().map(names).unwrap_or_default()
    }

    /// The named vectors that there are rows of, with their configurations.
    async fn indexed_vectors(&self) -> Result<Vec<(Named, VectorConfig)>> {
        let names = self.vector_names();
        let mut found = Vec::with_capacity(names.len());
        for named in names {
            if let Some(config) = self.vector_config(&self.view(), &named.0, &named.1).await? {
                found.push((named, config));
            }
        }
        Ok(found)
    }

    /// Does a bounded part of what is due: catches up, makes codes anew where a configuration has changed, takes rows into a
    /// graph. The caller has the vectors turn.
    ///
    /// # Errors
    /// As [`Engine::catch_up_vectors`].
    pub(crate) async fn vector_step(&self, parallel: &dyn Parallel) -> Result<VectorStep> {
        self.check_open()?;
        if self.vectors.read().is_none() && !self.has_vectors().await? {
            return Ok(VectorStep::Done);
        }
        if !self.vectors_know(self.published()) {
            self.catch_up_vectors().await?;
        }
        for (named, config) in self.indexed_vectors().await? {
            if !self.with_index(&named, |index| index.ready(&config).is_some()).unwrap_or(true) {
                self.rebuild_index(&named, &config).await?;
                return Ok(VectorStep::More);
            }
            let unlinked = |index: &Index| index.structure.as_ref().map_or(0, Structure::unlinked);
            let wanted = |index: &Index| unlinked(index) > 0 || index.wants_rest();
            if self.with_index(&named, wanted) == Some(true) && self.bring_some(&named).await? {
                return Ok(VectorStep::More);
            }
            if self.link_some(&named, parallel) {
                return Ok(VectorStep::More);
            }
        }
        if !self.vector_snapshot_due(SNAPSHOT_SHARE) {
            return Ok(VectorStep::Done);
        }
        for named in self.vector_names() {
            if self.bring_some(&named).await? {
                return Ok(VectorStep::More);
            }
        }
        Ok(VectorStep::Snapshot)
    }

    /// Takes some rows into a graph; whether there were any. They are searched for while others search as well, and only to
    /// link them everybody waits.
    fn link_some(&self, named: &Named, parallel: &dyn Parallel) -> bool {
        let kept = self.vectors.write().as_mut().and_then(|store| {
            let own = store.indexes.get(named)?.number;
            store.batch.take_if(|(number, _)| *number == own)
        });
        let search = |index: &Index| {
            let structure = index.structure.as_ref()?;
            let mut batch = kept.map(|(_, batch)| batch).or_else(|| structure.begin_batch(parallel))?;
            let rows = if parallel.width() > 1 { usize::MAX } else { ROWS_OF_STEP };
            let whole = structure.search_for(&mut batch, rows, parallel);
            Some((index.number, batch, whole))
        };
        let Some((number, batch, whole)) = self.with_index(named, search).flatten() else { return false };
        let mut vectors = self.vectors.write();
        let Some(store) = vectors.as_mut() else { return true };
        if !whole {
            store.batch = Some((number, batch));
        } else if let Some(index) = store.index(named).filter(|index| index.number == number)
            && let Some(structure) = &mut index.structure
        {
            structure.finish_batch(batch, parallel);
        }
        true
    }

    /// Reads a bounded part of what is missing of an index; whether there was something.
    async fn bring_some(&self, named: &Named) -> Result<bool> {
        if self.with_index(named, Index::is_there) != Some(false) {
            return Ok(false);
        }
        // Dropped indexes are made anew by the next step.
        if self.bring_flat(named).await? {
            let missing = |index: &Index| {
                let mut pages = Vec::new();
                index.need_all(&mut pages);
                pages.truncate(PAGES_OF_STEP);
                pages
            };
            let mut pages = self.with_index(named, missing).unwrap_or_default();
            if !pages.is_empty() {
                self.bring_missing(named, &mut pages, &mut Vec::new()).await?;
            }
        }
        Ok(true)
    }

    /// Whether a snapshot of what is in memory is due: when more than one row of `share` is not in the last one.
    pub(super) fn vector_snapshot_due(&self, share: usize) -> bool {
        let vectors = self.vectors.read();
        let unsaved = |store: &VectorStore| (store.rows(), store.rows() - store.saved_rows.min(store.rows()));
        let least = ((self.options.tail_bytes / SNAPSHOT_ROW_BYTES) as usize).max(SNAPSHOT_ROWS_MIN);
        let due = |(rows, unsaved): (usize, usize)| unsaved >= least.max(rows / share);
        !self.options.read_only && vectors.as_ref().map(unsaved).is_some_and(due)
    }

    async fn has_vectors(&self) -> Result<bool> {
        let range = KeyRange::default();
        let mut scan = self.scan(self.view(), VECTORS, &range, Order::Ascending)?;
        Ok(scan.next_version(self).await?.is_some())
    }

    /// Makes the codes of a named vector anew, from the log. What was there is searched meanwhile, or every row.
    async fn rebuild_index(&self, named: &Named, config: &VectorConfig) -> Result<()> {
        let need = |index: &Index, out: &mut Vec<u32>| {
            index.rows.need_places(out);
            true
        };
        if !self.bring(named, &need).await? {
            return Ok(());
        }
        let rows = self.with_index(named, |index| index.rows.len()).unwrap_or(0);
        let mut structure = Structure::new(Layout::of(config, rows));
        let mut vector = Vec::new();
        for row in 0..rows as u32 {
            let place = self.with_index(named, |index| index.rows.place(row)).flatten();
            if let Some(place) = place {
                self.read_vector(vectors_at(place), &named.1, &mut vector).await?;
                structure.push(&vector);
            }
        }
        if let Some(store) = self.vectors.write().as_mut() {
            store.saved_rows = 0;
            store.batch = None;
            if let Some(index) = store.index(named) {
                index.structure = Some(structure);
            }
        }
        Ok(())
    }

    pub(super) fn with_index<R>(&self, named: &Named, look: impl FnOnce(&Index) -> R) -> Option<R> {
        self.vectors.read().as_ref().and_then(|store| store.indexes.get(named).map(look))
    }

    /// Room to search in.
    pub(super) fn take_scratch(&self) -> Scratch {
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        scratch.begin_anew();
        scratch
    }

    pub(super) fn give_scratch(&self, scratch: Scratch) {
        let mut scratches = self.scratches.lock();
        if scratches.len() < limits::VECTOR_SCRATCHES_KEPT {
            scratches.push(scratch);
        }
    }
}

/// Where the vectors of a row stand.
pub(super) fn vectors_at(place: Place) -> Location {
    let offset = u64::from(place.offset) + u64::from(place.value_bytes);
    Location { segment: place.segment, offset, bytes: place.vectors_bytes }
}

/// Where the value of a row stands.
pub(super) fn value_at(place: Place) -> Location {
    Location { segment: place.segment, offset: place.offset.into(), bytes: place.value_bytes }
}
