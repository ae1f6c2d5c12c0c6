//! The conformance scripts notice an engine that breaks its promises: each of these seeded bugs gives another result or
//! other bytes. In a program of its own, because a seeded bug is there for the whole process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
#![allow(dead_code, reason = "the run in conformance.rs uses the rest")]

#[path = "conformance/arguments.rs"]
mod arguments;
#[path = "conformance/host.rs"]
mod host;
#[path = "conformance/perform.rs"]
mod perform;
#[path = "conformance/run.rs"]
mod run;
#[path = "conformance/script.rs"]
mod script;
#[path = "conformance/show.rs"]
mod show;
#[path = "conformance/vectors.rs"]
mod vectors;

use koru_delta::{
    bug::{Bug, activate},
    storage::memory::MemoryStorage,
};
use koru_tests::tree;
use script::Script;
use std::{fs, path::Path};

/// The bugs that need no crash, no damage and no second thread to show, with the script that is about their promise.
const NOTICED: &[(Bug, &str)] = &[
    (Bug::OneRootSlot, "documents"),
    (Bug::MergeDropsOldVersions, "maintenance"),
    (Bug::MergeKeepsWrongDuplicate, "conflicts"),
    (Bug::AsOfIgnoresActor, "imports"),
    (Bug::AsOfOffByOne, "as_of"),
    (Bug::SnapshotSeesLater, "snapshots"),
    (Bug::StaleCache, "documents"),
    (Bug::ClockGoesBack, "ties"),
    (Bug::ExpiryIgnored, "expiry"),
    (Bug::ExpectedIgnored, "expected"),
    (Bug::PartialTransaction, "transactions"),
    (Bug::FilterFalseNegative, "lineage"),
    (Bug::WatchSkipsGroup, "watch"),
    (Bug::ReopenReusesCounter, "reopen"),
];

#[test]
fn scripts_notice_seeded_bugs() {
    let missed: Vec<String> = NOTICED.iter().filter_map(|(bug, name)| missed(*bug, name)).collect();
    activate(Bug::None);
    assert!(missed.is_empty(), "\n{}\n", missed.join("\n"));
}

/// What is wrong if a script does not notice a bug, or notices something without it.
fn missed(bug: Bug, name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name).with_extension("json");
    let script = Script::parse(&fs::read_to_string(path).unwrap()).unwrap();
    let check = |bug| {
        activate(bug);
        run::check(&script, run::Place::Memory(MemoryStorage::new()))
    };
    if let Err(mismatch) = check(Bug::None) {
        return Some(format!("{name}, without a bug: {mismatch}"));
    }
    match check(bug) {
        Ok(()) => Some(format!("{name} does not notice {bug:?}: {}", bug.promise())),
        Err(mismatch) => {
            println!("{bug:?}: {name}, step {}", mismatch.step);
            None
        }
    }
}
