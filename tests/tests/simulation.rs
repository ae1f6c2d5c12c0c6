//! A hundred thousand simulated crashes, and the same seed twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_tests::{campaign, simulate};

/// The first seed; changing it looks at other runs.
const FIRST_SEED: u64 = 1;

#[test]
fn no_crash_loses_invents_or_splits_a_commit() {
    let began = std::time::Instant::now();
    let ended = campaign::run(FIRST_SEED, 100_000, 2, |_| ());
    assert!(ended.is_ok(), "{ended:?}: replay it with cargo run -p koru-tests --bin simulate -- --seed N --only");
    let figures = ended.unwrap();
    println!("{figures}{:>12.0}  crashes a second", figures.crashes as f64 / began.elapsed().as_secs_f64());
    assert!(figures.crashes >= 100_000);
    assert_eq!(figures.missing(), [""; 0], "a simulation that never meets these proves nothing about them");
}

#[test]
fn the_same_seed_twice_gives_the_same_bytes() {
    for seed in 500..560 {
        let first = simulate::run(seed).unwrap();
        assert_eq!(first, simulate::run(seed).unwrap(), "seed {seed}");
    }
    assert_ne!(simulate::run(1).unwrap().trace, simulate::run(2).unwrap().trace);
}
