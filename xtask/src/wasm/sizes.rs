//! What a module weighs: as it is, and as servers send it.

use crate::{Result, node, process::output};
use std::{fmt::Write, path::Path};

const SCRIPT: &str = "\
const zlib = require('node:zlib');
const bytes = require('node:fs').readFileSync(process.argv[1]);
console.log(bytes.length, zlib.gzipSync(bytes, { level: 9 }).length, zlib.brotliCompressSync(bytes).length);";

/// The sizes of a file, raw and compressed by gzip and brotli at their strongest.
pub(super) fn of(file: &Path) -> Result<String> {
    let sizes = output(node::node().args(["-e", SCRIPT]).arg(file))?;
    let mut text = String::new();
    for (size, name) in sizes.split_whitespace().zip(["raw", "gzip", "brotli"]) {
        let bytes: u64 = size.parse().map_err(|_| format!("node printed {sizes:?} instead of sizes"))?;
        let separator = if text.is_empty() { "" } else { ", " };
        write!(text, "{separator}{} kB {name}", bytes.div_ceil(1000)).map_err(|e| e.to_string())?;
    }
    Ok(text)
}
