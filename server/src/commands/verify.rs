//! `koru verify`: checks everything.

use crate::{
    context::Context,
    exit::{Exit, Result},
    output::{count, plain, size},
};
use clap::Args;
use koru_delta::VerifyReport;
use serde_json::json;
use std::{ops::ControlFlow, time::Instant};

use super::watch::Files;

/// Times that damage is looked for again when a writer changed the files in the meantime.
const TRIES: usize = 3;

/// Check every byte: checksums, hashes, the chain of commits, and that index and log agree
///
/// Reads the whole database and changes nothing. Damage is listed, and the exit code says so. Keep the printed chain elsewhere
/// to show later that nothing before it was altered.
#[derive(Args, Debug)]
pub(crate) struct Verify {}

impl Verify {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let started = Instant::now();
        let report = verify(context)?;
        let exit = if report.is_ok() { Exit::Ok } else { Exit::Damaged };
        if context.json() {
            context.out.json(&json!({
                "ok": report.is_ok(),
                "commits": report.commits,
                "versions": report.versions,
                "segments": report.segments,
                "tables": report.tables,
                "log_bytes": report.log_bytes,
                "chain": report.chain,
                "problems": report.problems,
                "more_problems": report.more_problems,
            }))?;
            return Ok(exit);
        }
        let out = &mut context.out;
        for problem in &report.problems {
            out.line(format_args!("damaged: {}", plain(problem)))?;
        }
        if report.more_problems > 0 {
            out.line(format_args!("... and {} more", count(report.more_problems, "problem")))?;
        }
        let verdict = if report.is_ok() { "everything is right" } else { "the database is damaged" };
        let (commits, versions) = (count(report.commits, "commit"), count(report.versions, "version"));
        let (segments, tables) = (count(report.segments, "segment"), count(report.tables, "table"));
        let (bytes, seconds) = (size(report.log_bytes), started.elapsed().as_secs_f64());
        out.line(format_args!(
            "{verdict}: {commits}, {versions}; {bytes} of log in {segments}, {tables} of index, in {seconds:.2} s"
        ))?;
        out.line(format_args!("chain {}", report.chain))?;
        Ok(exit)
    }
}

fn verify(context: &Context) -> Result<VerifyReport> {
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let before = Files::of(context.path()?)?;
        let db = context.read()?;
        let progress = context.progress(0, "checking {bytes}/{total_bytes} {wide_bar} {eta}");
        let report = db.verify_with(|done, all| {
            progress.set_length(all);
            progress.set_position(done);
            ControlFlow::Continue(())
        })?;
        progress.finish_and_clear();
        // A writer beside us may have replaced what we were about to read.
        if report.is_ok() || tries == 0 || before.same(&Files::of(context.path()?)?) {
            return Ok(report);
        }
    }
}
