//! A git repository with its history: each git commit becomes one commit of koru, in topological order, with its author,
//! message and time. Each file is a document.
//!
//! An import is one line of history and git's is not, so the state after a commit is that of everything imported so far:
//! a commit brings its own changes, and a merge whatever makes the state equal to its tree. After the last commit the state is
//! the tree of the ref, which is checked.
//!
//! With each commit the import remembers how far it has come, in that very commit. It goes on from there after a crash, and
//! later with what is new.

mod commit;
mod objects;
mod progress;
mod repository;
mod tree;

use crate::{
    context::Context,
    exit::{Exit, Failure, Result},
    output::count,
};
use clap::Args;
use commit::GitCommit;
use indicatif::ProgressBar;
use koru_delta::{Database, Durability, Error, ErrorCode, Import, ImportChange, Value, Vectors, limits};
use objects::{Blob, Objects};
use progress::Progress;
use repository::{Differ, Listed, Repository};
use serde_json::json;
use std::{collections::BTreeSet, path::PathBuf, time::Instant};
use tree::{Entry, Kind, Tree};

/// The collection that files go to when none is named.
const COLLECTION: &str = "files";

/// Bytes of an encoded value beside a file's content.
const VALUE_OVERHEAD_BYTES: u64 = 16;

/// Content of one commit. A git commit with more, the first one of a large repository, is written in parts.
const PART_BYTES: usize = 64 << 20;

/// Changes of one part.
const PART_CHANGES: usize = 100_000;

/// Skipped paths that are named.
const SKIPPED_NAMED_MAX: usize = 20;

/// Read a git repository: each of its commits becomes a commit, each file a document
///
/// Commits keep author, message and time, so --as-of reads the files as they were. Run again it reads only what is new; ended
/// half-way it goes on where it was. Text becomes strings, other files bytes, symbolic links their target. Submodules, files
/// that are too large and names that are not UTF-8 are skipped and named.
#[derive(Args, Debug)]
pub(super) struct Git {
    /// The repository
    path: PathBuf,
    /// The collection to write to
    #[arg(long, value_name = "NAME", default_value = COLLECTION)]
    collection: String,
    /// Skip files that are larger than this
    #[arg(long, value_name = "BYTES")]
    limit_size: Option<u64>,
    /// The branch, tag or commit to read, if not HEAD
    #[arg(long, value_name = "REF")]
    branch: Option<String>,
}

impl Git {
    /// With the usual options.
    pub(super) fn new(path: PathBuf, collection: Option<String>) -> Git {
        Git { path, collection: collection.unwrap_or_else(|| COLLECTION.into()), limit_size: None, branch: None }
    }

    pub(super) fn run(self, context: &mut Context) -> Result {
        let started = Instant::now();
        context.path()?;
        let repository = Repository::open(&self.path)?;
        let name = self.branch.as_deref().unwrap_or("HEAD");
        let tip = repository.resolve(name)?;
        if repository.is_shallow() {
            context.note("note: the clone is shallow, so only a part of its history is here; `git fetch --unshallow` gets the rest");
        }
        let db = context.write_or_create(Durability::Relaxed)?;
        let mut session = Session {
            import: db.import(&format!("git:{}#{}", repository.identity(), self.collection))?,
            objects: Objects::start(&repository)?,
            repository: &repository,
            collection: &self.collection,
            bytes_max: self.limit_size.unwrap_or(u64::MAX).min(limits::VALUE_BYTES_MAX as u64 - VALUE_OVERHEAD_BYTES),
            now_ms: jiff::Timestamp::now().as_millisecond(),
            totals: Totals::default(),
        };
        let result = session.run(context, &tip);
        let totals = session.totals;
        drop(session.import);
        // Also behind a failure: what came before it is kept.
        let closed = sync_and_close(&db);
        result?;
        closed?;
        report(context, &totals, name, &tip, &self.collection, started)?;
        Ok(Exit::Ok)
    }
}

fn sync_and_close(db: &Database) -> koru_delta::Result<()> {
    db.sync()?;
    db.close()
}

/// What an import did.
#[derive(Default)]
struct Totals {
    commits: u64,
    versions: u64,
    deletions: u64,
    parts: u64,
    shortened: u64,
    moved: u64,
    /// Path and reason, once for each.
    skipped: BTreeSet<(String, String)>,
}

fn report(
    context: &mut Context,
    totals: &Totals,
    name: &str,
    tip: &str,
    collection: &str,
    started: Instant,
) -> Result<()> {
    let seconds = started.elapsed().as_secs_f64();
    for (path, reason) in totals.skipped.iter().take(SKIPPED_NAMED_MAX) {
        context.note(format_args!("skipped {path}: {reason}"));
    }
    if totals.skipped.len() > SKIPPED_NAMED_MAX {
        context.note(format_args!("... and {} more paths", totals.skipped.len() - SKIPPED_NAMED_MAX));
    }
    let notes = [
        (totals.shortened, "message or author too long and was shortened"),
        (totals.moved, "commit time in the future and was set to now"),
        (totals.parts, "additional commit, because one was too large for one"),
    ];
    for (number, what) in notes.into_iter().filter(|(number, _)| *number > 0) {
        context.note(format_args!("note: {number} x {what}"));
    }
    if context.json() {
        let skipped: Vec<_> =
            totals.skipped.iter().map(|(path, reason)| json!({"path": path, "reason": reason})).collect();
        return context.out.json(&json!({
            "head": tip,
            "collection": collection,
            "commits": totals.commits,
            "versions": totals.versions,
            "deletions": totals.deletions,
            "skipped": skipped,
            "seconds": seconds,
        }));
    }
    let tip = tip.get(..12).unwrap_or(tip);
    if totals.commits == 0 {
        return context.out.line(format_args!("nothing new: {collection} is at {name} ({tip}) already"));
    }
    let (commits, versions) = (count(totals.commits, "commit"), count(totals.versions, "version"));
    let (deletions, skipped) = (count(totals.deletions, "deletion"), count(totals.skipped.len() as u64, "path"));
    context.out.line(format_args!(
        "imported {commits} of {name} ({tip}) into {collection}: {versions}, {deletions}, {skipped} skipped, in {seconds:.2} s"
    ))
}

/// An import under way.
struct Session<'r> {
    import: Import,
    objects: Objects,
    repository: &'r Repository,
    collection: &'r str,
    /// Largest file that is read.
    bytes_max: u64,
    now_ms: i64,
    totals: Totals,
}

impl Session<'_> {
    /// Imports everything up to `tip`: first the rest of a round that was ended half-way.
    fn run(&mut self, context: &Context, tip: &str) -> Result<()> {
        let mut from = None;
        if let Some(begun) = self.import.state().map(Progress::read).transpose()? {
            if begun.target != tip && !self.repository.is_ancestor(&begun.target, tip)? {
                return Err(rewritten(&begun.target, tip));
            }
            from = Some(begun.target.clone());
            if !begun.is_complete() {
                self.round(context, begun)?;
            }
        }
        if from.as_deref() == Some(tip) {
            return Ok(());
        }
        self.round(context, Progress { from, target: tip.into(), head: None, done: 0 })
    }

    /// Imports the commits between the ends of a round that are not done.
    fn round(&mut self, context: &Context, begun: Progress) -> Result<()> {
        let commits = self.repository.commits(begun.from.as_deref(), &begun.target)?;
        let done = begun.done_of(&commits)?;
        let mut tree = Tree::default();
        if let Some(from) = &begun.from {
            tree.start(self.repository.files(from)?);
        }
        let mut differ = Differ::start(self.repository, &commits, begun.from.as_deref())?;
        let progress = context.progress(commits.len() as u64, "importing commit {pos}/{len} {wide_bar} {eta}");
        for (index, listed) in commits.iter().enumerate() {
            let (own, step) = differ.next(listed)?;
            let changed = tree.advance(own, step);
            if index >= done {
                let state = begun.at(index, listed);
                self.commit(listed, changed, &state, &progress).map_err(|failure| {
                    progress.finish_and_clear();
                    failure.context(&format!("git commit {}", listed.id))
                })?;
            }
            progress.inc(1);
        }
        progress.finish_and_clear();
        // What was written is what git has, or it is said.
        match tree.difference(&self.repository.files(&begun.target)?) {
            None => Ok(()),
            Some(path) => Err(Error::new(
                ErrorCode::Aborted,
                format!("the imported files differ from those of {} at {}", begun.target, path.escape_ascii()),
            )
            .into()),
        }
    }

    /// Writes one git commit.
    fn commit(
        &mut self,
        listed: &Listed,
        changed: Vec<(Vec<u8>, Option<Entry>)>,
        state: &Progress,
        progress: &ProgressBar,
    ) -> Result<()> {
        let commit = GitCommit::parse(&self.objects.commit(&listed.id)?);
        self.totals.shortened += u64::from(commit.was_shortened);
        let time_ms = match commit.time_ms {
            ahead if ahead > self.now_ms + limits::CLOCK_SKEW_MS_MAX => {
                self.totals.moved += 1;
                self.now_ms
            }
            time => time,
        };
        let (mut changes, mut bytes, mut part) = (Vec::new(), 0, 1);
        let mut changed = changed.into_iter().peekable();
        while changed.peek().is_some() {
            let ahead: Vec<_> = changed.by_ref().take(objects::AHEAD_MAX).collect();
            let wanted = ahead.iter().filter_map(|(_, entry)| entry.as_ref()).filter(|e| e.kind != Kind::Submodule);
            self.objects.ask(wanted.map(|entry| &*entry.id))?;
            for (path, entry) in ahead {
                let content = self.content(&path, entry)?;
                if let Some(change) = self.change(&path, content) {
                    bytes += change.value.as_ref().map_or(0, Value::memory_bytes);
                    changes.push(change);
                }
                if bytes >= PART_BYTES || changes.len() >= PART_CHANGES {
                    // Until the last part the import stands before this commit, so that after a crash all of it is read again.
                    let before = Progress { done: state.done - 1, head: None, ..state.clone() };
                    let mut info = commit.info.clone();
                    let message = info.message.unwrap_or_default();
                    info.message =
                        Some(format!("[part {part} of git commit {}] {}", listed.id, commit::first_line(&message)));
                    self.import.commit(time_ms, info, std::mem::take(&mut changes), before.write())?;
                    (bytes, part) = (0, part + 1);
                    self.totals.parts += 1;
                    progress.tick();
                }
            }
        }
        self.import.commit(time_ms, commit.info, changes, state.write())?;
        self.totals.commits += 1;
        Ok(())
    }

    /// The content of a file; `None` for one that is gone, or that is skipped.
    fn content(&mut self, path: &[u8], entry: Option<Entry>) -> Result<Option<Value>> {
        let Some(entry) = entry else { return Ok(None) };
        if entry.kind == Kind::Submodule {
            self.skip(path, "a submodule".into());
            return Ok(None);
        }
        match self.objects.answer(&entry.id, self.bytes_max)? {
            Blob::Content(bytes) => {
                Ok(Some(String::from_utf8(bytes).map_or_else(|e| Value::Bytes(e.into_bytes()), Into::into)))
            }
            Blob::TooLarge(bytes) => {
                self.skip(path, format!("{bytes} bytes, at most {} are read", self.bytes_max));
                Ok(None)
            }
        }
    }

    /// The change of a document. A file that is skipped is deleted: what it was before is not what it is now.
    fn change(&mut self, path: &[u8], value: Option<Value>) -> Option<ImportChange> {
        let key = match std::str::from_utf8(path) {
            Ok(key) if key.len() <= limits::KEY_BYTES_MAX => key.to_owned(),
            Ok(key) => {
                self.skip(
                    path,
                    format!("a name of {} bytes, at most {} are possible", key.len(), limits::KEY_BYTES_MAX),
                );
                return None;
            }
            Err(_) => {
                self.skip(path, "a name that is not UTF-8".into());
                return None;
            }
        };
        *(if value.is_some() { &mut self.totals.versions } else { &mut self.totals.deletions }) += 1;
        Some(ImportChange { collection: self.collection.into(), key, value, vectors: Vectors::new() })
    }

    fn skip(&mut self, path: &[u8], reason: String) {
        self.totals.skipped.insert((path.escape_ascii().to_string(), reason));
    }
}

fn rewritten(target: &str, tip: &str) -> Failure {
    let message = format!(
        "the history was rewritten, or another branch was imported before: {target} was imported and is not an ancestor of \
         {tip}. Import it into another collection"
    );
    Error::new(ErrorCode::Conflict, message).into()
}

/// A time of git, in seconds, as milliseconds.
fn millis(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}
