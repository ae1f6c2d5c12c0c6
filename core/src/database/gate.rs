//! The gate: one writer at a time prepares and appends. Waiting for the medium happens outside of it.

use crate::{Error, ErrorCode, Result};
use std::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::Duration,
};

/// Looks at a taken gate before a writer goes to sleep. A commit passes in a few microseconds, and to sleep and be woken
/// takes longer than that.
const LOOKS: usize = 64;
/// Pauses of the processor between two looks.
const PAUSES: usize = 16;
/// How often a writer that sleeps asks whether it is to give up: soon enough for a person, and too seldom to cost anything.
const ASKS_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    free: Condvar,
    give_up: Option<fn() -> bool>,
}

#[derive(Debug, Default)]
struct State {
    holder: Option<ThreadId>,
    /// Writers that sleep: to wake nobody costs a call of the system too.
    asleep: usize,
}

impl Gate {
    /// A gate that nobody holds. Whoever sleeps at it asks `give_up` from time to time.
    pub(crate) fn new(give_up: Option<fn() -> bool>) -> Gate {
        Gate { give_up, ..Gate::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn and takes it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if this thread holds it already, for it would wait for ever; `ABORTED` if it was to give up.
    pub(crate) fn take(&self) -> Result<()> {
        self.take_unless(self.give_up)
    }

    fn take_unless(&self, give_up: Option<fn() -> bool>) -> Result<()> {
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
                let waited;
                (state, waited) = self.sleep(state, give_up.is_some());
                state.asleep -= 1;
                if waited && state.holder.is_some() {
                    drop(state);
                    // Without the lock: the answer may take a while.
                    if give_up.is_some_and(|give_up| give_up()) {
                        return Err(given_up());
                    }
                    state = self.lock();
                }
            }
        }
        state.holder = Some(own);
        Ok(())
    }

    /// Sleeps until it is woken, or, with a limit, until it is time to ask; says whether it is.
    fn sleep<'g>(&self, state: MutexGuard<'g, State>, limited: bool) -> (MutexGuard<'g, State>, bool) {
        if !limited {
            return (self.free.wait(state).unwrap_or_else(PoisonError::into_inner), false);
        }
        let (state, waited) = self.free.wait_timeout(state, ASKS_EVERY).unwrap_or_else(PoisonError::into_inner);
        (state, waited.timed_out())
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

    /// The same, and never gives up.
    pub(crate) fn acquire_surely(&self) -> Result<Turn<'_>> {
        self.take_unless(None)?;
        Ok(Turn(self))
    }
}

fn held_by_this_thread() -> Error {
    Error::invalid("a transaction is open on this thread: write through it, or commit it or roll it back first")
}

fn given_up() -> Error {
    Error::new(ErrorCode::Aborted, "the call was given up while it waited for its turn to write: it wrote nothing")
}

/// The turn to write.
#[derive(Debug)]
pub(crate) struct Turn<'g>(&'g Gate);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.give();
    }
}
