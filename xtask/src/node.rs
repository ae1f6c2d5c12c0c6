//! Node and npm: required, not installed, because a person has an opinion on where they come from.

use crate::{
    Result,
    process::{output, run},
    report::timed,
};
use std::{fs, path::Path, process::Command};

/// The oldest one that runs the tests and tools of `npm/`.
const MAJOR_MIN: u32 = 20;
const HELP: &str = "Install a current version from nodejs.org, by a version manager, or from the distribution.";

/// `node`.
pub(crate) fn node() -> Command {
    Command::new("node")
}

/// `npm` in a folder.
pub(crate) fn npm(folder: &Path) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(folder);
    command
}

/// Fails with what to do unless there is a `node` that is new enough, and an `npm`.
pub(crate) fn require() -> Result<()> {
    versions().map(drop)
}

/// `npm ci` in a folder, unless it holds what its lock file names already.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let versions = versions()?;
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let wanted = format!("{versions}\n{}{}", read("package.json")?, read("package-lock.json")?);
    // `npm ci` removes the whole folder before it starts, so that a stamp in it only ever follows a whole install.
    let stamp = folder.join("node_modules/.koru-npm-stamp");
    if fs::read_to_string(&stamp).is_ok_and(|kept| kept == wanted) {
        return Ok(());
    }
    timed(&format!("npm ci in {}", folder.display()), || run(npm(folder).args(["ci", "--no-audit", "--no-fund"])))?;
    // There is no such folder when nothing is depended on.
    fs::create_dir_all(folder.join("node_modules"))
        .and_then(|()| fs::write(&stamp, wanted))
        .map_err(|e| format!("{}: {e}", stamp.display()))
}

fn versions() -> Result<String> {
    let node =
        output(node().arg("--version")).map_err(|e| format!("{e}\nNode {MAJOR_MIN} or newer is needed. {HELP}"))?;
    if major(&node).is_none_or(|major| major < MAJOR_MIN) {
        return Err(format!("Node {MAJOR_MIN} or newer is needed, and this one is {}. {HELP}", node.trim()));
    }
    let npm = output(npm(Path::new(".")).arg("--version"))
        .map_err(|e| format!("{e}\nnpm is needed beside Node; some distributions package it separately. {HELP}"))?;
    Ok(format!("node {} npm {}", node.trim(), npm.trim()))
}

/// The first number of `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_a_number_and_not_a_text() {
        assert_eq!(major("v20.11.1\n"), Some(20));
        assert_eq!(major("v9.0.0"), Some(9));
        assert_eq!(major("deno 2"), None);
    }
}
