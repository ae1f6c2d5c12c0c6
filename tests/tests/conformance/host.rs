//! The fixed host of the scripts: a clock that moves only when a step says so, and entropy from a generator that is three
//! lines in any language.

use koru_delta::{Host, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The clock and the entropy of one script. Clones share both, so that they go on when the database is opened again.
#[derive(Clone, Debug)]
pub(crate) struct FixedHost(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now_ms: i64,
    random: u32,
}

impl FixedHost {
    pub(crate) fn new(clock_ms: i64, seed: u32) -> Self {
        FixedHost(Arc::new(Mutex::new(State { now_ms: clock_ms, random: seed })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass, or sets the clock back.
    pub(crate) fn pass(&self, ms: i64) {
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
