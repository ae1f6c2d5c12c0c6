//! A campaign of simulated crashes: `simulate --crashes N [--seed S] [--threads T]`, or one seed again: `--seed S --only`.

use koru_tests::campaign;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: simulate [--crashes N] [--seed S] [--threads T] [--only]";

struct Wanted {
    crashes: u64,
    seed: u64,
    threads: usize,
    only: bool,
}

fn wanted() -> Option<Wanted> {
    let mut wanted = Wanted { crashes: 100_000, seed: 1, threads: 2, only: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next()?.replace('_', "").parse::<u64>().ok();
        match &*word {
            "--crashes" => wanted.crashes = number()?,
            "--seed" => wanted.seed = number()?,
            "--threads" => wanted.threads = number()? as usize,
            "--only" => wanted.only = true,
            _ => return None,
        }
    }
    Some(wanted)
}

fn failed(seed: u64, violation: &str) -> ExitCode {
    println!("seed {seed} broke a promise: {violation}");
    println!("replay it: cargo run -p koru-tests --bin simulate -- --seed {seed} --only");
    ExitCode::FAILURE
}

fn main() -> ExitCode {
    let Some(wanted) = wanted() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let began = Instant::now();
    if wanted.only {
        koru_tests::simulate::tell();
        return match campaign::attempt(wanted.seed) {
            Ok(outcome) => {
                println!("{}trace {:016x}", outcome.figures, outcome.trace);
                ExitCode::SUCCESS
            }
            Err(violation) => failed(wanted.seed, &violation),
        };
    }
    let last = Mutex::new(Instant::now());
    let ended = campaign::run(wanted.seed, wanted.crashes, wanted.threads, |figures| {
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed() >= Duration::from_secs(2) {
            *last = Instant::now();
            let rate = figures.crashes as f64 / began.elapsed().as_secs_f64();
            eprintln!("{} of {} crashes, {rate:.0}/s", figures.crashes, wanted.crashes);
        }
    });
    match ended {
        Ok(figures) => {
            let rate = figures.crashes as f64 / began.elapsed().as_secs_f64();
            println!("{figures}{rate:>12.0}  crashes a second, {} threads", wanted.threads);
            ExitCode::SUCCESS
        }
        Err(failure) => failed(failure.seed, &failure.violation),
    }
}
