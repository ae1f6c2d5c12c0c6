//! What is measured and how: single calls with the cost of the clock taken off, resident memory, allocated disk.

use crate::Result;
use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

/// Times single calls and knows what asking the clock costs.
///
/// Each call is timed by itself, so that the percentiles are of calls and not of groups of them; at a few hundred
/// nanoseconds a call the two questions to the clock would be a tenth of the figure, so their median is taken off.
pub(crate) struct Stopwatch {
    clock_ns: u64,
    samples: Vec<u64>,
}

impl Stopwatch {
    pub(crate) fn new(samples_max: usize) -> Stopwatch {
        let mut empty: Vec<u64> = (0..10_001).map(|_| nanoseconds(Instant::now().elapsed())).collect();
        empty.sort_unstable();
        Stopwatch { clock_ns: percentile(&empty, 50.0), samples: Vec::with_capacity(samples_max) }
    }

    pub(crate) fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = call();
        let taken = nanoseconds(start.elapsed());
        self.samples.push(taken.saturating_sub(self.clock_ns));
        result
    }

    pub(crate) fn absorb(&mut self, other: Stopwatch) {
        self.samples.extend(other.samples);
    }

    pub(crate) fn finish(mut self) -> Latency {
        self.samples.sort_unstable();
        Latency { p50_ns: percentile(&self.samples, 50.0), p99_ns: percentile(&self.samples, 99.0) }
    }
}

/// Percentiles of timed calls, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) p50_ns: u64,
    pub(crate) p99_ns: u64,
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The nearest-rank percentile of sorted samples; 0 when there are none.
fn percentile(sorted: &[u64], percent: f64) -> u64 {
    let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// The median; `None` when there are no values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// Memory of this process in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// All that is resident, with the pages of mapped files.
    pub(crate) resident: u64,
    /// What the process allocated and cannot be dropped by the system.
    pub(crate) anonymous: u64,
}

impl Memory {
    pub(crate) fn now() -> Result<Memory> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let bytes = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.trim_start_matches(':').trim().strip_suffix(" kB"));
            Ok(kib.ok_or_else(|| format!("/proc/self/status has no {name}"))?.parse::<u64>()? * 1024)
        };
        Ok(Memory { resident: bytes("VmRSS")?, anonymous: bytes("RssAnon")? })
    }
}

/// Bytes that the file system has allocated for everything under `path`: holes are free, preallocation is not.
pub(crate) fn disk_bytes(path: &Path) -> Result<u64> {
    let meta = std::fs::symlink_metadata(path)?;
    let mut bytes = meta.blocks() * 512;
    if meta.is_dir() {
        for entry in std::fs::read_dir(path)? {
            bytes += disk_bytes(&entry?.path())?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_and_the_median_is_the_middle() {
        let sorted: Vec<u64> = (1..=100).collect();
        assert_eq!((percentile(&sorted, 50.0), percentile(&sorted, 99.0), percentile(&[], 50.0)), (50, 99, 0));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn memory_sees_what_is_allocated() {
        let before = Memory::now().expect("linux");
        let held = vec![1u8; 32 << 20];
        let after = Memory::now().expect("linux");
        assert!(after.anonymous >= before.anonymous + (30 << 20), "{before:?} {after:?}");
        drop(held);
    }
}
