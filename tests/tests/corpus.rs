//! The corpus of every fuzz target, and a short walk of mutations from it, the same one every time.
//!
//! A panic is the failure; so is an input that takes long, since nothing here is large. The memory of all of it together
//! is bounded where the system tells it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use koru_delta::fuzzing;
use koru_tests::fuzz::{TARGETS, Target, open_files, sample};
use koru_tests::mutate::Walk;
use std::path::Path;
use std::time::{Duration, Instant};

/// Long for any of these inputs, even where other tests take all of the machine.
const INPUT_MAX: Duration = Duration::from_secs(10);

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap()
}

fn run(target: &Target, input: &[u8], what: &str) {
    let begin = Instant::now();
    (target.run)(input);
    assert!(begin.elapsed() < INPUT_MAX, "{} {what} took {:?}", target.name, begin.elapsed());
}

fn replay(name: &str, steps: usize) {
    let target = target(name);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3, "the corpus of {name} is missing");
    let inputs: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    for (file, input) in files.iter().zip(&inputs) {
        run(target, input, &file.display().to_string());
    }
    let mut walk = Walk::new(inputs, 1);
    for step in 0..steps {
        run(target, &walk.step(), &format!("step {step}"));
    }
}

#[test]
fn values_are_read_or_refused() {
    replay("value", 300_000);
}

#[test]
fn commits_are_read_or_refused() {
    replay("commit", 300_000);
}

#[test]
fn frames_are_read_or_refused() {
    replay("frame", 100_000);
}

#[test]
fn calls_are_answered_or_refused() {
    replay("protocol", 5_000);
}

#[test]
fn packed_segments_are_read_or_refused() {
    replay("packed", 50_000);
}

#[test]
fn tables_are_read_or_refused() {
    replay("table", 50_000);
}

#[test]
fn databases_are_read_or_refused() {
    replay("open", 8_000);
}

/// Numbers at the ends of their types, with right checksums: no sum of them may overflow, no buffer be made for them.
#[test]
fn extreme_numbers_are_refused_or_harmless() {
    for steps in 0..4 {
        let extremes = fuzzing::extremes(&sample(steps).unwrap());
        assert!(!extremes.is_empty());
        for (what, files) in extremes {
            println!("{steps}: {what}");
            open_files(files);
        }
    }
}

/// The seeds are what today's code writes: a change of format that forgot its number shows here.
#[test]
fn the_corpus_holds_what_is_written_today() {
    for target in TARGETS {
        for (name, bytes) in (target.seeds)() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name).join(&name);
            let kept = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert!(kept == bytes, "{}/{name} is not what is written now: has the format changed?", target.name);
        }
    }
}
