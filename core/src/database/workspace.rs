//! Workspaces: the container that collections and their history are in.
//!
//! A database has one, `main`, and does everything in it that it is asked itself; so a workspace asks the database. What
//! is about the whole database and not about documents - files, imports, one commit wherever it is - is not here.

use super::{Changes, Collection, Database, Log, Snapshot, Transaction, Watch, WatchOptions};
use crate::{
    Error, ErrorCode, Result, VersionId,
    engine::{
        Tag,
        model::{CommitInfo, Moment},
    },
    name::check_name,
};

/// The workspace that is always there.
const MAIN: &str = "main";

/// An isolated container inside a database, with its own collections and their history; [`Database::workspace`] gives it.
/// Cheap to clone.
///
/// ```
/// # fn main() -> koru_delta::Result<()> {
/// let db = koru_delta::Database::memory()?;
/// let main = db.workspace("main")?;
/// db.collection("users").put("ada", &1815)?;
/// assert!(main.collection("users").get("ada")?.is_some());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Workspace {
    database: Database,
}

impl Database {
    /// A workspace by its name. `main` is the one that there is: [`Database::collection`] and all else that a database does
    /// with documents and their history is short for the same of `main`.
    ///
    /// # Errors
    /// `NOT_FOUND` for another name; `INVALID_ARGUMENT` and `LIMIT_EXCEEDED` for one that nothing can have, as of collections.
    pub fn workspace(&self, name: &str) -> Result<Workspace> {
        check_name("workspace", name)?;
        match name {
            MAIN => Ok(Workspace { database: self.clone() }),
            _ => Err(Error::new(
                ErrorCode::NotFound,
                format!("there is no workspace {name:?}: the only one is {MAIN:?}"),
            )),
        }
    }
}

impl Workspace {
    /// Its name.
    pub fn name(&self) -> &str {
        MAIN
    }

    /// The documents of a collection of it. See [`Database::collection`].
    pub fn collection(&self, name: &str) -> Collection {
        self.database.collection(name)
    }

    /// The names of its collections that have documents now, in order.
    ///
    /// # Errors
    /// As [`Database::collections`].
    pub fn collections(&self) -> Result<Vec<String>> {
        self.database.collections()
    }

    /// All of it as it is now, unchanged by what is written later.
    ///
    /// # Errors
    /// As [`Database::snapshot`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.database.snapshot()
    }

    /// All of it as of a moment.
    ///
    /// # Errors
    /// As [`Database::as_of`].
    pub fn as_of(&self, moment: impl Into<Moment>) -> Result<Snapshot> {
        self.database.as_of(moment)
    }

    /// Runs `change` as one transaction. See [`Database::transaction`].
    ///
    /// # Errors
    /// As [`Database::transaction`].
    pub fn transaction<R>(&self, change: impl FnOnce(&mut Transaction) -> Result<R>) -> Result<R> {
        self.database.transaction(change)
    }

    /// Begins a transaction to be committed or rolled back by hand. See [`Database::begin`].
    ///
    /// # Errors
    /// As [`Database::begin`].
    pub fn begin(&self) -> Result<Transaction> {
        self.database.begin()
    }

    /// Marks a moment with a name.
    ///
    /// # Errors
    /// As [`Database::tag`].
    pub fn tag(&self, name: &str, moment: impl Into<Moment>) -> Result<Tag> {
        self.database.tag(name, moment)
    }

    /// As [`Workspace::tag`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Database::tag`].
    pub fn tag_with(&self, name: &str, moment: impl Into<Moment>, info: CommitInfo) -> Result<Tag> {
        self.database.tag_with(name, moment, info)
    }

    /// Removes a tag. What it marked stays as it is.
    ///
    /// # Errors
    /// As [`Database::untag`].
    pub fn untag(&self, name: &str) -> Result<()> {
        self.database.untag(name)
    }

    /// As [`Workspace::untag`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Database::untag`].
    pub fn untag_with(&self, name: &str, info: CommitInfo) -> Result<()> {
        self.database.untag_with(name, info)
    }

    /// All tags, by name.
    ///
    /// # Errors
    /// As [`Database::tags`].
    pub fn tags(&self) -> Result<Vec<Tag>> {
        self.database.tags()
    }

    /// The documents of all its collections that differ between two moments, by collection and key.
    ///
    /// # Errors
    /// As [`Database::diff`].
    pub fn diff(&self, before: impl Into<Moment>, after: impl Into<Moment>) -> Result<Changes> {
        self.database.diff(before, after)
    }

    /// Makes all its collections what they were at a moment, by one commit. Returns it, or `None` if nothing differs.
    ///
    /// # Errors
    /// As [`Database::restore`].
    pub fn restore(&self, moment: impl Into<Moment>) -> Result<Option<VersionId>> {
        self.database.restore(moment)
    }

    /// As [`Workspace::restore`], with an author, a message or causes.
    ///
    /// # Errors
    /// As [`Database::restore`].
    pub fn restore_with(&self, moment: impl Into<Moment>, info: CommitInfo) -> Result<Option<VersionId>> {
        self.database.restore_with(moment, info)
    }

    /// The commits, newest first.
    ///
    /// # Errors
    /// As [`Database::log`].
    pub fn log(&self) -> Result<Log> {
        self.database.log()
    }

    /// A feed of commits. See [`Database::watch`].
    ///
    /// # Errors
    /// As [`Database::watch`].
    pub fn watch(&self, options: WatchOptions) -> Result<Watch> {
        self.database.watch(options)
    }
}
