//! Maintenance: checkpoints (the memtable becomes a table), merges of tables, and closing. In bounded steps, one at a time.
//!
//! The order is always: new files whole and durable, then the manifest, then the root, then the state that readers take,
//! and only then are old files removed, when no reader holds them any more.

use super::{Engine, key, state::State};
use crate::{
    bug::{self, Bug},
    clock::Timestamp,
    error::{Error, ErrorCode, Result},
    id::ActorId,
    index::{
        builder::{TableBuilder, TableInfo as BuiltTable},
        memtable::Memtable,
        merge_job::MergeJob,
        merge_policy::{TableSize, pick_merge},
        table::Table,
    },
    limits,
    log::{
        Position,
        root::{ActorState, Manifest, Root, SegmentInfo, TableInfo},
        writer,
    },
    storage::{AsyncStorage, FileName},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::sync::atomic::Ordering;

/// A tail of this part of a due checkpoint's is left in the log at close (256 KiB): reading it back costs less than a table.
const CLOSE_TAIL_PART: u64 = 16;

/// Entries of a memtable that are copied out at once while it becomes a table.
const BATCH: usize = 1024;

/// Entries that one step of a merge goes over, on every platform: the bytes of files follow from it.
const STEP_ENTRIES: usize = 16_384;

/// What the log said when the memtable was frozen.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    position: Position,
    clock: Timestamp,
    actors: Vec<(ActorId, ActorState)>,
    segments: Vec<SegmentInfo>,
}

/// A merge under way: which tables, and into which.
pub(crate) struct Merge {
    job: MergeJob,
    number: u32,
    oldest_first: Vec<u32>,
}

/// Which merge is begun when none is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// One that has become due.
    Due,
    /// That of all tables.
    All,
    /// None.
    None,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Bytes of log behind the last freeze.
    pub(crate) fn tail_bytes(&self) -> u64 {
        self.tail_bytes.load(Ordering::Relaxed)
    }

    /// Whether a memtable waits to become a table.
    pub(crate) fn has_frozen(&self) -> bool {
        self.state.read().frozen.is_some()
    }

    /// Makes everything durable and freezes the memtable, so that [`Engine::finish_checkpoint`] can make it a table while
    /// writing goes on. The caller holds the gate and no flush is under way.
    pub(crate) async fn begin_checkpoint(&self) -> Result<()> {
        if !bug::active(Bug::CheckpointUnpublished) {
            self.flush(true).await?;
        }
        let writer = self.writer.lock();
        let mut files = self.files.lock();
        let mut state = self.state.write();
        if state.frozen.is_some() || state.active.is_empty() {
            return Ok(());
        }
        let frozen = Frozen {
            position: writer.log.end(),
            clock: writer.clock,
            actors: writer.actors.iter().map(|(actor, state)| (*actor, *state)).collect(),
            segments: self.segments.read().clone(),
        };
        files.frozen_at = Some(frozen);
        self.tail_bytes.store(0, Ordering::Relaxed);
        *state = Arc::new(State {
            active: Arc::new(Memtable::new()),
            frozen: Some(state.active.clone()),
            tables: state.tables.clone(),
        });
        Ok(())
    }

    /// Makes the frozen memtable a table and names it in the root. Does nothing if there is none.
    pub(crate) async fn finish_checkpoint(&self) -> Result<()> {
        self.check_writable()?;
        let Some(memtable) = self.state.read().frozen.clone() else { return Ok(()) };
        let Some(frozen) = self.files.lock().frozen_at.clone() else { return Ok(()) };
        let number = self.next_file();
        let built = match self.build_table(number, &memtable).await {
            Ok(built) => built,
            Err(e) => {
                self.discard(FileName::Table(number)).await;
                return Err(e);
            }
        };
        let table = Arc::new(Table::open(&self.storage, number, self.database, built.bytes).await?);
        let mut manifest = self.files.lock().manifest.clone();
        manifest.checkpoint = frozen.position;
        manifest.clock = frozen.clock;
        manifest.actors = frozen.actors;
        manifest.segments = frozen.segments;
        manifest.tables.push(TableInfo { number, bytes: built.bytes });
        self.install(manifest, frozen.position).await?;
        {
            let mut files = self.files.lock();
            files.frozen_at = None;
            let mut state = self.state.write();
            let tables = core::iter::once(table).chain(state.tables.iter().cloned()).collect();
            *state = Arc::new(State { active: state.active.clone(), frozen: None, tables });
        }
        self.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
        self.sweep().await
    }

    async fn build_table(&self, number: u32, memtable: &Memtable) -> Result<BuiltTable> {
        self.discard(FileName::Table(number)).await;
        let mut builder = TableBuilder::create(&self.storage, number, self.database, key::filter_part).await?;
        let mut newest = 0;
        let mut batch = memtable.keys_and_values(None, BATCH);
        let mut before: Option<Vec<u8>> = None;
        while let Some((last, _)) = batch.last() {
            let last = last.clone();
            for (key, value) in &batch {
                if let (Some(document), Some((time, _))) = (key::filter_part(key), key::read_stamp(key)) {
                    newest = newest.max(key::ascending_stamp(time));
                    if bug::active(Bug::MergeDropsOldVersions) {
                        if before.as_deref() == Some(document) {
                            continue;
                        }
                        before = Some(document.to_vec());
                    }
                }
                builder.add(&self.storage, key, value).await?;
            }
            batch = memtable.keys_and_values(Some(&last), BATCH);
        }
        builder.finish(&self.storage, newest).await
    }

    /// The number of the next table or manifest.
    fn next_file(&self) -> u32 {
        let mut files = self.files.lock();
        let number = files.manifest.next_file;
        files.manifest.next_file += 1;
        number
    }

    /// Removes a file that no root names. What cannot be removed now is removed when the database is next opened.
    pub(super) async fn discard(&self, file: FileName) {
        let _ = self.storage.remove(file).await;
    }

    /// Writes a manifest and the root that names it.
    async fn install(&self, mut manifest: Manifest, durable: Position) -> Result<()> {
        let number = self.next_file();
        manifest.next_file = number + 1;
        let checksum = match manifest.write(&self.storage, number).await {
            Ok(checksum) => checksum,
            Err(e) => {
                self.discard(FileName::Manifest(number)).await;
                return Err(e);
            }
        };
        let before = self.files.lock().root;
        let root = Root {
            database: self.database,
            generation: before.generation + 1,
            manifest: number,
            manifest_checksum: checksum,
            durable: if durable.sequence > before.durable.sequence { durable } else { before.durable },
        };
        if let Err(e) = self.write_root(root).await {
            // Its slot may have got through all the same: what it names stays until a later root stands in its place.
            let mut files = self.files.lock();
            let known: Vec<u32> = files.manifest.tables.iter().map(|t| t.number).collect();
            let new = manifest.tables.iter().map(|t| t.number).filter(|number| !known.contains(number));
            files.doubtful.push(FileName::Manifest(number));
            files.doubtful.extend(new.map(FileName::Table));
            return Err(e);
        }
        let doubtful = {
            let mut files = self.files.lock();
            files.manifest = manifest;
            core::mem::take(&mut files.doubtful)
        };
        for file in doubtful.into_iter().chain([FileName::Manifest(before.manifest)]) {
            self.discard(file).await;
        }
        Ok(())
    }

    /// Writes the root. Where there is no room, as on media that never write in place, the one before it still counts and
    /// it is tried again with the next checkpoint. Where anything else fails, nothing is known of the medium, and the engine
    /// stops.
    async fn write_root(&self, root: Root) -> Result<()> {
        if let Err(e) = root.write(&self.storage).await {
            if !e.is(ErrorCode::StorageFull) {
                self.poison(&e);
            }
            return Err(e);
        }
        self.files.lock().root = root;
        Ok(())
    }

    /// Takes one step of a merge, beginning one as it says if none is under way. Returns whether there may be more to do.
    pub(crate) async fn merge_step(&self, begin: Begin) -> Result<bool> {
        self.check_writable()?;
        let under_way = self.files.lock().merge.take();
        let mut merge = match under_way {
            Some(merge) => merge,
            None => match self.begin_merge(begin).await? {
                Some(merge) => merge,
                None => return Ok(false),
            },
        };
        match merge.job.step(&self.storage, STEP_ENTRIES).await {
            Ok(false) => {
                self.files.lock().merge = Some(merge);
                Ok(true)
            }
            Ok(true) => {
                self.finish_merge(merge).await?;
                Ok(true)
            }
            Err(e) => {
                self.discard(FileName::Table(merge.number)).await;
                Err(e)
            }
        }
    }

    async fn begin_merge(&self, begin: Begin) -> Result<Option<Merge>> {
        let oldest_first: Vec<_> = self.state().tables.iter().rev().cloned().collect();
        let size = |table: &Arc<Table>| TableSize { number: table.info().number, bytes: table.info().bytes };
        let sizes: Vec<_> = oldest_first.iter().map(size).collect();
        let picked = match begin {
            Begin::Due => pick_merge(&sizes),
            Begin::All => (sizes.len() > 1).then_some(0..sizes.len()),
            Begin::None => None,
        };
        let Some(tables) = picked.and_then(|range| oldest_first.get(range)) else { return Ok(None) };
        let number = self.next_file();
        self.discard(FileName::Table(number)).await;
        let job = MergeJob::begin(&self.storage, tables, number, key::filter_part).await?;
        Ok(Some(Merge { job, number, oldest_first: tables.iter().map(|t| t.info().number).collect() }))
    }

    async fn finish_merge(&self, merge: Merge) -> Result<()> {
        let Some(built) = merge.job.merged() else { return Ok(()) };
        drop(merge.job);
        let table = Arc::new(Table::open(&self.storage, built.number, self.database, built.bytes).await?);
        let mut manifest = self.files.lock().manifest.clone();
        let merged = |number: u32| merge.oldest_first.contains(&number);
        let place = manifest.tables.iter().position(|t| merged(t.number)).unwrap_or(0);
        manifest.tables.retain(|t| !merged(t.number));
        manifest.tables.insert(place, TableInfo { number: built.number, bytes: built.bytes });
        let durable = manifest.checkpoint;
        self.install(manifest, durable).await?;
        {
            let mut files = self.files.lock();
            let mut state = self.state.write();
            let mut tables: Vec<_> = state.tables.to_vec();
            files.retired.extend(tables.iter().filter(|t| merged(t.info().number)).cloned());
            let place = tables.iter().position(|t| merged(t.info().number)).unwrap_or(0);
            tables.retain(|t| !merged(t.info().number));
            tables.insert(place, table);
            *state =
                Arc::new(State { active: state.active.clone(), frozen: state.frozen.clone(), tables: tables.into() });
        }
        self.counters.merges.fetch_add(1, Ordering::Relaxed);
        self.sweep().await
    }

    /// Removes the files of tables that no reader holds any more.
    async fn sweep(&self) -> Result<()> {
        let unused: Vec<_> = {
            let mut files = self.files.lock();
            let (unused, used) =
                core::mem::take(&mut files.retired).into_iter().partition(|t| Arc::strong_count(t) == 1);
            files.retired = used;
            unused
        };
        let numbers: Vec<_> = unused.iter().map(|table| table.info().number).collect();
        if !numbers.is_empty() {
            // Nobody asks for their blocks again, and those that are asked for could not push them out of their share.
            self.forget_blocks(|table| numbers.contains(&table));
        }
        for number in numbers {
            self.discard(FileName::Table(number)).await;
        }
        Ok(())
    }

    /// Makes everything durable, leaves a short tail and exact file lengths, and releases the storage. The caller holds
    /// the gate and the vectors turn, and no flush or maintenance is under way. Closing twice is fine.
    pub(crate) async fn close(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let settled = !self.options.read_only && !self.is_poisoned.load(Ordering::Acquire);
        // On the heap: whoever closes is at the top of many futures within each other, more than compilers go along with.
        let result = if settled { Box::pin(self.settle()).await } else { Ok(()) };
        self.closed.store(true, Ordering::Release);
        let released = self.storage.close().await;
        result.and(released)
    }

    async fn settle(&self) -> Result<()> {
        if self.has_frozen() {
            self.finish_checkpoint().await?;
        }
        if self.tail_bytes() > self.options.tail_bytes / CLOSE_TAIL_PART {
            self.begin_checkpoint().await?;
            self.finish_checkpoint().await?;
        }
        self.flush(true).await?;
        self.save_vectors().await;
        let end = self.end_of_log();
        let Some(mut medium) = self.medium.lock().take() else {
            return Err(Error::new(ErrorCode::Io, "a flush is under way"));
        };
        let trimmed = match writer::trim(&self.storage, end.segment, end.offset, &mut medium).await {
            Ok(()) if medium.dirty => writer::sync_log(&self.storage, end.segment, &mut medium).await,
            other => other,
        };
        *self.medium.lock() = Some(medium);
        trimmed?;
        let before = self.files.lock().root;
        if before.durable != end {
            self.write_root(Root { generation: before.generation + 1, durable: end, ..before }).await?;
        }
        let merging = self.files.lock().merge.take().map(|merge| FileName::Table(merge.number));
        for abandoned in merging.into_iter().chain(self.abandon_compaction()) {
            self.discard(abandoned).await;
        }
        self.sweep().await
    }

    /// Whether the tail is long enough for a checkpoint, and whether writers have to wait for it.
    pub(crate) fn checkpoint_due(&self) -> (bool, bool) {
        let tail = self.tail_bytes();
        let frozen = self.has_frozen();
        let due = self.options.tail_bytes;
        let most = due.saturating_mul(limits::TAIL_BYTES_MAX / limits::TAIL_BYTES);
        (tail >= due, tail >= most - if frozen { due } else { 0 })
    }
}
