//! Many seeds on some threads, until there were enough crashes or a promise did not hold.
//!
//! Invariant: seeds count in their order, whichever thread ended first, so that the same first seed gives the same figures
//! for any number of threads. What was run ahead of the last one that counts is left out.

use crate::figures::Figures;
use crate::simulate::{self, Comparing, Violation};
use std::collections::BTreeMap;
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

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed; the others follow it.
    pub first: u64,
    /// Crashes after which it is enough.
    pub crashes: u64,
    /// How many seeds run at once.
    pub threads: usize,
    /// How thoroughly they are compared.
    pub comparing: Comparing,
}

/// The seeds that have ended, and those of them that count.
#[derive(Default)]
struct Progress {
    /// Ended, but behind one that has not.
    ahead: BTreeMap<u64, Result<Figures, Violation>>,
    /// How many seeds count.
    counted: u64,
    figures: Figures,
    failure: Option<Failure>,
}

impl Progress {
    /// Takes what a seed ended with and counts on as far as there is no gap. Returns whether it is enough.
    fn take(&mut self, campaign: &Campaign, seed: u64, ended: Result<Figures, Violation>) -> bool {
        self.ahead.insert(seed, ended);
        while !self.is_enough(campaign) {
            let seed = campaign.first.wrapping_add(self.counted);
            match self.ahead.remove(&seed) {
                None => return false,
                Some(Ok(figures)) => self.figures.add(&figures),
                Some(Err(violation)) => self.failure = Some(Failure { seed, violation }),
            }
            self.counted += 1;
        }
        true
    }

    fn is_enough(&self, campaign: &Campaign) -> bool {
        self.failure.is_some() || self.figures.crashes >= campaign.crashes
    }
}

/// Runs one seed; a panic is a broken promise like any other.
///
/// # Errors
/// What did not hold.
pub fn attempt(seed: u64, comparing: Comparing) -> Result<simulate::Outcome, Violation> {
    catch_unwind(AssertUnwindSafe(|| simulate::run(seed, comparing))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Runs a campaign. `progress` is told the figures after every seed.
///
/// # Errors
/// The first seed that broke a promise.
pub fn run(campaign: &Campaign, progress: impl Fn(&Figures) + Sync) -> Result<Figures, Failure> {
    let next = AtomicU64::new(campaign.first);
    let enough = AtomicBool::new(false);
    let all = Mutex::new(Progress::default());
    thread::scope(|scope| {
        for _ in 0..campaign.threads.max(1) {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let ended = attempt(seed, campaign.comparing).map(|outcome| outcome.figures);
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    if all.take(campaign, seed, ended) {
                        enough.store(true, Ordering::Relaxed);
                    } else {
                        progress(&all.figures);
                    }
                }
            });
        }
    });
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.failure.map_or(Ok(all.figures), Err)
}
