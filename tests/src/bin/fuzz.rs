//! Walks over mutations of a corpus: `fuzz TARGET [--seconds N] [--seed N]`, or writes the seeds: `fuzz seeds`.
//!
//! An input that panics or takes longer than ten seconds is left in `tests/corpus/TARGET`, where the suite replays it.

use koru_tests::fuzz::{TARGETS, Target};
use koru_tests::mutate::Walk;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is being tried, since when, and which it is.
static CURRENT: Mutex<(Vec<u8>, Option<Instant>, u64)> = Mutex::new((Vec::new(), None, 0));

const SECONDS_MAX: u64 = 10;

fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn keep(target: &Target, why: &str) {
    let current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    let path = corpus(target).join(format!("{why}_{}", current.2));
    match std::fs::write(&path, &current.0) {
        Ok(()) => eprintln!("{why}: the input is in {}", path.display()),
        Err(e) => eprintln!("{why}: the input could not be kept: {e}"),
    }
}

fn number(arguments: &[String], name: &str) -> Option<u64> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}

/// The most memory that this process ever had, in MiB, where the system says.
fn memory_max() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib >> 10)
}

fn write_seeds() -> std::io::Result<()> {
    for target in TARGETS {
        std::fs::create_dir_all(corpus(target))?;
        for (name, bytes) in (target.seeds)() {
            std::fs::write(corpus(target).join(name), bytes)?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map(String::as_str);
    if name == Some("seeds") {
        return match write_seeds() {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("{e}");
                ExitCode::FAILURE
            }
        };
    }
    let Some(target) = TARGETS.iter().find(|target| Some(target.name) == name) else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("fuzz {} [--seconds N] [--seed N], or fuzz seeds", names.join("|"));
        return ExitCode::from(2);
    };
    let seconds = number(&arguments, "--seconds").unwrap_or(10);
    let seed = number(&arguments, "--seed").unwrap_or(1);
    let files = std::fs::read_dir(corpus(target)).map(|files| files.flatten().map(|file| file.path()));
    let mut inputs: Vec<Vec<u8>> = files.map(|f| f.flat_map(std::fs::read).collect()).unwrap_or_default();
    inputs.extend((target.seeds)().into_iter().map(|(_, bytes)| bytes));
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        default(info);
        keep(target, "panic");
        std::process::exit(1);
    }));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let began = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).1;
            if began.is_some_and(|began| began.elapsed() > Duration::from_secs(SECONDS_MAX)) {
                keep(target, "slow");
                std::process::exit(1);
            }
        }
    });
    let (mut walk, begin, mut count) = (Walk::new(inputs, seed), Instant::now(), 0u64);
    while begin.elapsed() < Duration::from_secs(seconds) {
        let input = walk.step();
        count += 1;
        *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = (input.clone(), Some(Instant::now()), count);
        (target.run)(&input);
    }
    let memory = memory_max().map_or_else(String::new, |mib| format!(", at most {mib} MiB of memory"));
    println!("{}: {count} inputs in {seconds} s{memory}", target.name);
    ExitCode::SUCCESS
}
