//! Group commit: of the writers that wait for the medium, one writes and syncs for all.

use super::{Inner, ready};
use crate::{
    Result, VersionId,
    engine::{Appended, Outcome, model::Durability},
};
use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Who writes to the medium.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    busy: Mutex<bool>,
    done: Condvar,
    /// Commits in the last group.
    last_group: AtomicU64,
}

/// Times that a writer lets others run before it writes for all, as long as each time someone joins.
const GATHER_ROUNDS: usize = 16;

impl Flusher {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'f>(&'f self, busy: MutexGuard<'f, bool>) -> MutexGuard<'f, bool> {
        self.done.wait(busy).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no flush is under way and takes the turn until the guard is dropped.
    pub(crate) fn acquire(&self) -> FlushTurn<'_> {
        let mut busy = self.lock();
        while *busy {
            busy = self.wait(busy);
        }
        *busy = true;
        FlushTurn(self)
    }
}

/// The turn to flush.
pub(crate) struct FlushTurn<'f>(&'f Flusher);

impl Drop for FlushTurn<'_> {
    fn drop(&mut self) {
        *self.0.lock() = false;
        self.0.done.notify_all();
    }
}

impl Inner {
    fn strict(&self) -> bool {
        self.options.durability == Durability::Strict
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
        let mut busy = self.flusher.lock();
        loop {
            match self.engine.outcome(&appended) {
                Outcome::Published => break,
                Outcome::Failed(e) => return Err(e),
                Outcome::Pending => {}
            }
            if *busy {
                busy = self.flusher.wait(busy);
                continue;
            }
            *busy = true;
            drop(busy);
            let turn = FlushTurn(&self.flusher);
            self.gather();
            let published = self.engine.published();
            // What became of this commit, like that of everyone who waits, is asked for at the head of the loop.
            let _ = ready(self.engine.flush(self.strict()));
            self.flusher.last_group.store(self.engine.published() - published, Ordering::Relaxed);
            drop(turn);
            self.watchers.notify();
            busy = self.flusher.lock();
        }
        Ok(Some(appended.version))
    }

    /// Lets other writers join the group, where the last group shows that there are some: those that it woke are about to
    /// write again, and would each wait for a whole sync more.
    fn gather(&self) {
        if self.flusher.last_group.load(Ordering::Relaxed) < 2 {
            return;
        }
        let mut appended = self.engine.appended();
        for _ in 0..GATHER_ROUNDS {
            thread::yield_now();
            let now = self.engine.appended();
            if now == appended {
                return;
            }
            appended = now;
        }
    }

    /// Publishes everything that was appended.
    pub(crate) fn settle_all(&self) -> Result<()> {
        let turn = self.flusher.acquire();
        let result = ready(self.engine.flush(self.strict()));
        drop(turn);
        self.watchers.notify();
        result
    }

    /// Makes everything that was appended durable.
    pub(crate) fn sync(&self) -> Result<()> {
        let turn = self.flusher.acquire();
        let result = ready(self.engine.flush(true));
        drop(turn);
        self.watchers.notify();
        result
    }
}
