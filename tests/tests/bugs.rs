//! Do the suites bite? Every seeded bug breaks one promise, and some check has to notice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_delta::bug::{self, Bug};
use koru_tests::checks::{self, Check};
use koru_tests::damage::{Left, Specimen};
use koru_tests::simulate::Comparing;

/// Crashes after which a bug counts as not noticed by the simulator. Most are noticed within a hundred; a crash within the
/// write of a root, which only that shows, is rare.
const CRASHES_MAX: u64 = 60_000;

/// One test, because a bug is active in the whole process.
#[test]
fn every_seeded_bug_is_noticed() {
    let closed = Specimen::make(24 << 10, Left::Closed).unwrap();
    let damage = || checks::damage_is_noticed(&closed, 23);
    let crashes = || checks::crashes_keep_every_promise(CRASHES_MAX, Comparing::Everything);
    // As a campaign compares.
    let sampled = || checks::crashes_keep_every_promise(CRASHES_MAX, Comparing::Sampled);
    let commits = checks::a_strict_commit_is_one_write_and_one_sync;
    let splice = checks::a_log_spliced_from_two_histories_is_refused;

    // Nobody notices what is not there.
    for (name, check) in [("commits", &commits as &dyn Fn() -> Check), ("splice", &splice), ("damage", &damage)] {
        assert_eq!(check(), Ok(()), "{name}");
    }
    for comparing in [Comparing::Everything, Comparing::Sampled] {
        assert_eq!(checks::crashes_keep_every_promise(500, comparing), Ok(()), "{comparing:?}");
    }

    assert!(Bug::ALL.len() >= 20);
    let mut missed = Vec::new();
    for &bug in Bug::ALL {
        let checks: &[&dyn Fn() -> Check] = match bug {
            Bug::SkipSync | Bug::AcknowledgeBeforeSync => &[&commits, &crashes, &sampled],
            Bug::SkipChainCheck => &[&splice],
            Bug::IgnoreRecordChecksum | Bug::IgnoreBlockChecksum | Bug::TruncateOnCorruption => &[&damage],
            _ => &[&crashes, &sampled],
        };
        for check in checks {
            let began = std::time::Instant::now();
            bug::activate(bug);
            let noticed = check();
            bug::activate(Bug::None);
            match noticed {
                Err(how) => println!("{bug:?}, {:.1} s: {how:.200}", began.elapsed().as_secs_f64()),
                Ok(()) => missed.push(bug),
            }
        }
    }
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}
