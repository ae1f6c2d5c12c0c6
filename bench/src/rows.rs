//! The rows of the table: which figure of which phase, in which unit, and what koru is to reach.

use crate::phases::Phase;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The name on the command line.
    pub(crate) id: &'static str,
    /// What people read.
    pub(crate) title: &'static str,
    pub(crate) phase: Phase,
    /// Whether the phase's store was killed before: see [`crate::store`].
    pub(crate) after_kill: bool,
    /// The name of the figure in the phase's sample.
    pub(crate) figure: &'static str,
    /// The name of the 99th percentile that belongs to it.
    pub(crate) tail: Option<&'static str>,
    pub(crate) unit: Unit,
    pub(crate) targets: &'static [Target],
}

/// What a figure counts. Of rates more is better, of everything else less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    PerSecond,
    BytesPerKey,
    /// Bytes on disk for a byte of JSON.
    TimesJson,
}

/// What koru is to reach in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
    NoPeerBetter,
    /// At least so many times as good as the best peer.
    TimesBestPeer(f64),
    /// At most so many times the raw append and sync.
    TimesFloor(f64),
    /// At least so many times koru's own rate with one writer.
    TimesOneWriter(f64),
}

const fn row(id: &'static str, title: &'static str, phase: Phase, unit: Unit, targets: &'static [Target]) -> Row {
    let (figure, tail) = match unit {
        Unit::Nanoseconds => ("p50_ns", Some("p99_ns")),
        Unit::PerSecond => ("rate", None),
        Unit::BytesPerKey => ("resident_per_key", None),
        Unit::TimesJson => ("times_json", None),
    };
    Row { id, title, phase, after_kill: false, figure, tail, unit, targets }
}

use Target::*;
use Unit::*;

/// Every row, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row("floor", "floor: append 400 bytes, sync", Phase::Floor, Nanoseconds, &[]),
    Row {
        figure: "preallocated_p50_ns",
        tail: Some("preallocated_p99_ns"),
        ..row("floor-preallocated", "floor: the same into zeros written ahead", Phase::Floor, Nanoseconds, &[])
    },
    Row {
        figure: "read_p50_ns",
        tail: Some("read_p99_ns"),
        ..row("floor-read", "floor: read 300 bytes at random", Phase::Floor, Nanoseconds, &[])
    },
    row("put-one", "put, durable, one writer", Phase::PutOne, Nanoseconds, &[TimesFloor(1.15), NoPeerBetter]),
    row("put-eight", "put, durable, 8 writers", Phase::PutEight, PerSecond, &[TimesOneWriter(4.0), NoPeerBetter]),
    row(
        "load",
        "put, durable, transactions of 1,000",
        Phase::Load,
        PerSecond,
        &[TimesBestPeer(1.3), AtLeast(300_000.0)],
    ),
    row("put-relaxed", "put, relaxed", Phase::PutRelaxed, Nanoseconds, &[AtMost(5_000.0)]),
    row("get-hot", "get, all in the cache", Phase::GetHot, Nanoseconds, &[AtMost(300.0), NoPeerBetter]),
    Row {
        figure: "decoded_p50_ns",
        tail: Some("decoded_p99_ns"),
        ..row("get-hot-decoded", "get and decode, all in the cache", Phase::GetHot, Nanoseconds, &[])
    },
    Row {
        figure: "pinned_p50_ns",
        tail: Some("pinned_p99_ns"),
        ..row("get-hot-pinned", "get in one long read transaction, all in the cache", Phase::GetHot, Nanoseconds, &[])
    },
    row("get-cold", "get, cache of 64 MiB", Phase::GetCold, Nanoseconds, &[NoPeerBetter]),
    Row {
        figure: "decoded_p50_ns",
        tail: Some("decoded_p99_ns"),
        ..row("get-cold-decoded", "get and decode, cache of 64 MiB", Phase::GetCold, Nanoseconds, &[])
    },
    row("as-of", "get as of, 100,000 versions of one document", Phase::Versions, Nanoseconds, &[AtMost(10_000.0)]),
    row("history", "history of that document, versions", Phase::Versions, PerSecond, &[AtLeast(1_000_000.0)]),
    Row {
        figure: "open_ns",
        tail: None,
        ..row("open", "open and first get, after a close", Phase::Open, Nanoseconds, &[AtMost(100e6)])
    },
    Row {
        figure: "open_ns",
        tail: None,
        after_kill: true,
        ..row("open-killed", "open and first get, after a kill", Phase::Open, Nanoseconds, &[AtMost(100e6)])
    },
    row("memory", "memory beyond the cache after the load", Phase::Load, BytesPerKey, &[AtMost(100.0)]),
    Row {
        figure: "anonymous_per_key",
        ..row("memory-anonymous", "the same without pages of mapped files", Phase::Load, BytesPerKey, &[])
    },
    row("disk", "disk after transactions of 1,000", Phase::Load, TimesJson, &[AtMost(1.3)]),
    row("disk-singly", "disk after puts one by one", Phase::LoadSingly, TimesJson, &[AtMost(1.7)]),
];

impl Unit {
    /// Whether a greater figure is a better one.
    pub(crate) fn more_is_better(self) -> bool {
        self == Unit::PerSecond
    }

    /// The figure as people read it.
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Unit::Nanoseconds if figure < 1e3 => format!("{figure:.0} ns"),
            Unit::Nanoseconds if figure < 1e6 => format!("{} µs", short(figure / 1e3)),
            Unit::Nanoseconds if figure < 1e9 => format!("{} ms", short(figure / 1e6)),
            Unit::Nanoseconds => format!("{} s", short(figure / 1e9)),
            Unit::PerSecond if figure < 1e3 => format!("{figure:.0}/s"),
            Unit::PerSecond if figure < 1e6 => format!("{},{:03}/s", figure as u64 / 1000, figure as u64 % 1000),
            Unit::PerSecond => format!("{:.2} M/s", figure / 1e6),
            Unit::BytesPerKey => format!("{figure:.0} B/key"),
            Unit::TimesJson => format!("{figure:.2} × JSON"),
        }
    }
}

/// Three significant digits.
fn short(figure: f64) -> String {
    match figure {
        f if f < 10.0 => format!("{f:.2}"),
        f if f < 100.0 => format!("{f:.1}"),
        f => format!("{f:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_have_names_of_their_own() {
        let ids: HashSet<_> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), ROWS.len());
    }

    #[test]
    fn figures_are_shown_in_a_fitting_unit() {
        assert_eq!(Unit::Nanoseconds.show(299.6), "300 ns");
        assert_eq!(Unit::Nanoseconds.show(152_340.0), "152 µs");
        assert_eq!(Unit::Nanoseconds.show(4_560_000.0), "4.56 ms");
        assert_eq!(Unit::PerSecond.show(300_012.0), "300,012/s");
        assert_eq!(Unit::PerSecond.show(999.4), "999/s");
        assert_eq!(Unit::TimesJson.show(1.257), "1.26 × JSON");
    }
}
