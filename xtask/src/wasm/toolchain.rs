//! A toolchain that builds for `wasm32-unknown-unknown`, whatever this machine has.
//!
//! In this order: the toolchain at hand, the one that we made earlier, the target installed by rustup, and where rustup
//! cannot get it a toolchain of the distribution's packages, whose standard library for wasm is built here from the
//! packaged source. That one lives in a prefix of our own in the user's cache: nothing below `/usr` is touched except by
//! the package manager.

use crate::{
    Result, packages,
    process::{cargo, quietly, root},
    report::timed,
    tools::cache_dir,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The name of the linked toolchain: `RUSTUP_TOOLCHAIN=koru-wasm cargo build --target wasm32-unknown-unknown`.
const LINKED: &str = "koru-wasm";
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const LINKER: &str = "/usr/bin/lld-22";
const RUSTLIB: &str = "/usr/lib/rustlib";
/// Raised when the prefix is laid out differently, so that an older one is made anew.
const LAYOUT: u32 = 2;

const SHORT: Duration = Duration::from_secs(60);
const DOWNLOAD: Duration = Duration::from_secs(10 * 60);
const BUILD: Duration = Duration::from_secs(20 * 60);

/// A toolchain that has the target.
pub(crate) enum Toolchain {
    /// The one that runs us.
    AtHand,
    /// Made of the distribution's packages.
    Distribution,
}

impl Toolchain {
    /// `cargo` of this toolchain, in the root of the repository, with a target folder of its own: two compilers that
    /// share one would forget each other's work.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        if let Toolchain::Distribution = self {
            command.env("RUSTUP_TOOLCHAIN", LINKED);
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
            command.env("CARGO_TARGET_DIR", target.join(LINKED));
        }
        command
    }

    /// How it is called in a summary.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Toolchain::AtHand => "the toolchain at hand",
            Toolchain::Distribution => "the distribution's toolchain",
        }
    }
}

/// Finds or makes a toolchain that has the target.
pub(crate) fn find() -> Result<Toolchain> {
    if has_target(&mut Command::new("rustc")) {
        return Ok(Toolchain::AtHand);
    }
    let prefix = cache_dir()?.join(LINKED);
    if is_current(&prefix) {
        link(&prefix)?;
        return Ok(Toolchain::Distribution);
    }
    let refused = match add_target() {
        Ok(()) => return Ok(Toolchain::AtHand),
        Err(error) => error,
    };
    eprintln!("rustup could not add it: {}", refused.lines().last().unwrap_or_default());
    make_from_packages(&prefix).map_err(|error| {
        format!("{error}\nno toolchain here has the target {TARGET}: `rustup target add {TARGET}` installs it where rustup can download")
    })?;
    Ok(Toolchain::Distribution)
}

fn add_target() -> Result<()> {
    timed(&format!("rustup target add {TARGET}: a download of 20 MB"), || {
        quietly(Command::new("rustup").args(["target", "add", TARGET]), DOWNLOAD)
    })?;
    if has_target(&mut Command::new("rustc")) {
        return Ok(());
    }
    Err(format!("rustup added {TARGET}, but rustc does not find it"))
}

fn make_from_packages(prefix: &Path) -> Result<()> {
    packages::install(&PACKAGES)?;
    let host = host_triple()?;
    lay_out(prefix, &host)?;
    link(prefix)?;
    timed("building the standard library for wasm32 from source: about a minute", || build_std(prefix))?;
    // Written last: a prefix without it is half made, and is made anew.
    let stamp = stamp()?;
    write(&prefix.join("stamp"), &stamp)?;
    if is_current(prefix) { Ok(()) } else { Err(format!("{} was made, but lacks the target", prefix.display())) }
}

/// A prefix that rustup takes for a toolchain. The compiler and the host's libraries are links to the packaged ones.
fn lay_out(prefix: &Path, host: &str) -> Result<()> {
    if prefix.exists() {
        fs::remove_dir_all(prefix).map_err(|e| format!("{}: {e}", prefix.display()))?;
    }
    let rustlib = prefix.join("lib/rustlib");
    let host_bin = rustlib.join(host).join("bin");
    for folder in [&prefix.join("bin"), &host_bin, &libraries(prefix), &prefix.join("empty/src")] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let rustc = prefix.join("bin/rustc");
    let path = prefix.to_string_lossy().replace('\'', r"'\''");
    write(&rustc, &format!("#!/bin/sh\nexec {RUSTC} --sysroot '{path}' \"$@\"\n"))?;
    make_executable(&rustc)?;
    symlink(Path::new(CARGO), &prefix.join("bin/cargo"))?;
    symlink(Path::new(LINKER), &host_bin.join("rust-lld"))?;
    symlink(&Path::new(RUSTLIB).join(host).join("lib"), &rustlib.join(host).join("lib"))?;
    symlink(&Path::new(RUSTLIB).join("src"), &rustlib.join("src"))?;
    // `[workspace]` keeps cargo from looking for one in the folders above.
    write(&prefix.join("empty/Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2024\"\n\n[workspace]\n")?;
    write(&prefix.join("empty/src/lib.rs"), "")
}

fn build_std(prefix: &Path) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .current_dir(prefix.join("empty"))
        .env("RUSTUP_TOOLCHAIN", LINKED)
        // A packaged compiler is a stable one; building its own library is what this switch is for.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", prefix.join("empty/target"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // Without the bitcode, which cargo leaves out, a build with `lto = "fat"` cannot use the library.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .args(["build", "--release", "-Zbuild-std=std,panic_abort,proc_macro,test", "--target", TARGET]);
    quietly(&mut command, BUILD)?;
    let built = prefix.join("empty/target").join(TARGET).join("release/deps");
    let failed = |e| format!("{}: {e}", built.display());
    for entry in fs::read_dir(&built).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if (name.ends_with(".rlib") || name.ends_with(".rmeta")) && !name.starts_with("libempty-") {
            fs::copy(&path, libraries(prefix).join(name)).map_err(failed)?;
        }
    }
    fs::remove_dir_all(prefix.join("empty")).map_err(failed)
}

fn link(prefix: &Path) -> Result<()> {
    quietly(Command::new("rustup").args(["toolchain", "link", LINKED]).arg(prefix), SHORT).map(drop)
}

/// Whether the prefix was made whole, from the packages that are installed now.
fn is_current(prefix: &Path) -> bool {
    let kept = fs::read_to_string(prefix.join("stamp")).unwrap_or_default();
    stamp().is_ok_and(|stamp| stamp == kept) && has_target(&mut Command::new(prefix.join("bin/rustc")))
}

fn stamp() -> Result<String> {
    Ok(format!("layout {LAYOUT}\n{}", quietly(Command::new(RUSTC).arg("-vV"), SHORT)?))
}

fn host_triple() -> Result<String> {
    let version = quietly(Command::new(RUSTC).arg("-vV"), SHORT)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| format!("{RUSTC} -vV names no host:\n{version}"))
}

/// Whether a compiler has the standard library of the target.
fn has_target(rustc: &mut Command) -> bool {
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(root());
    let Ok(folder) = quietly(rustc, SHORT) else { return false };
    let Ok(entries) = fs::read_dir(folder.trim()) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn libraries(prefix: &Path) -> PathBuf {
    prefix.join("lib/rustlib").join(TARGET).join("lib")
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(unix)]
fn symlink(original: &Path, link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(original, link).map_err(|e| format!("{}: {e}", link.display()))
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(not(unix))]
fn symlink(_: &Path, link: &Path) -> Result<()> {
    Err(format!("{}: only a system with apt-get gets here", link.display()))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}
