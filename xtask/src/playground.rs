//! `playground/`, the web app: built around the npm package of this tree, and tested in Chromium.

use crate::{
    Result, browsers, node, npm,
    process::{root, run},
};
use std::path::PathBuf;

/// The database that the app offers to open, if it lies beside its page.
pub(crate) const ARCHIVE: &str = "demo.tar";

fn folder() -> PathBuf {
    root().join("playground")
}

/// Builds the package and the app, and returns the folder that any static host can serve.
pub(crate) fn build() -> Result<PathBuf> {
    npm::build()?;
    node::install(&folder())?;
    run(node::npm(&folder()).args(["run", "--silent", "build"]))?;
    let built = folder().join("dist");
    if !built.join("index.html").exists() {
        return Err(format!("{} has no index.html after the build", built.display()));
    }
    Ok(built)
}

/// `npm test`, which builds the app itself, on top of a fresh package.
pub(crate) fn test() -> Result<String> {
    npm::build()?;
    node::install(&folder())?;
    let mut command = node::npm(&folder());
    run(command.env("KORU_CHROMIUM", browsers::chromium()?).arg("test"))?;
    Ok(String::new())
}
