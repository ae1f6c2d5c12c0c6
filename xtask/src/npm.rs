//! `npm/`, the package for browsers and Node: tested as its own script says, and packed.

use crate::{
    Result, browsers, downloads, node,
    process::{root, run},
    release,
    report::megabytes,
    wasm,
};
use std::{fs, path::PathBuf, process::Command};

/// Where it is.
pub(crate) fn folder() -> PathBuf {
    root().join("npm")
}

/// Builds the module, and around it the package as its own script says.
pub(crate) fn build() -> Result<String> {
    let sizes = wasm::build()?;
    run(node::npm(&folder()).args(["run", "build"]))?;
    Ok(sizes)
}

/// `npm test` with a fresh build, and what it starts: the browsers, and programs in Rust whose files it reads and writes.
fn tests() -> Result<Command> {
    let mut command = node::npm(&folder());
    let [webkit, display] = browsers::webkit()?;
    command.env("KORU_CHROMIUM", browsers::chromium()?).env("KORU_FIREFOX", browsers::firefox()?);
    command.env("KORU_WEBKIT", webkit).env("KORU_XVFB", display);
    command.env("KORU_BIN", release::for_tests("koru-server", "koru")?);
    command.env("KORU_EXCHANGE", release::for_tests("koru-tests", "exchange")?).arg("test");
    Ok(command)
}

/// Every test of the package, and what a page downloads of it.
pub(crate) fn test() -> Result<String> {
    build()?;
    let sizes = downloads::check()?;
    run(&mut tests()?)?;
    Ok(sizes)
}

/// Only the tests that kill browsers and Node in mid-write, each with so many kills.
pub(crate) fn kill(count: &str) -> Result<()> {
    build()?;
    run(tests()?.env("KORU_KILLS", count).args(["--", "kills"]))
}

/// Holds the package against its peers in Chromium: `bench/browser` says how.
pub(crate) fn bench(args: &[&str]) -> Result<()> {
    build()?;
    let folder = root().join("bench/browser");
    node::install(&folder)?;
    let mut command = node::node();
    run(command.env("KORU_CHROMIUM", browsers::chromium()?).arg(folder.join("run.mjs")).args(args))
}

/// Leaves the package in `dist/`, as it would be published.
pub(crate) fn leave_in_dist() -> Result<()> {
    build()?;
    let dist = root().join("dist");
    // The workspace has one version for every package, and the name of the file holds that of `package.json`.
    let packed = dist.join(concat!("koru-delta-", env!("CARGO_PKG_VERSION"), ".tgz"));
    let failed = |e| format!("{}: {e}", packed.display());
    fs::create_dir_all(&dist).map_err(failed)?;
    // Removed first, so that what is found afterwards is what was packed now.
    let _ = fs::remove_file(&packed);
    run(node::npm(&folder()).args(["pack", "--silent", "--pack-destination"]).arg(&dist))?;
    let bytes = fs::metadata(&packed).map_err(failed)?.len();
    println!("{}: {} ({bytes} bytes)", packed.display(), megabytes(bytes));
    Ok(())
}
