//! The conformance scripts of `tests/vectors`: every language runs them and has to come to the same results and to the
//! same files, byte for byte. This is the run in Rust, in memory and in files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "conformance/arguments.rs"]
mod arguments;
#[path = "conformance/canary.rs"]
mod canary;
#[path = "conformance/host.rs"]
mod host;
#[path = "conformance/long.rs"]
mod long;
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

use koru_delta::storage::memory::MemoryStorage;
use koru_tests::tree;
use run::Place;
use script::{OPS, Script};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
};

/// Set to 1, this writes what the scripts expect instead of checking it.
const WRITE: &str = "KORU_WRITE_VECTORS";

/// The name of the script that is made by `long.rs`.
const LONG: &str = "long";

/// Most bytes that all scripts take together: they are in every checkout.
const BYTES_MAX: usize = 1_500_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// Every script with its name and its text.
fn scripts() -> Vec<(String, String)> {
    let paths = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into(), fs::read_to_string(path).unwrap()))
        .collect()
}

fn memory() -> Place {
    Place::Memory(MemoryStorage::new())
}

#[test]
fn scripts_give_the_same_results_and_the_same_bytes_in_memory_and_in_files() {
    if std::env::var(WRITE).is_ok_and(|value| value == "1") {
        write_expectations();
    }
    let scripts = scripts();
    assert!(scripts.len() > 20, "only {} scripts were found", scripts.len());
    // Each in a thread of its own: most of the time is spent waiting for syncs.
    let failures: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = scripts.iter().map(|(name, text)| scope.spawn(move || failures_of(name, text))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// Runs a script in memory and in files.
fn failures_of(name: &str, text: &str) -> Vec<String> {
    let script = match Script::parse(text) {
        Ok(script) => script,
        Err(e) => return vec![format!("{name}: {e}")],
    };
    println!("{name}: {} steps", script.ops().len());
    let mut failures = Vec::new();
    if *text != script.text() {
        failures.push(format!("{name}: it is not in the form that {WRITE}=1 writes"));
    }
    let directory = tempfile::tempdir().unwrap();
    for (storage, place) in [("memory", memory()), ("files", Place::Files(directory.path().join("script.koru")))] {
        if let Err(mismatch) = run::check(&script, place) {
            failures.push(format!("{name}, {storage}, {mismatch}"));
        }
    }
    failures
}

#[test]
fn scripts_show_every_operation_and_stay_small() {
    let scripts = scripts();
    let bytes: usize = scripts.iter().map(|(_, text)| text.len()).sum();
    assert!(bytes < BYTES_MAX, "the scripts take {bytes} bytes");
    let ops: BTreeSet<String> = scripts.iter().flat_map(|(_, text)| Script::parse(text).unwrap().ops()).collect();
    for (op, _) in OPS {
        assert!(ops.contains(*op), "no script shows {op}");
    }
}

/// Codes that need no fault of a medium, of another process or of a peer.
#[test]
fn scripts_show_every_error_that_a_caller_can_cause() {
    let scripts = scripts();
    for code in [
        "ALREADY_EXISTS",
        "CLOSED",
        "CONFLICT",
        "DIMENSION_MISMATCH",
        "INVALID_ARGUMENT",
        "LIMIT_EXCEEDED",
        "NOT_FOUND",
        "READ_ONLY",
    ] {
        let expected = format!("\"error\":\"{code}\"");
        assert!(scripts.iter().any(|(_, text)| text.contains(&expected)), "no script shows {code}");
    }
}

/// Runs every script and writes what came as what is expected. Never a success: what was written is to be read first.
fn write_expectations() -> ! {
    let long = long::script();
    fs::write(folder().join(LONG).with_extension("json"), long.text()).unwrap();
    for (name, text) in scripts() {
        let mut script = Script::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Err(mismatch) = run::write(&mut script, memory()) {
            panic!("{name}: {mismatch}");
        }
        fs::write(folder().join(name).with_extension("json"), script.text()).unwrap();
    }
    panic!("the expectations were written: read the changes, and run again without {WRITE}");
}

#[test]
fn the_long_script_is_what_its_generator_makes() {
    let text = fs::read_to_string(folder().join(LONG).with_extension("json")).unwrap();
    let script = Script::parse(&text).unwrap();
    assert!(script.without_expectations() == long::script(), "{WRITE}=1 writes it again");
}

#[test]
fn the_readme_describes_every_operation() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    for (op, words) in OPS {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{op}` |")));
        let row = row.unwrap_or_else(|| panic!("{op} is not described"));
        for word in *words {
            assert!(row.contains(&format!("`{word}`")), "{word} of {op} is not described");
        }
    }
}
