//! `cargo xtask`: everything that a person or CI runs, in one place and without dependencies, so that it is there
//! seconds after a clone.

mod browsers;
mod bundlers;
mod demo;
mod docs;
mod downloads;
mod node;
mod npm;
mod packages;
mod playground;
mod process;
mod python;
mod release;
mod report;
mod serve;
mod test;
mod tools;
mod wasm;

use process::{cargo, run};
use std::process::ExitCode;

/// What a command ends with. An error is the text for the person; it was not printed yet.
type Result<T> = std::result::Result<T, String>;

const HELP: &str = "\
cargo xtask <command>

  demo [PATH] [--no-pause]   builds koru, imports a git repository (this one by default), walks through its
                             history, and serves the playground with it on this machine
  test [--quick | CHECK...]  runs every check that a change must pass, only the quick ones, or only those named
  build                      leaves the stripped release binary at dist/koru, and the npm package and the Python wheel
                             beside it
  wasm                       builds the bindings for browsers and Node into npm/wasm
  bench [store] [ARGS]       compares koru with its peers on this machine
  bench browser [ARGS]       compares the npm package with its peers in Chromium
  bench python [ARGS]        the same for the Python package
  bench vectors --data DIR   compares vector search with its peers, on the sets that are in a folder (--help tells more)
  simulate [ARGS]            runs a campaign of simulated crashes, for example --crashes 1000000 --seed 1
  kills [COUNT]              kills browsers and Node in mid-write, 30 times for each storage, and looks for what is lost
  docs [--check]             writes docs/reference from the code, or checks that it is up to date
  fmt                        formats the code
  help                       prints this

Exit codes: 0 it went well, 1 something failed, 2 the command line was not understood.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["demo", rest @ ..] => match demo::Options::parse(rest) {
            Ok(options) => demo::run(&options),
            Err(message) => return misunderstood(&message),
        },
        ["test", rest @ ..] => match test::Selection::parse(rest) {
            Ok(selection) => test::run(&selection),
            Err(message) => return misunderstood(&message),
        },
        ["build"] => build(),
        ["wasm"] => wasm::build().map(drop),
        ["bench"] => bench(&["store"]),
        ["bench", "browser", rest @ ..] => npm::bench(rest),
        ["bench", "python", rest @ ..] => python::bench(rest),
        ["bench", "vectors", rest @ ..] => python::bench_vectors(rest),
        ["bench", rest @ ..] => bench(rest),
        ["simulate", rest @ ..] => simulate(rest),
        ["kills"] => npm::kill("30"),
        ["kills", count] if count.parse::<u16>().is_ok_and(|count| count > 0) => npm::kill(count),
        ["docs"] => docs::write(),
        ["docs", "--check"] => docs::check().map(|note| eprintln!("{note}")),
        ["fmt"] => run(cargo().args(["fmt", "--all"])).and_then(|()| python::fmt()),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        [] => return misunderstood("a command is missing"),
        [known @ ("build" | "wasm" | "kills" | "docs" | "fmt" | "help"), rest @ ..] => {
            return misunderstood(&format!("{known} does not take {rest:?}"));
        }
        [unknown, ..] => return misunderstood(&format!("there is no command {unknown:?}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn misunderstood(message: &str) -> ExitCode {
    eprint!("error: {message}\n\n{HELP}");
    ExitCode::from(2)
}

fn build() -> Result<()> {
    release::leave_in_dist()?;
    npm::leave_in_dist()?;
    python::leave_in_dist()
}

fn bench(args: &[&str]) -> Result<()> {
    tools::require_c_compiler("the peers of the comparison are partly written in C")?;
    eprintln!("building koru and its peers in release: some minutes the first time");
    run(cargo().args(["run", "--release", "--package", "koru-bench", "--"]).args(args))
}

fn simulate(args: &[&str]) -> Result<()> {
    eprintln!("building the simulator, optimised and with its checks: about a minute the first time");
    let build = ["run", "--profile", "simulate", "--package", "koru-tests", "--bin", "simulate", "--"];
    run(cargo().args(build).args(args))
}
