//! What every command works with: the database that was named, and where its answers go.

use crate::{
    args::{Global, Safety},
    exit::{Failure, Result},
    output::{Output, message},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use koru_delta::{Database, Durability, ErrorCode, Options};
use std::path::Path;

pub(crate) struct Context {
    global: Global,
    pub(crate) out: Output,
}

impl Context {
    pub(crate) fn new(global: Global) -> Context {
        Context { global, out: Output::new() }
    }

    /// Whether answers are for programs.
    pub(crate) fn json(&self) -> bool {
        self.global.json
    }

    /// The path of the database.
    pub(crate) fn path(&self) -> Result<&Path> {
        self.global.db.as_deref().filter(|path| !path.as_os_str().is_empty()).ok_or_else(|| {
            Failure::usage(
                "which database? Name its directory with --db PATH, or for all commands with `export KORU_DB=PATH`",
            )
        })
    }

    /// Opens the database for reading, beside whoever writes to it.
    pub(crate) fn read(&self) -> Result<Database> {
        self.open(Options::new().read_only(true))
    }

    /// Opens the database for writing. There has to be one.
    pub(crate) fn write(&self, safety: Safety) -> Result<Database> {
        self.open(Options::new().durability(safety.durability.into()).create(false))
    }

    /// Opens the database for writing, or makes one.
    pub(crate) fn write_or_create(&self, durability: impl Into<Durability>) -> Result<Database> {
        self.open(Options::new().durability(durability.into()))
    }

    fn open(&self, options: Options) -> Result<Database> {
        let path = self.path()?;
        options.open(path).map_err(|e| match e.code() {
            ErrorCode::NotFound => Failure::not_found(format!(
                "there is no database at {}: `koru put` and `koru import` make one there",
                path.display()
            )),
            _ => e.into(),
        })
    }

    /// A message for people, unless they want none.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if !self.global.quiet {
            message(text);
        }
    }

    /// A progress bar on standard error, shown only where that is a terminal.
    pub(crate) fn progress(&self, total: u64, template: &str) -> ProgressBar {
        let target =
            if self.global.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(Some(total), target).with_style(style)
    }
}
