//! `tests/packages/`: the packed npm package in small applications, one for each bundler, run in Chromium; in Node; and
//! judged by tools that know what goes wrong in packages.

use crate::{
    Result, browsers, node, npm,
    process::{root, run},
};

/// Every application and tool. The bundlers are installed once for their lock file, below `target`.
pub(crate) fn test() -> Result<String> {
    npm::build()?;
    let script = root().join("tests/packages/run.mjs");
    run(node::node().arg(script).env("KORU_CHROMIUM", browsers::chromium()?))?;
    Ok(String::new())
}
