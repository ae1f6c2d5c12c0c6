//! Group commit: of the writers that wait for the medium, one writes and syncs for all.
//!
//! Invariants: one flush at a time; and when the turn to flush is free and commits wait, one of their writers is awake. Each
//! waiter sleeps by itself and is woken when its own commit is decided, so that a group that is done does not fight over one
//! lock.

use super::{Inner, ready};
use crate::{
    Result, VersionId,
    engine::{Appended, Outcome, model::Durability},
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, Thread},
};

/// Who writes to the medium, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    turns: Mutex<Turns>,
    /// Whoever has the turn waits for others to join. It goes to the one who makes the group complete.
    gathering: AtomicBool,
    /// Writers at work when the last group was done: its own, and those that had come since it was written.
    writers: AtomicU64,
}

#[derive(Debug, Default)]
struct Turns {
    busy: bool,
    waiting: Vec<Waiter>,
}

/// A thread that sleeps.
#[derive(Debug)]
struct Waiter {
    thread: Thread,
    /// The commit that it waits for; with `None` it waits for the turn.
    commit: Option<Appended>,
}

/// Times that a writer lets others run before it writes for all, since the last one joined.
const GATHER_ROUNDS: usize = 64;

impl Flusher {
    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is worth to look again, which the caller does: it may be woken without need.
    fn sleep(mut turns: MutexGuard<'_, Turns>, commit: Option<Appended>) {
        let thread = thread::current();
        if turns.waiting.iter().all(|waiter| waiter.thread.id() != thread.id()) {
            turns.waiting.push(Waiter { thread, commit });
        }
        drop(turns);
        thread::park();
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
                turns.busy = true;
                return FlushTurn(self);
            }
            Flusher::sleep(turns, None);
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
            let taken_over = turns.busy && self.is_complete() && self.flusher.gathering.swap(false, Ordering::Relaxed);
            if turns.busy && !taken_over {
                Flusher::sleep(turns, Some(appended));
                continue;
            }
            turns.busy = true;
            drop(turns);
            if !taken_over && !self.gather() {
                continue;
            }
            let turn = FlushTurn(self);
            let published = self.engine.published();
            // What became of this commit, like that of everyone who waits, is asked for at the head of the loop.
            let _ = ready(self.engine.flush(self.strict()));
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

    /// Whether everyone who was at work when the last group was done has come again.
    fn is_complete(&self) -> bool {
        let joined = self.engine.appended().saturating_sub(self.engine.published());
        joined >= self.flusher.writers.load(Ordering::Relaxed)
    }

    /// Lets other writers join the group, where the last group shows that there are some: those that it woke are about to
    /// write again, and would each wait for a whole sync more. Returns whether this thread still has the turn.
    fn gather(&self) -> bool {
        if !self.strict() || self.is_complete() {
            return true;
        }
        let gathering = &self.flusher.gathering;
        gathering.store(true, Ordering::Relaxed);
        let mut appended = self.engine.appended();
        let mut rounds = 0;
        while rounds < GATHER_ROUNDS && gathering.load(Ordering::Relaxed) {
            thread::yield_now();
            let now = self.engine.appended();
            rounds = if now == appended { rounds + 1 } else { 0 };
            appended = now;
        }
        // Whoever sets it back has the turn.
        gathering.swap(false, Ordering::Relaxed)
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
