//! Ctrl-C, while a call waits or works without the interpreter's lock.
//!
//! Invariant: only a thread that is in a call of Python asks, and what a signal's handler raises there is raised by that
//! call. The engine asks where nothing is done yet, or nothing is to be undone; a commit that has begun comes to its end.

use pyo3::prelude::*;
use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

/// How often work that takes long asks. Waiting asks as often.
pub(crate) const ASKS_EVERY: Duration = Duration::from_millis(100);

thread_local! {
    static CALLING: Cell<bool> = const { Cell::new(false) };
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Calls the engine, which may ask [`came`] meanwhile, without the interpreter's lock.
pub(crate) fn detached<R: Send>(py: Python<'_>, what: impl FnOnce() -> R + Send) -> PyResult<R> {
    let done = py.detach(|| {
        let before = CALLING.replace(true);
        let done = what();
        CALLING.set(before);
        done
    });
    match RAISED.take() {
        Some(raised) => Err(raised),
        None => Ok(done),
    }
}

/// Whether a signal came whose handler raised something. The interpreter runs handlers in its main thread only.
pub(crate) fn came() -> bool {
    if !CALLING.get() {
        // A thread of the engine's own.
        return false;
    }
    // None while the interpreter ends: what waits then is to go on.
    let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
    let came = raised.is_some();
    if came {
        RAISED.set(raised);
    }
    came
}
