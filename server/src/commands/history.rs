//! `koru history`: lists the versions of one document.

use crate::{
    args::{Address, AsOf},
    context::Context,
    document::summary,
    exit::{Exit, Failure, Result},
    moment,
    output::{first_line, plain, shortened, size},
};
use clap::Args;
use koru_delta::{Commit, Database, Value, Version};
use serde::Serialize;

/// Characters of an author that a line shows.
pub(super) const AUTHOR_WIDTH: usize = 24;

/// List the versions of a document, newest first
///
/// One a line: when, its commit, its version, its size, and who wrote it and why. Both commit and version are moments: pass
/// them to --as-of, diff and restore.
#[derive(Args, Debug)]
pub(crate) struct History {
    /// The document, as COLLECTION/KEY
    document: Address,
    /// Stop after this many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only versions older than this one: the next page
    #[arg(long, value_name = "VERSION", conflicts_with = "as_of")]
    before: Option<String>,
    /// Print the values too
    #[arg(long)]
    values: bool,
    #[command(flatten)]
    as_of: AsOf,
}

#[derive(Serialize)]
struct VersionJson<'a> {
    version: String,
    commit: String,
    timestamp: String,
    deleted: bool,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    author: &'a Option<String>,
    message: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

impl History {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.read()?;
        let collection = db.collection(&self.document.collection);
        let key = &self.document.key;
        let mut versions = match &self.as_of.as_of {
            Some(text) => collection.as_of(moment::resolve(&db, text)?)?.history(key)?,
            None => {
                let before = self.before.as_deref().map(|text| moment::version(&db, text)).transpose()?;
                collection.history_before(key, before)?
            }
        };
        let (mut printed, mut last) = (0, None);
        while self.limit.is_none_or(|limit| printed < limit) {
            let Some(version) = versions.next().transpose()? else {
                last = None;
                break;
            };
            self.print(context, &db, &version)?;
            printed += 1;
            last = Some(version.id);
        }
        if printed == 0 && self.limit != Some(0) && self.before.is_none() {
            return Err(Failure::not_found(format!("there is no document {}, and there never was", self.document)));
        }
        if let Some(last) = last
            && versions.next().transpose()?.is_some()
        {
            super::log::more(context, last)?;
        }
        Ok(Exit::Ok)
    }

    fn print(&self, context: &mut Context, db: &Database, version: &Version) -> Result<()> {
        let commit = db.commit(version.id)?;
        let value = if self.values {
            let document = db.collection(&self.document.collection).document(&self.document.key, version)?;
            document.map(|document| document.value().cloned()).transpose()?
        } else {
            None
        };
        if context.json() {
            return context.out.json(&VersionJson {
                version: version.id.to_string(),
                commit: commit.id.to_string(),
                timestamp: moment::display(version.timestamp.millis()),
                deleted: version.deleted,
                bytes: version.value_bytes,
                expires_at: version.expires_at.map(moment::display),
                author: &commit.author,
                message: &commit.message,
                value,
            });
        }
        let bytes = if version.deleted { "deleted".into() } else { size(version.value_bytes) };
        let line = format!("{}  {bytes:>8}  {}", stamp(&commit), words(&commit));
        context.out.short_line(line.trim_end())?;
        if let Some(value) = value {
            let text = match value {
                Value::String(text) => text.to_string(),
                value => serde_json::to_string_pretty(&value)
                    .map_err(|e| Failure::usage(format!("the value cannot be printed: {e}")))?,
            };
            for line in text.lines() {
                context.out.line(format_args!("    {}", plain(line)))?;
            }
        }
        Ok(())
    }
}

/// When, and which commit: the beginning of a line.
pub(super) fn stamp(commit: &Commit) -> String {
    let (time, id) = (moment::display(commit.timestamp.millis()), moment::short_commit(commit.id));
    format!("{time}  {id}  {:<13}", moment::short(commit.version))
}

/// Why and who: the end of a line.
pub(super) fn words(commit: &Commit) -> String {
    let author = commit.author.as_deref().map(plain);
    let author = author.as_deref().map(|author| shortened(author.split(" <").next().unwrap_or(author), AUTHOR_WIDTH));
    // The author comes last: on a narrow terminal the message is what should be seen.
    let message = match &commit.message {
        Some(message) => first_line(message).into_owned(),
        None => plain(&summary(commit)).into_owned(),
    };
    match author {
        Some(author) => format!("{message} ({author})"),
        None => message,
    }
}
