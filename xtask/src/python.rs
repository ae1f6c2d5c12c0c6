//! `python/`, the package for Python: built as a wheel, installed into an environment of its own, and tested there.
//!
//! The Python is the one that is there, because a person has an opinion on where it comes from; only where there is none the
//! distribution's is installed. Everything else comes from `python/requirements.txt`, into `target/python`.

use crate::{
    Result, browsers, node, npm, packages,
    process::{cargo, root, run, works},
    release,
    report::{megabytes, timed},
    tools,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The oldest one that the wheel is for.
const MINOR_MIN: u32 = 11;
/// From the package's folder.
const EXAMPLES: &str = "../docs/examples/python";
/// The largest wheel: it is downloaded.
const BYTES_MAX: u64 = 4_000_000;

/// Where it is.
fn folder() -> PathBuf {
    root().join("python")
}

/// An interpreter that is new enough: the one named by `PYTHON`, one on the PATH, or the distribution's.
fn interpreter() -> Result<String> {
    let missing =
        || format!("Python 3.{MINOR_MIN} or newer is needed, with its module venv: on the PATH, or named by PYTHON");
    if let Ok(named) = env::var("PYTHON") {
        return found(&[&named]).ok_or_else(missing);
    }
    let names = ["python3", "python", "python3.13", "python3.12", "python3.11"];
    if let Some(program) = found(&names) {
        return Ok(program);
    }
    packages::install(&["python3-venv"]).map_err(|e| format!("{e}\n{}", missing()))?;
    found(&names).ok_or_else(missing)
}

/// The first of the programs that is an interpreter that is new enough.
fn found(programs: &[&str]) -> Option<String> {
    let is_one = |program: &&&str| {
        let mut command = Command::new(program);
        command.args(["-c", "import sys, venv, ensurepip; print(*sys.version_info[:2], sep='.')"]);
        let said = command.stderr(std::process::Stdio::null()).output();
        said.is_ok_and(|said| is_new_enough(&String::from_utf8_lossy(&said.stdout)))
    };
    programs.iter().find(is_one).map(|program| (*program).to_owned())
}

/// Whether `3.12` is.
fn is_new_enough(version: &str) -> bool {
    let Some((major, minor)) = version.trim().split_once('.') else { return false };
    major == "3" && minor.parse::<u32>().is_ok_and(|minor| minor >= MINOR_MIN)
}

/// An environment with the tools and what the tests need, as the list of requirements has them.
struct Environment(PathBuf);

impl Environment {
    fn place() -> Environment {
        Environment(root().join("target/python/environment"))
    }

    fn make() -> Result<Environment> {
        let environment = Environment::place();
        environment.fill(&folder().join("requirements.txt"))?;
        Ok(environment)
    }

    /// Has in it what a list of requirements says, unless it has already.
    fn fill(&self, list: &Path) -> Result<()> {
        self.fill_with(list, &[])
    }

    /// The same, with packages that there is no wheel of for every Python: those are built from their sources.
    fn fill_with(&self, list: &Path, from_sources: &[&str]) -> Result<()> {
        let python = interpreter()?;
        let wanted = format!("{python}\n{}", fs::read_to_string(list).map_err(|e| format!("{}: {e}", list.display()))?);
        let stamp = self.0.join("koru-stamp");
        if fs::read_to_string(&stamp).is_ok_and(|kept| kept == wanted) {
            return Ok(());
        }
        if !from_sources.is_empty() {
            require_headers(&python, &format!("{} is built from its sources", from_sources.join(", ")))?;
        }
        timed("python: an environment with the tools, some minutes the first time", || {
            run(Command::new(&python).args(["-m", "venv", "--clear"]).arg(&self.0))?;
            let mut install = self.pip();
            install.args(["install", "--require-hashes", "--only-binary", ":all:"]);
            install.args(from_sources.iter().flat_map(|package| ["--no-binary", package]));
            run(install.arg("-r").arg(list))
        })?;
        fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))
    }

    fn programs(&self) -> PathBuf {
        self.0.join(if cfg!(windows) { "Scripts" } else { "bin" })
    }

    /// A program of the environment, in the package's folder.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs().join(name));
        command.current_dir(folder()).env("VIRTUAL_ENV", &self.0);
        command
    }

    fn pip(&self) -> Command {
        let mut command = self.program("python");
        command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
        command
    }
}

/// Fails with what to do when packages in C++ cannot be built for an interpreter.
fn require_headers(python: &str, why: &str) -> Result<()> {
    tools::require_cpp_compiler(why)?;
    let seek = "import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path('include') + '/Python.h'))";
    if works(python, &["-c", seek]) {
        return Ok(());
    }
    Err(format!(
        "the headers of {python} are needed, because {why}: install them (Debian: apt-get install python3-dev)"
    ))
}

/// Builds the wheel into a folder that holds nothing else, and returns where it is.
fn wheel(environment: &Environment) -> Result<PathBuf> {
    let into = root().join("target/python/wheel");
    // Emptied first, so that what is found afterwards is what was built now.
    let _ = fs::remove_dir_all(&into);
    timed("python: the wheel, some minutes the first time", || {
        run(environment.program("maturin").args(["build", "--quiet", "--locked", "--out"]).arg(&into))
    })?;
    only_file(&into)
}

/// Leaves in `into` the sources that the wheel can be built from.
fn sources(environment: &Environment, into: &Path) -> Result<()> {
    run(environment.program("maturin").args(["sdist", "--out"]).arg(into))
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let failed = |e| format!("{}: {e}", folder.display());
    let files: Vec<_> = fs::read_dir(folder).map_err(failed)?.flatten().map(|file| file.path()).collect();
    <[PathBuf; 1]>::try_from(files).map(|[file]| file).map_err(|files| format!("{}: {files:?}", folder.display()))
}

/// The wheel's size, or an error if it is too large.
fn size(wheel: &Path) -> Result<String> {
    let bytes = fs::metadata(wheel).map_err(|e| format!("{}: {e}", wheel.display()))?.len();
    let text = format!("the wheel has {} of at most {}", megabytes(bytes), megabytes(BYTES_MAX));
    if bytes <= BYTES_MAX { Ok(text) } else { Err(text) }
}

/// Builds the wheel, installs it, checks its types and runs every test of it.
pub(crate) fn test() -> Result<String> {
    let environment = Environment::make()?;
    run(environment.program("ruff").args(["check", "--quiet", ".", EXAMPLES]))?;
    run(environment.program("ruff").args(["format", "--quiet", "--check", ".", EXAMPLES]))?;
    let wheel = wheel(&environment)?;
    let note = size(&wheel)?;
    let packed = root().join("target/python/sources");
    let _ = fs::remove_dir_all(&packed);
    sources(&environment, &packed)?;
    run(environment.program("twine").args(["check", "--strict"]).arg(&wheel).arg(only_file(&packed)?))?;
    run(environment.pip().args(["install", "--force-reinstall", "--no-deps"]).arg(&wheel))?;
    // From the tests' folder, so that the package that is meant is the installed one. Nothing but the environment is on
    // the PATH: no compiler, and no other koru.
    let tests = folder().join("tests");
    let inside = |program: &str| {
        let mut command = environment.program(program);
        command.current_dir(&tests);
        command
    };
    run(inside("python").args(["-m", "mypy.stubtest", "koru_delta"]))?;
    run(inside("mypy").args(["--config-file", "../pyproject.toml", "."]))?;
    let python = environment.programs().join("python");
    run(inside("pyright").args(["--project", "../pyproject.toml", "--pythonpath"]).arg(python))?;
    if !works("redis-server", &["--version"]) {
        packages::install(&["redis-server"])?;
    }
    // Programs that data comes from or goes to are looked for where they are for us.
    let path = env::var_os("PATH").unwrap_or_default();
    let exchange = release::for_tests("koru-tests", "exchange")?;
    let mut pytest = inside("pytest");
    pytest.env("PATH", environment.programs()).env("KORU_PATH", path).env("KORU_EXCHANGE", exchange);
    run(pytest.arg("--quiet"))?;
    Ok(note)
}

/// Leaves the wheel in `dist/`, and beside it the sources that it can be built from.
pub(crate) fn leave_in_dist() -> Result<()> {
    let environment = Environment::make()?;
    let dist = root().join("dist");
    fs::create_dir_all(&dist).map_err(|e| format!("{}: {e}", dist.display()))?;
    let built = wheel(&environment)?;
    let note = size(&built)?;
    let target = dist.join(built.file_name().unwrap_or("koru.whl".as_ref()));
    fs::copy(&built, &target).map_err(|e| format!("{}: {e}", target.display()))?;
    println!("{}: {note}", target.display());
    sources(&environment, &dist)?;
    Ok(())
}

/// Compares the wheel with its peers.
pub(crate) fn bench(args: &[&str]) -> Result<()> {
    let environment = Environment::make()?;
    let wheel = wheel(&environment)?;
    run(environment.pip().args(["install", "--force-reinstall", "--no-deps"]).arg(&wheel))?;
    run(environment.pip().args(["install", "--require-hashes", "-r", "bench/requirements.txt"]))?;
    let mut command = environment.program("python");
    run(command.current_dir(root().join("target/python")).arg(folder().join("bench/bench.py")).args(args))?;
    println!("{}", size(&wheel)?);
    Ok(())
}

/// Compares vector search with its peers, which are large and have an environment of their own.
pub(crate) fn bench_vectors(args: &[&str]) -> Result<()> {
    let folder = root().join("bench/vectors");
    let script = folder.join("bench.py");
    let peers = Environment(root().join("target/vectors/environment"));
    peers.fill_with(&folder.join("requirements.txt"), &["hnswlib"])?;
    let mut command = peers.program("python");
    command.current_dir(root()).arg(script);
    let asks = |name: &str| args.contains(&name);
    if asks("--help") || asks("-h") {
        return run(command.args(args));
    }
    let stores = args.iter().position(|arg| *arg == "--stores").and_then(|at| args.get(at + 1));
    if !asks("--only-wasm") && stores.is_none_or(|stores| stores.split(',').any(|store| store == "koru")) {
        timed("koru in release, some minutes the first time", || {
            run(cargo().args(["build", "--quiet", "--release", "--package", "koru-bench"]))
        })?;
        command.arg("--koru");
        command.arg(root().join("target/release").join(format!("koru-bench{}", env::consts::EXE_SUFFIX)));
    }
    if asks("--wasm") || asks("--only-wasm") {
        npm::build()?;
        node::install(&root().join("bench/wasm-vectors"))?;
        command.env("KORU_CHROMIUM", browsers::chromium()?);
    }
    run(command.args(args))
}

/// Formats the package and its examples, where the tool for it is there already.
pub(crate) fn fmt() -> Result<()> {
    let environment = Environment::place();
    if !environment.programs().join("ruff").exists() {
        return Ok(());
    }
    run(environment.program("ruff").args(["format", "--quiet", ".", EXAMPLES]))
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("3.11\n") && is_new_enough("3.100"));
        assert!(!is_new_enough("3.9") && !is_new_enough("2.70") && !is_new_enough(""));
    }
}
