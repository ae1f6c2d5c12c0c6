//! When maintenance runs: in a thread of its own, after a commit in the writer's thread, or when it is asked for.

use super::{Inner, Maintenance, ready};
use crate::{
    Result,
    engine::{MergeBegin, VectorStep, model::Durability},
    limits,
    vector::hnsw::parallel::Threads,
};
use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Tells the thread to look for work.
#[derive(Debug, Default)]
struct Signal {
    state: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Wanted {
    work: bool,
    stop: bool,
}

impl Signal {
    fn raise(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// Waits for work, or for `timeout`; `false` when it is time to stop.
    fn wait(&self, timeout: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |wanted: &mut Wanted| !wanted.work && !wanted.stop;
        let (mut state, _) =
            self.changed.wait_timeout_while(state, timeout, idle).unwrap_or_else(PoisonError::into_inner);
        state.work = false;
        !state.stop
    }
}

/// The maintenance of one database.
#[derive(Debug, Default)]
pub(crate) struct Maintainer {
    /// One step at a time.
    turn: Mutex<()>,
    /// One at a time brings the indexes of vectors up to date. Taken after the others.
    vectors: Mutex<()>,
    /// There is much for the thread to read before they are: searches do not wait for it.
    vectors_busy: AtomicBool,
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Inner {
    /// Starts the thread, if the options ask for one.
    pub(crate) fn start_maintenance(self: &Arc<Self>) -> Result<()> {
        if self.options.maintenance != Maintenance::Thread || self.engine.is_read_only() {
            return Ok(());
        }
        let signal = self.maintenance.signal.clone();
        let weak = Arc::downgrade(self);
        let relaxed = self.options.durability == Durability::Relaxed;
        let timeout = Duration::from_millis(if relaxed { limits::RELAXED_SYNC_MS } else { 60_000 });
        let spawned =
            thread::Builder::new().name("koru-maintenance".into()).spawn(move || run(&weak, &signal, timeout));
        let thread = spawned.map_err(|e| {
            crate::Error::new(crate::ErrorCode::Io, "the maintenance thread cannot be started").with_source(e)
        })?;
        *self.maintenance.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// After a commit: has maintenance done, or does it.
    pub(crate) fn after_commit(&self) -> Result<()> {
        if !self.engine.checkpoint_due().0 {
            return Ok(());
        }
        match self.options.maintenance {
            Maintenance::Thread => self.maintenance.signal.raise(|wanted| wanted.work = true),
            // The commit is durable; maintenance that fails is tried again after the next one.
            Maintenance::Inline => drop(self.maintain(usize::MAX)),
            Maintenance::Manual => {}
        }
        Ok(())
    }

    /// The index of some vectors is not what it is to be: has maintenance see to it, or does it.
    pub(crate) fn vectors_lag(&self) {
        match self.options.maintenance {
            _ if self.engine.is_read_only() => {}
            Maintenance::Thread => self.maintenance.signal.raise(|wanted| wanted.work = true),
            // What fails is tried again when it is next asked for.
            Maintenance::Inline => drop(self.maintain(usize::MAX)),
            Maintenance::Manual => {}
        }
    }

    /// Before a commit: waits for a checkpoint when the tail of the log has grown to its bound.
    pub(crate) fn relieve(&self) -> Result<()> {
        if self.engine.checkpoint_due().1 {
            self.checkpoint()?;
        }
        Ok(())
    }

    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.engine.check_writable()?;
        let _turn = self.maintenance.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoint_in_turn()
    }

    /// Compacts all that is there now, in steps between which other maintenance has its turn.
    pub(crate) fn compact(&self) -> Result<()> {
        let mut begin = true;
        loop {
            self.engine.check_writable()?;
            let _turn = self.maintenance.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if core::mem::take(&mut begin) {
                self.checkpoint_and(true)?;
            }
            if !ready(self.engine.compact_step())? {
                return Ok(());
            }
        }
    }

    fn checkpoint_in_turn(&self) -> Result<()> {
        self.checkpoint_and(false)
    }

    fn checkpoint_and(&self, compact: bool) -> Result<()> {
        // One that failed before is finished first.
        ready(self.engine.finish_checkpoint())?;
        {
            let _gate = self.gate.acquire()?;
            let _flush = self.flush_turn();
            if compact {
                ready(self.engine.begin_compaction())?;
            }
            ready(self.engine.begin_checkpoint())?;
        }
        self.watchers.notify();
        ready(self.engine.finish_checkpoint())
    }

    /// A copy of the files, made between two steps of maintenance.
    pub(crate) fn export(&self) -> Result<crate::engine::Export> {
        let _turn = self.maintenance.turn.lock().unwrap_or_else(PoisonError::into_inner);
        ready(self.engine.export())
    }

    pub(crate) fn maintain(&self, steps: usize) -> Result<bool> {
        self.engine.check_writable()?;
        let _turn = self.maintenance.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.engine.checkpoint_due().0 {
            self.checkpoint_in_turn()?;
        }
        for _ in 0..steps {
            if !ready(self.engine.merge_step(MergeBegin::Due))? && !self.vector_step()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A step for the indexes of vectors. Returns whether there is more to do.
    fn vector_step(&self) -> Result<bool> {
        let _turn = self.vectors_turn();
        let threads = Threads(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN));
        let step = ready(self.engine.vector_step(&threads));
        self.maintenance.vectors_busy.store(false, Ordering::Relaxed);
        let step = step?;
        if step == VectorStep::Snapshot {
            self.sync()?;
            ready(self.engine.write_vector_snapshot())?;
        }
        Ok(step == VectorStep::More)
    }

    fn vectors_turn(&self) -> MutexGuard<'_, ()> {
        self.maintenance.vectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the indexes of vectors up to a commit, before a search that sees it; unless that takes long and can be left to
    /// the thread: then the search compares every document.
    pub(crate) fn know_vectors(&self, sequence: u64) -> Result<()> {
        if self.engine.vectors_know(sequence) {
            return Ok(());
        }
        let has_thread = self.options.maintenance == Maintenance::Thread && !self.engine.is_read_only();
        let turn = match self.maintenance.vectors.try_lock() {
            Ok(turn) => turn,
            // The thread may be at it for long.
            Err(TryLockError::WouldBlock) if has_thread && self.maintenance.vectors_busy.load(Ordering::Relaxed) => {
                return Ok(());
            }
            Err(_) => self.vectors_turn(),
        };
        // Whoever had the turn before may have done it.
        if self.engine.vectors_know(sequence) {
            return Ok(());
        }
        if !has_thread {
            return ready(self.engine.catch_up_vectors());
        }
        if !ready(self.engine.catch_up_near_vectors())? {
            drop(turn);
            self.maintenance.vectors_busy.store(true, Ordering::Relaxed);
            self.maintenance.signal.raise(|wanted| wanted.work = true);
        }
        Ok(())
    }

    /// Syncs what is acknowledged and not durable yet, where the options ask for that to happen soon.
    fn sync_relaxed(&self) {
        if self.options.durability == Durability::Relaxed && self.engine.has_unsynced() {
            // A failed sync poisons the engine, which the next writer is told.
            let _ = self.sync();
        }
    }

    pub(crate) fn close(&self) -> Result<()> {
        // Before anything is stopped: a database that stays open keeps its maintenance.
        self.gate.check()?;
        self.maintenance.signal.raise(|wanted| wanted.stop = true);
        let thread = self.maintenance.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|t| t.thread().id() != thread::current().id()) {
            // It ends by itself; a panic in it has been reported by it.
            let _ = thread.join();
        }
        let _turn = self.maintenance.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // What was stopped above does not start again.
        let _gate = self.gate.acquire_surely()?;
        let _flush = self.flush_turn();
        let _vectors = self.vectors_turn();
        let result = ready(self.engine.close());
        self.watchers.notify();
        result
    }
}

fn run(database: &Weak<Inner>, signal: &Signal, timeout: Duration) {
    while signal.wait(timeout) {
        let Some(inner) = database.upgrade() else { return };
        if inner.engine.check_writable().is_err() {
            return;
        }
        inner.sync_relaxed();
        let mut synced = Instant::now();
        // What fails for lack of room is tried again; writers are told when they have to wait for it.
        while matches!(inner.maintain(1), Ok(true)) {
            if synced.elapsed() >= timeout {
                inner.sync_relaxed();
                synced = Instant::now();
            }
        }
    }
}
