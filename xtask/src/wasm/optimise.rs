//! `wasm-opt`, from the npm package `binaryen` that `npm/package.json` pins among its `devDependencies`.

use super::order;
use crate::{
    Result, node, npm,
    process::{output, run},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// For the size of the download, like the profile `wasm`.
///
/// Large functions are not inlined because they are called once: what comes of it compresses worse, and the module would
/// be some percent larger as gzip. Sorted by name, copies of one generic function stand close enough together for gzip
/// to see that they are alike.
///
/// The offsets that memory is reached by may become part of the instruction, although that no longer wraps around: with the
/// stack at the begin of memory, as the linker puts it, only a stack that is all but used up reaches below 1 KiB, and that
/// then traps a little sooner.
const PASSES: [&str; 7] = [
    "--low-memory-unused",
    "-Oz",
    // What the first leaves is done by the second.
    "-Oz",
    "--one-caller-inline-max-function-size=30",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
];

/// Then functions are sorted, by names that they are given for it.
const SORT: [&str; 2] = ["--reorder-functions-by-name", "--strip-debug"];

/// What the module has been compiled for, and every engine of the last years has.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];

/// The program.
pub(super) struct Optimiser(PathBuf);

impl Optimiser {
    /// Finds it among what `npm ci` has installed.
    pub(super) fn find() -> Result<Self> {
        let path = npm::folder().join("node_modules/binaryen/bin/wasm-opt");
        if path.is_file() {
            return Ok(Self(path));
        }
        Err(format!("{} is missing: `binaryen` must be among the devDependencies of npm/package.json", path.display()))
    }

    /// Its version, and what it is told to do.
    pub(super) fn version(&self) -> Result<String> {
        Ok(format!("{} {PASSES:?} {SORT:?} {FEATURES:?}", output(self.command().arg("--version"))?.trim()))
    }

    /// Optimises a module in its place.
    pub(super) fn run(&self, module: &Path) -> Result<()> {
        let failed = |e| format!("{}: {e}", module.display());
        let pass = |passes: &[&str]| run(self.command().args(passes).args(FEATURES).arg(module).arg("-o").arg(module));
        pass(&PASSES)?;
        let named = order::named(&fs::read(module).map_err(failed)?)?;
        fs::write(module, named).map_err(failed)?;
        pass(&SORT)
    }

    /// It is a program for Node on every platform.
    fn command(&self) -> Command {
        let mut command = node::node();
        command.arg(&self.0);
        command
    }
}
