//! The gate: one writer at a time prepares and appends. Waiting for the medium happens outside of it.

use crate::{Error, Result};
use std::{
    sync::{Condvar, Mutex, PoisonError},
    thread::{self, ThreadId},
};

#[derive(Debug, Default)]
pub(crate) struct Gate {
    holder: Mutex<Option<ThreadId>>,
    free: Condvar,
}

impl Gate {
    /// Waits for the turn and takes it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if this thread holds it already, for it would wait for ever.
    pub(crate) fn take(&self) -> Result<()> {
        let own = thread::current().id();
        let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(thread) = *holder {
            if thread == own {
                return Err(held_by_this_thread());
            }
            holder = self.free.wait(holder).unwrap_or_else(PoisonError::into_inner);
        }
        *holder = Some(own);
        Ok(())
    }

    /// Fails if this thread holds the turn.
    pub(crate) fn check(&self) -> Result<()> {
        let holder = *self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        if holder == Some(thread::current().id()) { Err(held_by_this_thread()) } else { Ok(()) }
    }

    /// Gives the turn up.
    pub(crate) fn give(&self) {
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.free.notify_one();
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
