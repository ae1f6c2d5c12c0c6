//! `koru watch`: follows the commits, also those of other processes.
//!
//! A database that is open read-only does not see what is written later, so it is opened again when its files have changed.
//! The log is the feed and a token is a place in it, so nothing is missed or told twice in between.

use crate::{
    context::Context,
    exit::{Exit, Failure, Result},
    moment,
    output::plain,
};
use clap::Args;
use koru_delta::{Event, Value, WatchOptions};
use serde::Serialize;
use std::{
    ffi::OsString,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long after a change a second one could still leave the time of the file as it is.
const TIME_RESOLUTION: Duration = Duration::from_millis(50);

/// Follow the commits as they come, also those of other processes
///
/// Prints each change of each commit, from now on or from a token on. With --json one line is one commit, with the token to go
/// on behind it.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Only commits that change documents of this collection
    collection: Option<String>,
    /// Only documents whose key starts with this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Go on behind this token of an earlier watch; 0 is the beginning of all
    #[arg(long, value_name = "TOKEN")]
    from: Option<u64>,
    /// End when no commit came for this long
    #[arg(long, value_name = "DURATION", value_parser = moment::duration)]
    timeout: Option<Duration>,
    /// End after this many commits
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

#[derive(Serialize)]
struct EventJson<'a> {
    token: u64,
    commit: String,
    version: String,
    timestamp: String,
    author: &'a Option<String>,
    message: &'a Option<String>,
    changes: Vec<ChangeJson<'a>>,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    collection: &'a str,
    key: &'a str,
    deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
}

impl Watch {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let mut token = self.from;
        let mut rest = self.count.unwrap_or(u64::MAX);
        let mut quiet_since = Instant::now();
        let over = |since: Instant| self.timeout.is_some_and(|timeout| since.elapsed() >= timeout);
        loop {
            // What came before the time was over is still told.
            let last = over(quiet_since);
            let files = Files::of(context.path()?)?;
            let before = rest;
            {
                let db = context.read()?;
                let (collection, prefix) = (self.collection.clone(), self.prefix.clone());
                let mut watch = db.watch(WatchOptions { collection, prefix, token })?;
                while rest > 0
                    && let Some(event) = watch.try_next()?
                {
                    print(context, &event)?;
                    rest -= 1;
                    quiet_since = Instant::now();
                }
                token = Some(watch.token());
            }
            context.out.flush()?;
            if rest == 0 || (last && rest == before) {
                return Ok(Exit::Ok);
            }
            loop {
                thread::sleep(INTERVAL);
                if over(quiet_since) || files.may_have_changed(context.path()?)? {
                    break;
                }
            }
        }
    }
}

fn print(context: &mut Context, event: &Event) -> Result<()> {
    let commit = &event.commit;
    let changes = commit.changes.iter().zip(&event.documents);
    if context.json() {
        let mut told = Vec::with_capacity(commit.changes.len());
        for (change, document) in changes {
            let value = document.as_ref().map(|document| document.value()).transpose()?;
            told.push(ChangeJson { collection: &change.collection, key: &change.key, deleted: change.deleted, value });
        }
        return context.out.json(&EventJson {
            token: event.token,
            commit: commit.id.to_string(),
            version: commit.version.to_string(),
            timestamp: moment::display(commit.timestamp.millis()),
            author: &commit.author,
            message: &commit.message,
            changes: told,
        });
    }
    let stamp = format!("{}  {}", moment::display(commit.timestamp.millis()), moment::short_commit(commit.id));
    for (change, document) in changes {
        let place = format!("{}/{}", plain(&change.collection), plain(&change.key));
        let line = match document {
            None => format!("{stamp}  delete {place}"),
            Some(document) => {
                let value = serde_json::to_string(document.value()?)
                    .map_err(|e| Failure::usage(format!("{place}: the value cannot be printed: {e}")))?;
                format!("{stamp}  put {place} {value}")
            }
        };
        context.out.short_line(&line)?;
    }
    Ok(())
}

/// The files of a database: which there are, how long, and when they were last written.
pub(super) struct Files {
    files: Vec<(OsString, u64, Option<SystemTime>)>,
    seen: SystemTime,
}

impl Files {
    pub(super) fn of(path: &Path) -> Result<Files> {
        let seen = SystemTime::now();
        let refused = |e| Failure::io(path.display(), e);
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            // A file that went away while the directory was listed is a change like any other.
            let found = entry.metadata().ok();
            let written = found.as_ref().and_then(|found| found.modified().ok());
            files.push((entry.file_name(), found.map_or(0, |found| found.len()), written));
        }
        files.sort();
        Ok(Files { files, seen })
    }

    /// Whether nothing differs.
    pub(super) fn same(&self, other: &Files) -> bool {
        self.files == other.files
    }

    /// Whether something may have been written since: something differs, or the newest file was written so shortly before it
    /// was looked at that a later write may have the same time.
    fn may_have_changed(&self, path: &Path) -> Result<bool> {
        let newest = self.files.iter().filter_map(|(_, _, written)| *written).max();
        let settled = newest.is_none_or(|newest| newest + TIME_RESOLUTION < self.seen);
        Ok(!settled || !self.same(&Files::of(path)?))
    }
}
