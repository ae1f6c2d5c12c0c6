//! Builds of `koru`: for release, with the size that it must not pass, and for tests.

use crate::{
    Result,
    process::{cargo, output, root},
    report::megabytes,
    tools::json_strings,
};
use std::{fs, path::PathBuf};

/// The largest stripped `koru`: it is downloaded, and copied into images.
pub(crate) const BYTES_MAX: u64 = 8_000_000;

/// Builds the stripped `koru` in release and returns where it is.
pub(crate) fn koru() -> Result<PathBuf> {
    eprintln!("building koru in release: about a minute the first time");
    // Stripping is an argument for the last crate only, so that the benchmarks' release build keeps its symbols.
    let messages = output(cargo().args(["rustc", "--release", "--package", "koru-server", "--bin", "koru"]).args([
        "--message-format",
        "json-render-diagnostics",
        "--",
        "-C",
        "strip=symbols",
    ]))?;
    executable(&messages)
}

/// Builds a program of a package with its checks, and returns where it is.
pub(crate) fn for_tests(package: &str, program: &str) -> Result<PathBuf> {
    executable(&output(
        cargo()
            .args(["build", "--package", package, "--bin", program])
            .args(["--message-format", "json-render-diagnostics"]),
    )?)
}

fn executable(messages: &str) -> Result<PathBuf> {
    json_strings(messages, "executable")
        .pop()
        .map(PathBuf::from)
        .ok_or_else(|| "cargo did not say where it left the binary".into())
}

/// The size of a build, or an error if it is too large.
pub(crate) fn size_within_bound() -> Result<String> {
    let path = koru()?;
    let bytes = fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()))?.len();
    let text = format!("koru has {} of at most {}", megabytes(bytes), megabytes(BYTES_MAX));
    if bytes <= BYTES_MAX { Ok(text) } else { Err(text) }
}

/// Leaves the stripped release binary in `dist/`.
pub(crate) fn leave_in_dist() -> Result<()> {
    let built = koru()?;
    let dist = root().join("dist");
    let target = dist.join(built.file_name().unwrap_or("koru".as_ref()));
    let failed = |e| format!("{}: {e}", target.display());
    fs::create_dir_all(&dist).map_err(failed)?;
    // Removed first, because a binary that is running cannot be overwritten.
    let _ = fs::remove_file(&target);
    let bytes = fs::copy(&built, &target).map_err(failed)?;
    println!("{}: {} ({bytes} bytes)", target.display(), megabytes(bytes));
    Ok(())
}
