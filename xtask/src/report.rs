//! The steps of a long command: each is announced before it starts, timed, and listed at the end.

use crate::Result;
use std::time::{Duration, Instant};

/// The steps so far.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
}

struct Step {
    name: &'static str,
    elapsed: Duration,
    result: Result<String>,
}

impl Report {
    /// Runs one step and returns whether it succeeded. What it returns is a short note for the summary.
    pub(crate) fn step(&mut self, name: &'static str, what: &str, work: impl FnOnce() -> Result<String>) -> bool {
        eprintln!("\n== {name}: {what}");
        let start = Instant::now();
        let result = work();
        let elapsed = start.elapsed();
        match &result {
            Ok(_) => eprintln!("== {name}: ok in {}", seconds(elapsed)),
            Err(message) => eprintln!("== {name}: FAILED in {}\n{message}", seconds(elapsed)),
        }
        let succeeded = result.is_ok();
        self.steps.push(Step { name, elapsed, result });
        succeeded
    }

    /// Lists every step, and fails if one failed.
    pub(crate) fn finish(self) -> Result<()> {
        eprintln!("\n== summary");
        for Step { name, elapsed, result } in &self.steps {
            let (word, note) = match result {
                Ok(note) => ("ok", note.as_str()),
                Err(message) => ("FAILED", message.lines().next().unwrap_or_default()),
            };
            eprintln!("{}", format!("{word:<7} {:>8}  {name:<10} {note}", seconds(*elapsed)).trim_end());
        }
        let total = self.steps.iter().map(|step| step.elapsed).sum();
        eprintln!("{:<7} {:>8}", "total", seconds(total));
        let failed: Vec<_> = self.steps.iter().filter(|step| step.result.is_err()).map(|step| step.name).collect();
        if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
    }
}

/// Announces one piece of a step that takes its time, and says how long it took.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("{what} ...");
    let start = Instant::now();
    let result = work()?;
    eprintln!("  done in {}", seconds(start.elapsed()));
    Ok(result)
}

/// A duration as people read it: `8 ms`, `1.2 s`, `3 min 05 s`.
pub(crate) fn seconds(elapsed: Duration) -> String {
    match elapsed.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms @ 1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// A size as people read it, in decimal megabytes as disks are sold.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{}.{:02} MB", bytes / 1_000_000, bytes % 1_000_000 / 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_whole_and_is_named() {
        let mut report = Report::default();
        assert!(report.step("first", "", || Ok(String::new())));
        assert!(!report.step("second", "", || Err("broken".into())));
        assert!(report.step("third", "", || Ok(String::new())));
        assert_eq!(report.finish(), Err("failed: second".into()));
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!(seconds(Duration::from_millis(8)), "8 ms");
        assert_eq!(seconds(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
        assert_eq!(megabytes(7_654_321), "7.65 MB");
    }
}
