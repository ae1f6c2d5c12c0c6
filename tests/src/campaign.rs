//! Many seeds on some threads, until there were enough crashes or a promise did not hold.

use crate::figures::Figures;
use crate::simulate::{self, Violation};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A seed that broke a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed: it replays.
    pub seed: u64,
    /// The promise.
    pub violation: Violation,
}

/// Runs one seed; a panic is a broken promise like any other.
///
/// # Errors
/// What did not hold.
pub fn attempt(seed: u64) -> Result<simulate::Outcome, Violation> {
    catch_unwind(AssertUnwindSafe(|| simulate::run(seed))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Runs seeds from `first` on until `crashes` crashes were simulated. `progress` is told the figures after every seed.
///
/// # Errors
/// The first seed that broke a promise.
pub fn run(first: u64, crashes: u64, threads: usize, progress: impl Fn(&Figures) + Sync) -> Result<Figures, Failure> {
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let result: Mutex<Result<Figures, Failure>> = Mutex::new(Ok(Figures::default()));
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let ended = attempt(seed);
                    let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
                    match (ended, &mut *result) {
                        (Ok(outcome), Ok(figures)) => {
                            figures.add(&outcome.figures);
                            progress(figures);
                            if figures.crashes >= crashes {
                                stop.store(true, Ordering::Relaxed);
                            }
                        }
                        (Err(violation), all @ Ok(_)) => {
                            *all = Err(Failure { seed, violation });
                            stop.store(true, Ordering::Relaxed);
                        }
                        (_, Err(_)) => {}
                    }
                }
            });
        }
    });
    result.into_inner().unwrap_or_else(PoisonError::into_inner)
}
