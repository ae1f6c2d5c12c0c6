//! `koru import archive`: makes the database of an archive.

use crate::{
    context::Context,
    exit::{Exit, Failure, Result},
    output::size,
};
use clap::Args;
use koru_delta::Database;
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::PathBuf,
};

/// Make the database of an archive
///
/// The archive is one of `koru export --archive`, of a browser or of Node, and the database must not exist yet. It is the
/// same database, with the same actor: write to one copy only. `koru verify` checks every byte of it.
#[derive(Args, Debug)]
pub(crate) struct Archive {
    /// The archive, or - for standard input
    pub(crate) file: PathBuf,
}

impl Archive {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let path = context.path()?.to_owned();
        let (input, total): (Box<dyn Read>, u64) = if self.file.as_os_str() == "-" {
            (Box::new(io::stdin().lock()), 0)
        } else {
            let refused = |e| Failure::io(self.file.display(), e);
            let file = File::open(&self.file).map_err(refused)?;
            let total = file.metadata().map_err(refused)?.len();
            (Box::new(BufReader::with_capacity(1 << 20, file)), total)
        };
        let progress = context.progress(total, "{bar:40} {bytes} of {total_bytes}");
        let mut done = 0;
        Database::import_archive(&path, input, |n| {
            done = n;
            progress.set_position(n);
        })?;
        progress.finish_and_clear();
        if context.json() {
            context.out.json(&json!({"bytes": done, "database": path.display().to_string()}))?;
        } else {
            context.note(format_args!("{} are a database in {}", size(done), path.display()));
        }
        Ok(Exit::Ok)
    }
}
