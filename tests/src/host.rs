//! A clock that moves only when it is told to, and entropy from a seed: the same run sees the same time and the same bytes.

use crate::random::Random;
use koru_delta::{Host, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the simulated clock begins: 2026-01-01, in milliseconds since 1970.
pub const START_MS: i64 = 1_767_225_600_000;

/// The clock and the entropy of a simulation. Clones share both.
#[derive(Clone, Debug)]
pub struct SimHost(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now_ms: i64,
    clock: Random,
    entropy: Random,
}

impl SimHost {
    /// The host of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        SimHost(Arc::new(Mutex::new(State { now_ms: START_MS, clock: random.fork(), entropy: random.fork() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets some time pass: often none, mostly milliseconds, sometimes minutes; and sometimes somebody sets the clock back.
    pub fn pass(&self) {
        let mut state = self.state();
        let by = match state.clock.below(20) {
            0..=5 => 0,
            6..=16 => state.clock.below(20) as i64,
            17 => state.clock.below(120_000) as i64,
            18 => state.clock.below(1_000) as i64,
            _ => -(state.clock.below(30_000) as i64),
        };
        state.now_ms += by;
    }
}

impl Host for SimHost {
    fn now_ms(&self) -> i64 {
        self.state().now_ms
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<()> {
        let mut state = self.state();
        for chunk in bytes.chunks_mut(8) {
            let drawn = state.entropy.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        Ok(())
    }
}
