//! What the figures were measured on: processor, system, file system, date, commit and the versions of the peers.

use std::{fs, path::Path, process::Command};

const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// The version of a package that this program was built with.
pub(crate) fn locked_version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"");
    let mut lines = LOCK_FILE.lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \""));
    version.and_then(|rest| rest.strip_suffix('"')).unwrap_or("unknown")
}

/// Facts of this machine and build, each a name and a value. What the system does not tell is `unknown`.
pub(crate) fn facts(directory: &Path) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or_else(|_| "unknown".into(), |cores| cores.to_string());
    let load = fs::read_to_string("/proc/loadavg").ok();
    let load = load.and_then(|text| text.split(' ').next().map(str::to_owned));
    vec![
        ("date", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("commit", commit()),
        ("processor", named_line("/proc/cpuinfo", "model name")),
        ("cores", cores),
        ("memory", named_line("/proc/meminfo", "MemTotal")),
        (
            "kernel",
            fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| unknown(), |text| text.trim().into()),
        ),
        ("file system", file_system(directory)),
        ("compiler", output("rustc", &["--version"])),
        ("load before the run", load.unwrap_or_else(unknown)),
    ]
}

fn unknown() -> String {
    "unknown".into()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    output.map_or_else(unknown, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn commit() -> String {
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
    match output("git", &["status", "--porcelain", "--untracked-files=no"]).as_str() {
        "" | "unknown" => commit,
        _ => format!("{commit} with uncommitted changes"),
    }
}

fn named_line(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_once(':')).map_or_else(unknown, |(_, value)| value.trim().to_owned())
}

/// The type of the file system that holds `directory`: that of the longest mount point above it.
fn file_system(directory: &Path) -> String {
    let Ok(directory) = directory.canonicalize() else { return unknown() };
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (point, kind) = (fields.nth(1)?, fields.next()?);
        directory.starts_with(point).then_some((point.len(), kind))
    });
    // A later mount on the same point hides the earlier one, and `max_by_key` keeps the last of equals.
    above.max_by_key(|(length, _)| *length).map_or_else(unknown, |(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_file() {
        assert!(locked_version("redb").starts_with("4."));
        assert_eq!(locked_version("no such package"), "unknown");
    }
}
