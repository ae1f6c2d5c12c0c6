//! Opening: make a new database, or read the root, the tables' ends and the tail of the log.

use super::{
    Counters, Engine, EngineOptions, Files, Writer,
    commit::{Entered, changed_documents, enter},
    key,
    state::State,
};
use crate::{
    bug::{self, Bug},
    clock::Timestamp,
    error::{Error, ErrorCode, Result},
    host::Host,
    id::{ActorId, DatabaseId},
    index::{filter::filter_hash, memtable::Memtable, table::Table},
    limits,
    log::{
        recovery,
        root::{Manifest, Root, SegmentInfo},
        segment::{self, SegmentHeader},
        unpacking::Unpacking,
        writer::{self, LogWriter, Medium, Placed},
    },
    sort::sort_by,
    storage::{AsyncStorage, FileName},
    sync::{Mutex, RwLock},
};
use alloc::{format, sync::Arc, vec, vec::Vec};
use core::sync::atomic::{AtomicBool, AtomicU64};

/// The part of the cache that decompressed blocks of the log may have.
const UNPACKED_PART: usize = 16;

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Opens the database on `storage`, or makes one if there is none and the options allow it.
    ///
    /// # Errors
    /// `NOT_FOUND` where there is none, `UNSUPPORTED_FORMAT` for a newer one, `CORRUPT` with file and offset where it is
    /// not what was written. Nothing is changed on an error.
    pub(crate) async fn open(storage: S, host: Arc<dyn Host>, options: EngineOptions) -> Result<Engine<S>> {
        if options.cache_bytes < limits::CACHE_BYTES_MIN {
            let (given, min) = (options.cache_bytes, limits::CACHE_BYTES_MIN);
            return Err(Error::invalid(format!("a cache of {given} bytes: at least {min} are needed")));
        }
        let (root, made) = match Root::read(&storage).await? {
            Some(root) => (root, false),
            None => (create(&storage, &*host, options).await?, true),
        };
        let storage = Unpacking::new(storage, root.database, options.cache_bytes / UNPACKED_PART);
        let manifest = Manifest::read(&storage, &root).await?;
        if !options.read_only && !made && !bug::active(Bug::RootUnsyncedAtOpen) {
            // Who wrote this slot may have been killed before its sync, or have seen that fail: were it lost later, the slot
            // before it would count again, and what only that one names is removed below.
            root.write(&storage).await?;
        }
        let mut tables = Vec::with_capacity(manifest.tables.len());
        for table in manifest.tables.iter().rev() {
            let opened = Table::open(&storage, table.number, manifest.database, table.bytes).await;
            tables.push(Arc::new(opened.map_err(|e| missing(e, FileName::Table(table.number)))?));
        }

        let memtable = Memtable::new();
        let mut foreign_documents = Vec::new();
        let mut tail_bytes = 0;
        let recovered = recovery::replay(&storage, &root, &manifest, !options.read_only, &mut |replayed| {
            let header = &replayed.commit.header;
            let foreign = header.version.actor != manifest.actor;
            let records_at = (crate::log::frame::HEADER_BYTES + replayed.commit.records_at) as u64;
            let placed = Placed {
                sequence: replayed.sequence,
                frame: replayed.frame,
                records_offset: replayed.frame.offset + records_at,
            };
            let documents = header.changes.iter().map(|c| {
                let name = key::document(&c.collection, &c.key);
                Entered { hash: filter_hash(&name), name, payload: None }
            });
            enter(&memtable, header, &replayed.id, placed, foreign, documents);
            if foreign {
                foreign_documents.extend(changed_documents(header));
            }
            tail_bytes += u64::from(replayed.frame.bytes);
            Ok(())
        })
        .await?;

        let end = recovered.end;
        let mut actors = recovered.actors;
        if bug::active(Bug::ReopenReusesCounter) {
            actors.get_mut(&manifest.actor).into_iter().for_each(|state| state.counter -= 1);
        }
        let mut segments = manifest.segments.clone();
        segments.extend(recovered.new_segments);
        let state = State { active: Arc::new(memtable), frozen: None, tables: tables.into() };
        let writer = Writer {
            log: LogWriter::new(manifest.database, manifest.actor, end, options.segment_bytes),
            unnamed: actors.keys().map(|actor| (*actor, ())).collect(),
            actors,
            clock: recovered.clock,
            undo: Vec::new(),
            rolled_back: Vec::new(),
        };
        let known = writer.actors.keys().copied().chain([manifest.actor]).map(|a| (key::short(a), a)).collect();
        // A block stands for a hundred documents that are not cached, so it is worth more than as many bytes of them.
        let part_bytes = options.cache_bytes / 4 * 3;
        let engine = Engine {
            storage,
            host,
            options,
            database: manifest.database,
            actor: manifest.actor,
            created_ms: manifest.created_ms,
            published: AtomicU64::new(end.sequence),
            appended: AtomicU64::new(end.sequence),
            epoch: AtomicU64::new(0),
            tail_bytes: AtomicU64::new(tail_bytes),
            state: RwLock::new(Arc::new(state)),
            actors: RwLock::new(known),
            writer: Mutex::new(writer),
            medium: Mutex::new(Some(Medium::new(recovered.filled, options.segment_bytes))),
            segments: RwLock::new(segments),
            files: Mutex::new(Files {
                root,
                manifest,
                retired: Vec::new(),
                doubtful: Vec::new(),
                frozen_at: None,
                merge: None,
            }),
            compaction: Mutex::new(Default::default()),
            documents: super::cache::Pool::new(options.cache_bytes - part_bytes),
            parts: super::cache::Pool::new(part_bytes),
            doorkeeper: super::doorkeeper::Doorkeeper::new(options.cache_bytes),
            vectors: RwLock::new(None),
            vectors_applied: AtomicU64::new(0),
            vectors_dropped: AtomicU64::new(0),
            scratches: Mutex::new(Vec::new()),
            damaged_snapshots: Mutex::new(Vec::new()),
            exports: Arc::new(()),
            closed: AtomicBool::new(false),
            poisoned: Mutex::new(None),
            is_poisoned: AtomicBool::new(false),
            counters: Counters::default(),
            torn_bytes: recovered.torn_bytes,
        };
        sort_by(&mut foreign_documents, Ord::cmp);
        foreign_documents.dedup();
        engine.mark_conflicts(&foreign_documents).await?;
        if !options.read_only {
            engine.remove_strays().await?;
        }
        Ok(engine)
    }

    /// Removes files that do not count: left by a checkpoint, merge or compaction that a crash ended.
    async fn remove_strays(&self) -> Result<()> {
        let (manifest, live) = {
            let files = self.files.lock();
            (files.root.manifest, files.manifest.tables.iter().map(|t| t.number).collect::<Vec<_>>())
        };
        let files = self.storage.list().await?;
        for info in &files {
            let stray = match info.name {
                FileName::Manifest(number) => number != manifest,
                FileName::Table(number) => !live.contains(&number),
                FileName::Vectors(number) => self.is_unfinished_snapshot(number).await?,
                // It was not finished, or not known to be, before the segment was removed.
                FileName::Packed(number) => files.iter().any(|other| other.name == FileName::Segment(number)),
                FileName::Root | FileName::Segment(_) => false,
            };
            if stray {
                self.storage.remove(info.name).await?;
            }
        }
        Ok(())
    }
}

fn missing(e: Error, file: FileName) -> Error {
    match e.code() {
        ErrorCode::NotFound => Error::corrupt(file, 0, "the table that the manifest names is missing"),
        _ => e,
    }
}

/// Makes a database where there is none. The root comes last: without it, what is there was never finished.
#[driven]
async fn create<S: AsyncStorage>(storage: &S, host: &dyn Host, options: EngineOptions) -> Result<Root> {
    let files = storage.list().await?;
    let at = storage.location();
    let unfinished = files.iter().all(|info| match info.name {
        FileName::Root | FileName::Manifest(1) => true,
        FileName::Segment(1) => info.bytes <= segment::HEADER_BYTES,
        _ => false,
    });
    if !unfinished {
        let what = format!("{at} has a log but no valid root: it is damaged, or files are missing");
        return Err(Error::corrupt(FileName::Root, 0, what));
    }
    if options.read_only || !options.create {
        return Err(Error::new(ErrorCode::NotFound, format!("there is no database at {at}")));
    }
    for info in &files {
        storage.remove(info.name).await?;
    }
    let mut random = [[0; 16]; 2];
    for bytes in &mut random {
        host.entropy(bytes)?;
    }
    let [database, actor] = random;
    let (database, actor) = (DatabaseId(database), ActorId(actor));
    let begin = writer::BEGIN;
    let header = SegmentHeader { database, number: begin.segment, sequence: begin.sequence, chain: begin.chain };
    writer::begin_segment(storage, FileName::Segment(begin.segment), &header.encode()).await?;
    let manifest = Manifest {
        database,
        actor,
        created_ms: host.now_ms(),
        checkpoint: begin,
        clock: Timestamp::MIN,
        actors: Vec::new(),
        segments: vec![SegmentInfo { number: begin.segment, sequence: begin.sequence }],
        tables: Vec::new(),
        next_file: 2,
    };
    let manifest_checksum = manifest.write(storage, 1).await?;
    storage.create(FileName::Root).await?;
    let root = Root { database, generation: 1, manifest: 1, manifest_checksum, durable: begin };
    root.write(storage).await?;
    Ok(root)
}
