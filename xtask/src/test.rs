//! `cargo xtask test`: every check that a change must pass, in one order, for people and for CI.
//!
//! All checks run even if one fails, so that one run tells everything; only a build that fails ends it, because what
//! follows would fail for the same reason.

use crate::{
    Result, bundlers, docs, npm, playground,
    process::{cargo, run as run_command, works},
    python, release,
    report::Report,
    tools, wasm,
};
use std::process::Command;

struct Check {
    name: &'static str,
    what: &'static str,
    slow: bool,
    /// Without this one the others make no sense.
    decisive: bool,
    run: fn(&Scope) -> Result<String>,
}

/// Which packages are meant.
struct Scope {
    bench: bool,
    nextest: bool,
}

const CHECKS: &[Check] = &[
    Check { name: "fmt", what: "the code is formatted", slow: false, decisive: false, run: fmt },
    Check { name: "clippy", what: "no lint is violated", slow: false, decisive: false, run: clippy },
    Check {
        name: "build",
        what: "builds the tests, some minutes the first time",
        slow: false,
        decisive: true,
        run: build,
    },
    Check { name: "tests", what: "runs the tests of all packages", slow: false, decisive: false, run: tests },
    Check {
        name: "doctests",
        what: "runs the examples in the documentation",
        slow: false,
        decisive: false,
        run: doctests,
    },
    Check {
        name: "rustdoc",
        what: "the documentation builds without a warning",
        slow: true,
        decisive: false,
        run: rustdoc,
    },
    Check { name: "no_std", what: "the core builds without std, for wasm32", slow: true, decisive: false, run: no_std },
    Check {
        name: "wasm",
        what: "lints and tests the bindings in Node and Chromium",
        slow: true,
        decisive: false,
        run: bindings,
    },
    Check {
        name: "npm",
        what: "tests the npm package, in Node, Chromium, Firefox and WebKitGTK",
        slow: true,
        decisive: false,
        run: package,
    },
    Check {
        name: "packages",
        what: "tries the packed npm package with every bundler, in Chromium, and in Node",
        slow: true,
        decisive: false,
        run: packed,
    },
    Check {
        name: "python",
        what: "tests the Python wheel in an environment of its own",
        slow: true,
        decisive: false,
        run: wheel,
    },
    Check { name: "playground", what: "tests the built playground in Chromium", slow: true, decisive: false, run: app },
    Check {
        name: "deny",
        what: "licences, duplicates and sources of dependencies",
        slow: true,
        decisive: false,
        run: deny,
    },
    Check { name: "size", what: "the release binary stays small", slow: true, decisive: false, run: size },
    Check { name: "docs", what: "docs/reference is what the code says", slow: true, decisive: false, run: reference },
];

/// Which checks are meant.
pub(crate) enum Selection<'a> {
    All,
    Quick,
    Named(Vec<&'a str>),
}

impl<'a> Selection<'a> {
    pub(crate) fn parse(args: &[&'a str]) -> Result<Self> {
        match args {
            [] => Ok(Selection::All),
            ["--quick"] => Ok(Selection::Quick),
            names => match names.iter().find(|name| !CHECKS.iter().any(|check| check.name == **name)) {
                None => Ok(Selection::Named(names.to_vec())),
                Some(unknown) => {
                    let known: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
                    Err(format!("there is no check {unknown:?}; there are {}", known.join(", ")))
                }
            },
        }
    }

    fn holds(&self, check: &Check) -> bool {
        match self {
            Selection::All => true,
            Selection::Quick => !check.slow,
            Selection::Named(names) => names.contains(&check.name),
        }
    }
}

/// Runs the checks that are selected.
pub(crate) fn run(selection: &Selection) -> Result<()> {
    let quick = matches!(selection, Selection::Quick);
    let scope = Scope { bench: !quick && tools::has_c_compiler(), nextest: works("cargo", &["nextest", "--version"]) };
    if !quick && !scope.bench {
        eprintln!("there is no C compiler, so the package koru-bench is left out");
    }
    let mut report = Report::default();
    for check in CHECKS.iter().filter(|check| selection.holds(check)) {
        let succeeded = report.step(check.name, check.what, || (check.run)(&scope));
        if check.decisive && !succeeded {
            eprintln!("\nthe remaining checks are left out, because the build failed");
            break;
        }
    }
    report.finish()
}

impl Scope {
    /// `cargo` with a subcommand for every package that is meant.
    fn cargo(&self, subcommand: &[&str]) -> Command {
        let mut command = cargo();
        command.args(subcommand).arg("--workspace");
        if !self.bench {
            command.args(["--exclude", "koru-bench"]);
        }
        command
    }
}

fn fmt(_: &Scope) -> Result<String> {
    quiet(run_command(cargo().args(["fmt", "--all", "--check"])))
        .map_err(|e| format!("{e}\n`cargo xtask fmt` formats the code"))
}

fn clippy(scope: &Scope) -> Result<String> {
    quiet(run_command(scope.cargo(&["clippy"]).args(["--all-targets", "--", "-D", "warnings"])))
}

fn build(scope: &Scope) -> Result<String> {
    let subcommand: &[&str] = if scope.nextest { &["nextest", "run"] } else { &["test"] };
    quiet(run_command(scope.cargo(subcommand).arg("--no-run")))
}

fn tests(scope: &Scope) -> Result<String> {
    if scope.nextest {
        return quiet(run_command(scope.cargo(&["nextest", "run"]).args(["--no-fail-fast", "--status-level", "fail"])));
    }
    quiet(run_command(scope.cargo(&["test"]).args(["--no-fail-fast", "--lib", "--bins", "--tests", "--examples"])))
}

fn doctests(scope: &Scope) -> Result<String> {
    quiet(run_command(scope.cargo(&["test"]).args(["--doc", "--no-fail-fast"])))
}

fn rustdoc(scope: &Scope) -> Result<String> {
    quiet(run_command(scope.cargo(&["doc"]).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings")))
}

fn no_std(_: &Scope) -> Result<String> {
    let toolchain = wasm::toolchain()?;
    let mut command = toolchain.cargo();
    command.args(["build", "--package", "koru-delta", "--no-default-features", "--target", wasm::TARGET]);
    // Nothing of it runs, so nothing of it is optimised.
    command.args(["--config", "profile.dev.package.\"*\".opt-level=0"]);
    run_command(&mut command)?;
    Ok(format!("with {}", toolchain.name()))
}

fn bindings(_: &Scope) -> Result<String> {
    wasm::test()
}

fn package(_: &Scope) -> Result<String> {
    npm::test()
}

fn packed(_: &Scope) -> Result<String> {
    bundlers::test()
}

fn wheel(_: &Scope) -> Result<String> {
    run_command(
        cargo().args(["clippy", "--package", "koru-python", "--features", "module"]).args(["--", "-D", "warnings"]),
    )?;
    python::test()
}

fn app(_: &Scope) -> Result<String> {
    playground::test()
}

fn deny(_: &Scope) -> Result<String> {
    // The list of advisories is a download of its own; the licences, versions and sources are all in the lock file.
    quiet(run_command(tools::cargo_deny()?.args([
        "--all-features",
        "--locked",
        "check",
        "licenses",
        "bans",
        "sources",
    ])))
}

fn size(_: &Scope) -> Result<String> {
    release::size_within_bound()
}

fn reference(_: &Scope) -> Result<String> {
    docs::check()
}

fn quiet(result: Result<()>) -> Result<String> {
    result.map(|()| String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(args: &[&str]) -> Result<Vec<&'static str>> {
        let selection = Selection::parse(args)?;
        Ok(CHECKS.iter().filter(|check| selection.holds(check)).map(|check| check.name).collect())
    }

    #[test]
    fn without_arguments_no_check_is_left_out() {
        assert_eq!(selected(&[]).expect("it is how CI calls it").len(), CHECKS.len());
        assert!(selected(&["--quick"]).expect("it is in the help").len() < CHECKS.len());
    }

    #[test]
    fn checks_can_be_named_and_a_misspelled_one_is_refused() {
        assert_eq!(selected(&["npm", "fmt"]), Ok(vec!["fmt", "npm"]));
        assert!(selected(&["fmt", "nmp"]).expect_err("there is no nmp").contains("\"nmp\""));
        assert!(selected(&["--quick", "fmt"]).is_err());
    }
}
