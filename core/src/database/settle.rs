//! Group commit: of the writers that wait for the medium, one writes and syncs for all.
//!
//! Invariants: one flush at a time; and when the turn to flush is free and commits wait, one of their writers is awake, or
//! sleeps with a limit. Each waiter sleeps by itself and is woken when its own commit is decided, so that a group that is
//! done does not fight over one lock.
//!
//! The writers that a group woke are about to write again. Whoever comes first waits a moment for them, and the last one
//! writes for all: otherwise each of the others would wait for a whole sync more.

use super::{Inner, ready};
use crate::{
    Result, VersionId,
    engine::{Appended, Outcome, model::Durability},
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// Who writes to the medium, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    turns: Mutex<Turns>,
    /// Writers at work when the last group was done: its own, and those that had come since it was written.
    writers: AtomicU64,
    /// How long the last group took to be written and synced, in nanoseconds.
    took: AtomicU64,
}

#[derive(Debug, Default)]
struct Turns {
    busy: bool,
    /// While the turn is free: someone sleeps with a limit, to take it if the others do not come.
    gathering: bool,
    waiting: Vec<Waiter>,
}

impl Turns {
    fn take(&mut self) {
        self.busy = true;
        self.gathering = false;
    }
}

/// A thread that sleeps.
#[derive(Debug)]
struct Waiter {
    thread: Thread,
    /// The commit that it waits for; with `None` it waits for the turn.
    commit: Option<Appended>,
}

/// The first writer of a group waits for the others no longer than the last flush took, which they would miss, nor than this.
const GATHER_MAX: Duration = Duration::from_millis(1);

impl Flusher {
    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is worth to look again, which the caller does: it may be woken without need.
    fn sleep(mut turns: MutexGuard<'_, Turns>, commit: Option<Appended>, limit: Option<Duration>) {
        let thread = thread::current();
        if turns.waiting.iter().all(|waiter| waiter.thread.id() != thread.id()) {
            turns.waiting.push(Waiter { thread, commit });
        }
        drop(turns);
        match limit {
            Some(limit) => thread::park_timeout(limit),
            None => thread::park(),
        }
    }
}

/// The turn to flush.
pub(crate) struct FlushTurn<'i>(&'i Inner);

impl Drop for FlushTurn<'_> {
    fn drop(&mut self) {
        let mut turns = self.0.flusher.lock();
        turns.busy = false;
        let mut leads = false;
        let woken = turns.waiting.extract_if(.., |waiter| match &waiter.commit {
            Some(commit) if matches!(self.0.engine.outcome(commit), Outcome::Pending) => {
                // The first of them is to write for the others.
                !std::mem::replace(&mut leads, true)
            }
            _ => true,
        });
        let woken: Vec<Waiter> = woken.collect();
        drop(turns);
        woken.iter().for_each(|waiter| waiter.thread.unpark());
    }
}

impl Inner {
    fn strict(&self) -> bool {
        self.options.durability == Durability::Strict
    }

    /// Waits until no flush is under way and takes the turn until the guard is dropped.
    pub(crate) fn flush_turn(&self) -> FlushTurn<'_> {
        loop {
            let mut turns = self.flusher.lock();
            if !turns.busy {
                turns.take();
                return FlushTurn(self);
            }
            Flusher::sleep(turns, None, None);
        }
    }

    /// Waits until a commit is published and as durable as the options ask for: by writing for everyone who waits, or by
    /// waiting for whoever does.
    pub(crate) fn settle(&self, appended: Option<Appended>) -> Result<Option<VersionId>> {
        let version = self.publish(appended)?;
        self.after_commit()?;
        Ok(version)
    }

    /// As [`Inner::settle`], without the maintenance that may be due: for a caller that keeps the gate.
    pub(crate) fn publish(&self, appended: Option<Appended>) -> Result<Option<VersionId>> {
        let Some(appended) = appended else { return Ok(None) };
        let mut waited = false;
        loop {
            // First without the lock, for those that a group has woken, and then with it: it cannot be decided between this
            // look and the sleep.
            if let Some(decided) = self.decided(&appended) {
                return decided.map(Some);
            }
            let mut turns = self.flusher.lock();
            if let Some(decided) = self.decided(&appended) {
                return decided.map(Some);
            }
            let others_come = !turns.busy && !waited && !self.is_complete();
            if turns.busy || (others_come && turns.gathering) {
                Flusher::sleep(turns, Some(appended), None);
                continue;
            }
            if others_come {
                turns.gathering = true;
                waited = true;
                let took = Duration::from_nanos(self.flusher.took.load(Ordering::Relaxed));
                Flusher::sleep(turns, Some(appended), Some(took.min(GATHER_MAX)));
                continue;
            }
            turns.take();
            drop(turns);
            let turn = FlushTurn(self);
            let (published, begin) = (self.engine.published(), Instant::now());
            // What became of this commit, like that of everyone who waits, is asked for at the head of the loop.
            let _ = ready(self.engine.flush(self.strict()));
            let took = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.flusher.took.store(took, Ordering::Relaxed);
            self.flusher.writers.store(self.engine.appended().saturating_sub(published), Ordering::Relaxed);
            drop(turn);
            self.watchers.notify();
        }
    }

    fn decided(&self, appended: &Appended) -> Option<Result<VersionId>> {
        match self.engine.outcome(appended) {
            Outcome::Published => Some(Ok(appended.version)),
            Outcome::Failed(e) => Some(Err(e)),
            Outcome::Pending => None,
        }
    }

    /// Whether everyone who was at work when the last group was done has come again. Where no sync is saved, nobody is
    /// waited for.
    fn is_complete(&self) -> bool {
        let joined = self.engine.appended().saturating_sub(self.engine.published());
        !self.strict() || joined >= self.flusher.writers.load(Ordering::Relaxed)
    }

    /// Publishes everything that was appended.
    pub(crate) fn settle_all(&self) -> Result<()> {
        self.flush_now(self.strict())
    }

    /// Makes everything that was appended durable.
    pub(crate) fn sync(&self) -> Result<()> {
        self.flush_now(true)
    }

    fn flush_now(&self, sync: bool) -> Result<()> {
        let turn = self.flush_turn();
        let result = ready(self.engine.flush(sync));
        drop(turn);
        self.watchers.notify();
        result
    }
}
