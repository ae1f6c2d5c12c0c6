//! A hundred thousand simulated crashes, and the same seed twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_tests::campaign::{self, Campaign};
use koru_tests::simulate::{self, Comparing};

/// The first seed; changing it looks at other runs.
const FIRST_SEED: u64 = 1;

#[test]
fn no_crash_loses_invents_or_splits_a_commit() {
    let began = std::time::Instant::now();
    let campaign = Campaign { first: FIRST_SEED, crashes: 100_000, threads: 2, comparing: Comparing::Everything };
    let ended = campaign::run(&campaign, |_| ());
    assert!(ended.is_ok(), "{ended:?}: replay it with cargo xtask simulate --everything --seed N --only");
    let figures = ended.unwrap();
    println!("{figures}{:>12.0}  crashes a second", figures.crashes as f64 / began.elapsed().as_secs_f64());
    assert!(figures.crashes >= 100_000);
    assert_eq!(figures.missing(), [""; 0], "a simulation that never meets these proves nothing about them");
}

#[test]
fn the_same_seed_twice_gives_the_same_bytes() {
    let run = |seed, comparing| simulate::run(seed, comparing).unwrap();
    for comparing in [Comparing::Everything, Comparing::Sampled] {
        for seed in 500..560 {
            assert_eq!(run(seed, comparing), run(seed, comparing), "seed {seed}, {comparing:?}");
        }
    }
    assert_ne!(run(1, Comparing::Everything).trace, run(2, Comparing::Everything).trace);
}

#[test]
fn a_campaign_has_the_same_figures_on_any_number_of_threads() {
    let run = |threads| {
        let campaign = Campaign { first: 900, crashes: 1_500, threads, comparing: Comparing::Sampled };
        campaign::run(&campaign, |_| ()).unwrap()
    };
    let alone = run(1);
    assert!(alone.comparisons > alone.comparisons_of_everything);
    for threads in [2, 3, 7] {
        assert_eq!(alone, run(threads), "{threads} threads");
    }
}
