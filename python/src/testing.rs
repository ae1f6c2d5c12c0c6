//! What the conformance scripts need: a host whose clock and entropy they decide, and small limits. Not for applications.

use crate::{database::Database, open::open_with};
use koru_delta::{Host, Maintenance, Options, Result};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A clock that moves only when it is told to, and entropy from a generator that is three lines in any language.
#[pyclass(frozen, module = "koru_delta._koru")]
pub(crate) struct FixedHost(Arc<Mutex<State>>);

struct State {
    now_ms: i64,
    random: u32,
}

impl FixedHost {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl FixedHost {
    #[new]
    fn new(clock_ms: i64, seed: u32) -> FixedHost {
        FixedHost(Arc::new(Mutex::new(State { now_ms: clock_ms, random: seed })))
    }

    /// Lets time pass, or sets the clock back.
    fn advance(&self, ms: i64) {
        let mut state = self.state();
        state.now_ms = state.now_ms.saturating_add(ms);
    }
}

impl Host for FixedHost {
    fn now_ms(&self) -> i64 {
        self.state().now_ms
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<()> {
        let mut state = self.state();
        for byte in bytes {
            state.random = state.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state.random >> 24) as u8;
        }
        Ok(())
    }
}

/// Opens a database as the conformance scripts have it.
#[pyfunction]
#[pyo3(name = "_open_for_tests", signature = (path, host, *, read_only, create, cache_bytes, segment_bytes, tail_bytes))]
#[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
pub(crate) fn open_for_tests(
    path: &Bound<'_, PyAny>,
    host: &FixedHost,
    read_only: bool,
    create: bool,
    cache_bytes: usize,
    segment_bytes: u64,
    tail_bytes: u64,
) -> PyResult<Py<Database>> {
    let options = Options::new()
        .read_only(read_only)
        .create(create)
        .cache_bytes(cache_bytes)
        .maintenance(Maintenance::Inline)
        .limits_for_tests(segment_bytes, tail_bytes)
        .host(FixedHost(host.0.clone()));
    open_with(path, options, "strict")
}
