//! Every truncation and every flipped bit of a small database is noticed or harmless: never a wrong value, never a panic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_delta::storage::FileName;
use koru_tests::damage::{Damage, Left, Specimen, Verdict};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Examines all damages on two threads, and returns how many were refused, noticed and harmless.
fn examine(specimen: &Specimen, damages: &[Damage]) -> [usize; 3] {
    let next = AtomicUsize::new(0);
    let counts = [const { AtomicUsize::new(0) }; 3];
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(&damage) = damages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match specimen.examine(damage) {
                        Ok(Verdict::Refused) => counts[0].fetch_add(1, Ordering::Relaxed),
                        Ok(Verdict::Noticed) => counts[1].fetch_add(1, Ordering::Relaxed),
                        Ok(Verdict::Harmless) => counts[2].fetch_add(1, Ordering::Relaxed),
                        Err(e) => {
                            wrong.lock().unwrap().push(e);
                            0
                        }
                    };
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} damages: {:#?}", wrong.len(), damages.len(), &wrong[..wrong.len().min(20)]);
    counts.map(AtomicUsize::into_inner)
}

fn told(what: &str, specimen: &Specimen, damages: &[Damage]) -> [usize; 3] {
    let bytes: usize = specimen.files.values().map(Vec::len).sum();
    let began = std::time::Instant::now();
    let counts = examine(specimen, damages);
    let [refused, noticed, harmless] = counts;
    let seconds = began.elapsed().as_secs_f64();
    let all = damages.len();
    println!(
        "{what} of {bytes} bytes: {all}, {refused} refused, {noticed} noticed, {harmless} harmless, {seconds:.0} s"
    );
    counts
}

/// Memory at its highest, where the system says it: a length read from a damaged file must not be allocated unseen.
fn check_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next());
    if let Some(kib) = peak.and_then(|digits| digits.parse::<u64>().ok()) {
        assert!(kib < 512 << 10, "{kib} KiB were used for a database of 64 KiB");
    }
}

#[test]
fn every_truncation_of_a_closed_database_is_noticed_or_harmless() {
    let specimen = Specimen::make(64 << 10, Left::Closed).unwrap();
    let names = || specimen.files.keys();
    assert!(names().filter(|n| matches!(n, FileName::Segment(_))).count() >= 3, "{:?}", names());
    assert!(names().filter(|n| matches!(n, FileName::Table(_))).count() >= 2, "{:?}", names());
    let [refused, noticed, _] = told("truncations", &specimen, &specimen.cuts());
    assert!(refused > 0 && noticed > 0);
    check_memory();
}

#[test]
fn every_flipped_bit_of_a_closed_database_is_noticed_or_harmless() {
    let specimen = Specimen::make(64 << 10, Left::Closed).unwrap();
    let [refused, noticed, harmless] = told("flips", &specimen, &specimen.flips());
    assert!(refused > 0 && noticed > 0 && harmless > 0);
    check_memory();
}

#[test]
fn every_truncation_and_flipped_bit_of_compressed_segments_is_noticed_or_harmless() {
    let specimen = Specimen::make(32 << 10, Left::Compacted).unwrap();
    assert!(specimen.files.keys().filter(|n| matches!(n, FileName::Packed(_))).count() >= 3);
    // The other files are damaged above.
    let is_packed = |damage: &Damage| match damage {
        Damage::Flip(name, _) | Damage::Cut(name, _) | Damage::Gone(name) => matches!(name, FileName::Packed(_)),
    };
    let damages: Vec<_> = specimen.cuts().into_iter().chain(specimen.flips()).filter(is_packed).collect();
    let [refused, noticed, _] = told("flips and truncations of compressed segments", &specimen, &damages);
    assert_eq!(refused + noticed, damages.len(), "every byte is under a checksum");
    check_memory();
}

/// Without a closing nothing vouches for the last commit: a flip in it looks like a torn write of a commit in flight, and
/// the commit may be missing. Damage of anything before it is noticed, since what follows shows that it had been durable.
#[test]
fn every_flipped_bit_of_a_killed_database_is_noticed_or_harmless_or_takes_only_the_last_commit() {
    let specimen = Specimen::make(24 << 10, Left::Killed).unwrap();
    let [refused, noticed, harmless] = told("flips after a kill", &specimen, &specimen.flips());
    assert!(refused > 0 && noticed > 0 && harmless > 0);
    check_memory();
}
