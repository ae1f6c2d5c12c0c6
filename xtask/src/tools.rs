//! Tools that a check needs beside cargo: found, or installed once into the cache of the user.

use crate::{
    Result,
    process::{cargo, quietly, works},
};
use std::{env, path::PathBuf, process::Command, time::Duration};

const DENY_VERSION: &str = "0.20.2";
const INSTALL_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Where installed tools and toolchains are kept from one clone to the next.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .ok_or("no cache directory: HOME is not set")?;
    Ok(base.join("koru-delta"))
}

/// `cargo deny`: the one on the PATH, or our own.
pub(crate) fn cargo_deny() -> Result<Command> {
    if works("cargo-deny", &["--version"]) {
        return Ok(in_root("cargo-deny".into()));
    }
    let prefix = cache_dir()?.join(format!("cargo-deny-{DENY_VERSION}"));
    let binary = prefix.join("bin").join(format!("cargo-deny{}", env::consts::EXE_SUFFIX));
    if !binary.exists() {
        eprintln!("installing cargo-deny {DENY_VERSION} into {}: one or two minutes, once", prefix.display());
        // Unoptimised: it builds in a quarter of the time, and runs for a second.
        let mut install = cargo();
        install.args(["install", "cargo-deny", "--version", DENY_VERSION, "--locked", "--debug", "--root"]);
        quietly(install.arg(&prefix), INSTALL_LIMIT)?;
    }
    Ok(in_root(binary))
}

/// Whether crates that build C can be built.
pub(crate) fn has_c_compiler() -> bool {
    let chosen = env::var("CC").unwrap_or_default();
    [chosen.as_str(), "cc", "gcc", "clang", "cl"].iter().any(|name| !name.is_empty() && works(name, &["--version"]))
}

/// Fails with what to do when there is no C compiler.
pub(crate) fn require_c_compiler(why: &str) -> Result<()> {
    if has_c_compiler() {
        return Ok(());
    }
    Err(format!(
        "a C compiler is needed, because {why}: install gcc or clang (Debian: apt-get install build-essential)"
    ))
}

/// Fails with what to do when there is no C++ compiler.
pub(crate) fn require_cpp_compiler(why: &str) -> Result<()> {
    let chosen = env::var("CXX").unwrap_or_default();
    if [chosen.as_str(), "c++", "g++", "clang++", "cl"]
        .iter()
        .any(|name| !name.is_empty() && works(name, &["--version"]))
    {
        return Ok(());
    }
    Err(format!("a C++ compiler is needed, because {why}: install g++ or clang (Debian: apt-get install g++)"))
}

/// The text values of every `"name"` in a JSON text, in order. Enough to read a path or an id out of another program's
/// answer without a JSON library in a tool that must build in seconds.
pub(crate) fn json_strings(json: &str, name: &str) -> Vec<String> {
    let quoted = format!("\"{name}\"");
    json.match_indices(&quoted)
        .filter_map(|(at, _)| {
            let rest = json.get(at + quoted.len()..)?.trim_start().strip_prefix(':')?.trim_start();
            unquote(rest.strip_prefix('"')?)
        })
        .collect()
}

fn unquote(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                // Nothing that we read holds other escapes; giving up beats a wrong answer.
                escaped @ ('"' | '\\' | '/') => value.push(escaped),
                _ => return None,
            },
            other => value.push(other),
        }
    }
}

fn in_root(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::process::root());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_values_are_read_out_of_json_in_order() {
        let json = r#"{"commit":"aa","n":1,"commits":"no"} {"commit": "b\"\\c", "commit":7, "commit":"\u0041"}"#;
        assert_eq!(json_strings(json, "commit"), ["aa", "b\"\\c"]);
    }
}
