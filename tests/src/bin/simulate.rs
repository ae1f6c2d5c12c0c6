//! A campaign of simulated crashes: `simulate --crashes N [--seed S] [--threads T] [--everything]`, or one seed again:
//! `--seed S [--everything] --only`. Progress goes to standard error, the figures to standard output: the same for the same first seed,
//! but for the last two, which are about time.

use koru_tests::campaign::{self, Campaign};
use koru_tests::simulate::Comparing;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Half of what a comparison does is small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: simulate [--crashes N] [--seed S] [--threads T] [--everything]
       simulate --seed S [--everything] --only
--everything compares everything after every crash, and not after one in eight; --only runs one seed and tells what it does";

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(10);

fn wanted() -> Option<(Campaign, bool)> {
    let mut wanted = Campaign { first: 1, crashes: 100_000, threads: 2, comparing: Comparing::Sampled };
    let mut only = false;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next()?.replace('_', "").parse::<u64>().ok();
        match &*word {
            "--crashes" => wanted.crashes = number()?,
            "--seed" => wanted.first = number()?,
            "--threads" => wanted.threads = number()? as usize,
            "--everything" => wanted.comparing = Comparing::Everything,
            "--only" => only = true,
            _ => return None,
        }
    }
    Some((wanted, only))
}

fn failed(seed: u64, comparing: Comparing, violation: &str) -> ExitCode {
    println!("seed {seed} broke a promise: {violation}");
    let everything = if comparing == Comparing::Everything { " --everything" } else { "" };
    println!("replay it: cargo xtask simulate{everything} --seed {seed} --only");
    ExitCode::FAILURE
}

/// Runs one seed and tells what it does.
fn replay(seed: u64, comparing: Comparing) -> ExitCode {
    koru_tests::simulate::tell();
    match campaign::attempt(seed, comparing) {
        Ok(outcome) => {
            println!("{}trace {:016x}", outcome.figures, outcome.trace);
            ExitCode::SUCCESS
        }
        Err(violation) => failed(seed, comparing, &violation),
    }
}

fn main() -> ExitCode {
    let Some((wanted, only)) = wanted() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if only {
        return replay(wanted.first, wanted.comparing);
    }
    let began = Instant::now();
    let last = Mutex::new(began);
    let ended = campaign::run(&wanted, |figures| {
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed() >= TOLD_EVERY {
            *last = Instant::now();
            let rate = figures.crashes as f64 / began.elapsed().as_secs_f64();
            let left = wanted.crashes.saturating_sub(figures.crashes) as f64 / rate.max(1.0);
            eprintln!("{} of {} crashes, {rate:.0}/s, {left:.0} s to go", figures.crashes, wanted.crashes);
        }
    });
    match ended {
        Ok(figures) => {
            let seconds = began.elapsed().as_secs_f64();
            let rate = figures.crashes as f64 / seconds;
            print!("{figures}{seconds:>12.0}  seconds on {} threads\n{rate:>12.0}  crashes a second\n", wanted.threads);
            ExitCode::SUCCESS
        }
        Err(failure) => failed(failure.seed, wanted.comparing, &failure.violation),
    }
}
