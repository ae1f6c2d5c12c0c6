//! Packages of the distribution: installed by its package manager, as root or with a sudo that asks for nothing.

use crate::{
    Result,
    process::{quietly, works},
    report::timed,
};
use std::{process::Command, time::Duration};

const SHORT: Duration = Duration::from_secs(60);
const DOWNLOAD: Duration = Duration::from_secs(10 * 60);

/// Installs the packages that are missing. Does nothing, and needs no rights, if all are there.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !works("apt-get", &["--version"]) {
        return Err(format!("there is no apt-get to install {names} with"));
    }
    let root = quietly(Command::new("id").arg("-u"), SHORT).is_ok_and(|id| id.trim() == "0");
    if !root && !works("sudo", &["-n", "true"]) {
        return Err(format!("installing packages takes root: sudo apt-get install {names}"));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if root { "env" } else { "sudo" });
        if !root {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        quietly(&mut command, DOWNLOAD)
    };
    timed("apt-get update", || apt(&["update"]))?;
    let install = [&["install", "--yes", "--no-install-recommends"][..], &missing].concat();
    timed(&format!("apt-get install {names}: about 30 s"), || apt(&install))?;
    Ok(())
}

/// Whether a package is there as a whole; one that was removed but left its settings is not.
fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    quietly(&mut query, SHORT).is_ok_and(|status| status == "installed")
}
