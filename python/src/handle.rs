//! What all objects of one open database share: the engine's handle, whether somebody closed it, and in which process it
//! was opened.
//!
//! Invariant: in a process that was forked off, a handle of its parent is neither used nor dropped. Its threads are not
//! there, its locks may be held for ever, and dropping it would write to and remove files that are the parent's.

use crate::{error::raise, interrupt};
use koru_delta::{Database, Error, ErrorCode, Result};
use pyo3::{exceptions::PyResourceWarning, prelude::*};
use std::{
    ffi::CString,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

/// How often this process was forked off from another since the module was loaded.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Called by the interpreter in a process that was forked off.
#[pyfunction]
#[pyo3(name = "_after_fork")]
pub(crate) fn after_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// A part of the engine that belongs to the process that made it.
pub(crate) struct Owned<T> {
    value: Option<T>,
    forks: u32,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Owned<T> {
        Owned { value: Some(value), forks: FORKS.load(Ordering::Relaxed) }
    }

    fn is_ours(&self) -> bool {
        self.forks == FORKS.load(Ordering::Relaxed)
    }

    /// The part, or `CLOSED` in another process than it is of.
    pub(crate) fn get(&self) -> Result<&T> {
        match &self.value {
            Some(value) if self.is_ours() => Ok(value),
            _ => Err(forked()),
        }
    }

    /// The same, to change.
    pub(crate) fn get_mut(&mut self) -> Result<&mut T> {
        let ours = self.is_ours();
        match &mut self.value {
            Some(value) if ours => Ok(value),
            _ => Err(forked()),
        }
    }

    /// The same, to keep.
    pub(crate) fn into_inner(mut self) -> Result<T> {
        self.get()?;
        self.value.take().ok_or_else(forked)
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.is_ours() {
            std::mem::forget(self.value.take());
        }
    }
}

fn forked() -> Error {
    Error::new(
        ErrorCode::Closed,
        "the database was opened before this process was forked off: open it again in the child, read-only while the parent has it open",
    )
}

/// One open database. It is closed when the last object that came from it is gone, and warned of then if nobody closed it.
pub(crate) struct Handle {
    database: Owned<Database>,
    closed: AtomicBool,
    /// Where it is, for the warning; `None` where nothing is lost.
    location: Option<String>,
}

/// What the classes hold.
pub(crate) type Shared = Arc<Handle>;

impl Handle {
    pub(crate) fn new(database: Database, location: Option<String>) -> Shared {
        Arc::new(Handle { database: Owned::new(database), closed: AtomicBool::new(false), location })
    }

    pub(crate) fn get(&self) -> Result<&Database> {
        self.database.get()
    }

    pub(crate) fn close(&self) -> Result<()> {
        // One that was inherited is not open here.
        let Ok(database) = self.database.get() else { return Ok(()) };
        let closed = database.close();
        let refused = closed.as_ref().is_err_and(|e| e.is(ErrorCode::InvalidArgument));
        self.closed.store(!refused, Ordering::Relaxed);
        closed
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.database.get().is_err()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.is_closed() {
            return;
        }
        // Without an interpreter there is nobody to warn. The engine may wait for the disk, but not for the interpreter.
        let _ = Python::try_attach(|py| {
            if let Some(location) = &self.location {
                warn(py, location);
            }
            py.detach(|| self.database.get().map(Database::close))
        });
    }
}

/// Warns of a database that nobody closed, as Python warns of files.
fn warn(py: Python<'_>, location: &str) {
    // This runs wherever an object happens to be let go of, also while an exception is on its way.
    let under_way = PyErr::take(py);
    if let Ok(text) = CString::new(format!("unclosed database {location}: use `with` or close()"))
        && let Err(e) = PyErr::warn(py, &py.get_type::<PyResourceWarning>(), &text, 1)
    {
        e.write_unraisable(py, None);
    }
    if let Some(e) = under_way {
        e.restore(py);
    }
}

/// Calls the engine without the interpreter's lock.
pub(crate) fn call<R: Send>(py: Python<'_>, what: impl FnOnce() -> Result<R> + Send) -> PyResult<R> {
    interrupt::detached(py, what)?.map_err(|e| raise(py, &e))
}
