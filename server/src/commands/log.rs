//! `koru log`: lists the commits.

use crate::{
    args::{AsOf, Target},
    context::Context,
    document::own_changes,
    exit::{Exit, Result},
    moment,
    output::count,
};
use clap::Args;
use koru_delta::{Commit, Database, Moment, VersionId};
use serde::Serialize;

use super::history::{stamp, words};

/// List the commits, newest first
///
/// One a line: when, its id, its version, how many documents it changed, and who made it and why.
#[derive(Args, Debug)]
pub(crate) struct Log {
    /// Only commits that change this collection or document
    #[arg(value_name = "COLLECTION|DOCUMENT")]
    target: Option<Target>,
    /// Stop after this many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only commits older than this one: the next page
    #[arg(long, value_name = "VERSION", conflicts_with = "as_of")]
    before: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
}

#[derive(Serialize)]
struct CommitJson<'a> {
    commit: String,
    version: String,
    timestamp: String,
    author: &'a Option<String>,
    message: &'a Option<String>,
    causes: Vec<CauseJson<'a>>,
    changes: Vec<ChangeJson<'a>>,
}

#[derive(Serialize)]
struct CauseJson<'a> {
    collection: &'a str,
    key: &'a str,
    version: String,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    collection: &'a str,
    key: &'a str,
    deleted: bool,
}

type Commits = Box<dyn Iterator<Item = koru_delta::Result<Commit>>>;

impl Log {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.read()?;
        let mut commits = self.commits(&db)?;
        let (mut printed, mut last) = (0, None);
        while self.limit.is_none_or(|limit| printed < limit) {
            let Some(commit) = commits.next().transpose()? else {
                last = None;
                break;
            };
            print(context, &commit)?;
            printed += 1;
            last = Some(commit.version);
        }
        match last {
            Some(last) if commits.next().transpose()?.is_some() => more(context, last)?,
            _ if printed == 0 && !context.json() => context.note("no commits"),
            _ => {}
        }
        Ok(Exit::Ok)
    }

    /// The commits that were asked for, newest first.
    fn commits(&self, db: &Database) -> Result<Commits> {
        let before = self.before.as_deref().map(|text| moment::version(db, text)).transpose()?;
        let moment = match before {
            // Everything up to the time of that commit; those of that very time are told apart below.
            Some(version) => Moment::Time(db.commit(version)?.timestamp),
            None => moment::resolve_or_now(db, self.as_of.as_of.as_deref())?,
        };
        if let Some(Target::Document(document)) = &self.target {
            let collection = db.collection(&document.collection);
            let versions = match before {
                Some(_) => collection.history_before(&document.key, before)?,
                None => collection.as_of(moment)?.history(&document.key)?,
            };
            let db = db.clone();
            return Ok(Box::new(versions.map(move |version| db.commit(version?.id))));
        }
        let behind = match before {
            Some(version) => Some((db.commit(version)?.timestamp, version.actor)),
            None => None,
        };
        let wanted = match &self.target {
            Some(Target::Collection(name)) => Some(name.clone()),
            _ => None,
        };
        let log = if moment == Moment::Now { db.log()? } else { db.as_of(moment)?.log()? };
        Ok(Box::new(log.filter(move |commit| {
            commit.as_ref().map_or(true, |commit| {
                behind.is_none_or(|behind| (commit.timestamp, commit.version.actor) < behind)
                    && wanted.as_ref().is_none_or(|name| commit.changes.iter().any(|c| c.collection == *name))
            })
        })))
    }
}

fn print(context: &mut Context, commit: &Commit) -> Result<()> {
    if context.json() {
        let changes = own_changes(commit);
        return context.out.json(&CommitJson {
            commit: commit.id.to_string(),
            version: commit.version.to_string(),
            timestamp: moment::display(commit.timestamp.millis()),
            author: &commit.author,
            message: &commit.message,
            causes: (commit.causes.iter())
                .map(|c| CauseJson { collection: &c.collection, key: &c.key, version: c.version.to_string() })
                .collect(),
            changes: changes
                .map(|c| ChangeJson { collection: &c.collection, key: &c.key, deleted: c.deleted })
                .collect(),
        });
    }
    let changed = match own_changes(commit).count() {
        // A tag, or a git commit without files.
        0 => String::new(),
        changes => count(changes as u64, "change"),
    };
    let line = format!("{}  {changed:>10}  {}", stamp(commit), words(commit));
    context.out.short_line(line.trim_end())
}

/// Says where to go on when a limit cut off a list of commits or versions.
pub(super) fn more(context: &mut Context, last: VersionId) -> Result<()> {
    if context.json() {
        return context.out.json(&serde_json::json!({"next": last.to_string()}));
    }
    context.out.flush()?;
    context.note(format_args!("there are more: go on with --before {}", moment::short(last)));
    Ok(())
}
