//! Watching: the commits as they come.

use crate::{
    error::{invalid, raise},
    handle::{Owned, Shared, call},
    records::Event,
};
use koru_delta::{ErrorCode, WatchOptions};
use pyo3::{prelude::*, sync::MutexExt};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long it waits at a time, so that Ctrl-C and `close` are heard. An event ends the wait at once.
const SLICE: Duration = Duration::from_millis(100);

/// The commits as they come: an iterator of `Event`. It follows the log, so it misses nothing, and goes on elsewhere behind
/// its `token`. It ends when the database is closed, or when nothing came for as long as its timeout.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Watch {
    watch: Mutex<Option<Owned<koru_delta::Watch>>>,
    timeout: Option<Duration>,
    _handle: Shared,
}

impl Watch {
    pub(crate) fn new(py: Python<'_>, handle: &Shared, options: WatchOptions, timeout: Option<f64>) -> PyResult<Watch> {
        let timeout = seconds(py, timeout)?;
        let watch = call(py, || handle.get()?.watch(options))?;
        Ok(Watch { watch: Mutex::new(Some(Owned::new(watch))), timeout, _handle: handle.clone() })
    }

    fn wait(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<Option<koru_delta::Event>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let slice = rest.map_or(SLICE, |rest| rest.min(SLICE));
            let event = py.detach(|| {
                let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
                match &mut *watch {
                    Some(watch) => watch.get_mut()?.next_within(Some(slice)),
                    None => Err(koru_delta::Error::new(ErrorCode::Closed, "the watch was closed")),
                }
            });
            let event = event.map_err(|e| raise(py, &e))?;
            if event.is_some() || rest.is_some_and(|rest| rest <= slice) {
                return Ok(event);
            }
            py.check_signals()?;
        }
    }
}

/// A time to wait, from seconds.
fn seconds(py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Duration>> {
    let duration = |s: f64| {
        let wrong = |_| invalid(py, format!("timeout is {s}: it takes seconds, from 0 on, or None to wait for ever"));
        Duration::try_from_secs_f64(s).map_err(wrong)
    };
    timeout.map(duration).transpose()
}

#[pymethods]
impl Watch {
    /// The next event, waiting for it up to `timeout` seconds, for ever for `None`; `None` if none came.
    #[pyo3(signature = (timeout=None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Event>> {
        let timeout = seconds(py, timeout)?;
        self.wait(py, timeout)?.map(|event| Event::new(py, &event)).transpose()
    }

    /// Where another watch goes on behind everything that this one handed out.
    #[getter]
    fn token(&self, py: Python<'_>) -> PyResult<u64> {
        let watch = self.watch.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let closed = || koru_delta::Error::new(ErrorCode::Closed, "the watch was closed");
        let token = watch.as_ref().ok_or_else(closed).and_then(|watch| Ok(watch.get()?.token()));
        token.map_err(|e| raise(py, &e))
    }

    /// Ends it. Who waits for an event in another thread is told within a tenth of a second.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.watch.lock().unwrap_or_else(PoisonError::into_inner).take()));
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Event>> {
        match self.wait(py, self.timeout) {
            Ok(event) => event.map(|event| Event::new(py, &event)).transpose(),
            Err(e) if is_closed(py, &e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) {
        self.close(py);
    }
}

fn is_closed(py: Python<'_>, error: &PyErr) -> bool {
    let code = error.value(py).getattr("code").and_then(|code| code.extract::<String>());
    code.is_ok_and(|code| code == ErrorCode::Closed.name())
}
