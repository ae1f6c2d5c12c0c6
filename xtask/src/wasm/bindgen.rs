//! The programs of wasm-bindgen: exactly of the version of the crate in `Cargo.lock`, because what the crate writes into
//! a module only the same version reads.

use crate::{
    Result,
    process::{cargo, output, root, run},
    report::timed,
    tools::cache_dir,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const PROGRAMS: [&str; 2] = ["wasm-bindgen", "wasm-bindgen-test-runner"];

/// Where the programs are.
pub(super) struct Bindgen {
    version: String,
    folder: PathBuf,
}

impl Bindgen {
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(format!("{program}{}", env::consts::EXE_SUFFIX))
    }

    pub(super) fn command(&self, program: &str) -> Command {
        Command::new(self.path(program))
    }

    fn is_whole(&self) -> bool {
        let expected = format!("{} {}", PROGRAMS[0], self.version);
        PROGRAMS.iter().all(|program| self.path(program).is_file())
            && output(self.command(PROGRAMS[0]).arg("--version")).is_ok_and(|version| version.trim() == expected)
    }
}

/// Finds the programs on the PATH or in the cache, or installs them there.
pub(super) fn find() -> Result<Bindgen> {
    let path = root().join("Cargo.lock");
    let lock = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let version = locked_version(&lock, "wasm-bindgen").ok_or("Cargo.lock holds no wasm-bindgen")?.to_owned();
    let ours = cache_dir()?.join(format!("wasm-bindgen-{version}"));
    let on_path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&on_path).chain([ours.join("bin")]);
    let mut candidates = folders.map(|folder| Bindgen { version: version.clone(), folder });
    if let Some(found) = candidates.find(Bindgen::is_whole) {
        return Ok(found);
    }
    install(&version, &ours)?;
    Ok(Bindgen { version, folder: ours.join("bin") })
}

fn install(version: &str, prefix: &Path) -> Result<()> {
    let what = format!(
        "installing wasm-bindgen-cli {version} into {}: about 4 minutes of processor time, once",
        prefix.display()
    );
    // The version is exact; the crate's own lock file is left out, because it holds versions that have been withdrawn.
    let version = format!("={version}");
    timed(&what, || run(cargo().args(["install", "wasm-bindgen-cli", "--version", &version, "--root"]).arg(prefix)))
}

/// The version of a package in the text of a `Cargo.lock`.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| **line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_package_of_exactly_this_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"9.9.9\"\n\n[[package]]\nname = \"wasm-bindgen\"\r\nversion = \"0.2.130\"\r\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
