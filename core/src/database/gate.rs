//! The gate: one writer at a time prepares and appends. Waiting for the medium happens outside of it.

use crate::{Error, Result};
use std::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

/// Looks at a taken gate before a writer goes to sleep. A commit passes in a few microseconds, and to sleep and be woken
/// takes longer than that.
const LOOKS: usize = 64;
/// Pauses of the processor between two looks.
const PAUSES: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct State {
    holder: Option<ThreadId>,
    /// Writers that sleep: to wake nobody costs a call of the system too.
    asleep: usize,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn and takes it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if this thread holds it already, for it would wait for ever.
    pub(crate) fn take(&self) -> Result<()> {
        let own = thread::current().id();
        let mut state = self.lock();
        let mut looks = 0;
        while let Some(thread) = state.holder {
            if thread == own {
                return Err(held_by_this_thread());
            }
            if looks < LOOKS {
                looks += 1;
                drop(state);
                (0..PAUSES).for_each(|_| hint::spin_loop());
                state = self.lock();
            } else {
                state.asleep += 1;
                state = self.free.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.asleep -= 1;
            }
        }
        state.holder = Some(own);
        Ok(())
    }

    /// Fails if this thread holds the turn.
    pub(crate) fn check(&self) -> Result<()> {
        if self.lock().holder == Some(thread::current().id()) { Err(held_by_this_thread()) } else { Ok(()) }
    }

    /// Gives the turn up.
    pub(crate) fn give(&self) {
        let mut state = self.lock();
        state.holder = None;
        let asleep = state.asleep;
        drop(state);
        if asleep > 0 {
            self.free.notify_one();
        }
    }

    /// Takes the turn until the guard is dropped.
    pub(crate) fn acquire(&self) -> Result<Turn<'_>> {
        self.take()?;
        Ok(Turn(self))
    }
}

fn held_by_this_thread() -> Error {
    Error::invalid("a transaction is open on this thread: write through it, or commit it or roll it back first")
}

/// The turn to write.
#[derive(Debug)]
pub(crate) struct Turn<'g>(&'g Gate);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.give();
    }
}
