//! A workspace: collections and their history.
//!
//! There is one, `main`, and a database is that one itself: its class derives from this one, so that what is asked of
//! either is the same call.

use crate::{
    arguments::{Causes, Text, info},
    collection::Collection,
    error::raise,
    handle::{Shared, call},
    iterate::{Changes, Log},
    moment::At,
    records::Tag,
    snapshot::Snapshot,
    transaction::Transaction,
    watch::Watch,
};
use koru_delta::WatchOptions;
use pyo3::prelude::*;

/// An isolated container inside a database, with its own collections and their history; `Database.workspace` gives it. A
/// database is its workspace `main`, and has all of these calls itself.
///
/// >>> import koru_delta
/// >>> with koru_delta.open("memory:") as db:
/// ...     version = db.collection("users").put("ada", 1815)
/// ...     db.workspace("main").collection("users").get("ada")
/// 1815
#[pyclass(frozen, subclass, module = "koru_delta")]
pub(crate) struct Workspace {
    handle: Shared,
    name: String,
}

impl Workspace {
    pub(crate) fn new(handle: Shared, workspace: &koru_delta::Workspace) -> Workspace {
        Workspace { handle, name: workspace.name().to_owned() }
    }
}

#[pymethods]
impl Workspace {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// A collection by its name. It comes into being with its first document.
    fn collection(&self, py: Python<'_>, name: Text) -> PyResult<Collection> {
        let collection = self.handle.get().map_err(|e| raise(py, &e))?.collection(&name);
        Ok(Collection::new(self.handle.clone(), collection))
    }

    /// The names of the collections that hold a document, in order.
    fn collections(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || self.handle.get()?.collections())
    }

    /// A transaction, for a `with`: all of its writes become one commit at the end, or nothing if an exception leaves it.
    /// One runs at a time, so what it reads cannot change before it commits.
    ///
    /// >>> import koru_delta
    /// >>> with koru_delta.open("memory:") as db:
    /// ...     with db.transaction(author="ada") as tx:
    /// ...         accounts = tx.collection("accounts")
    /// ...         accounts.put("a", accounts.get("a", 0) + 1)
    /// ...     db.collection("accounts").get("a")
    /// 1
    #[pyo3(signature = (*, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, *, author=None, message=None, causes=())")]
    fn transaction(&self, author: Option<Text>, message: Option<Text>, causes: Causes) -> Transaction {
        Transaction::new(self.handle.clone(), info(author, message, causes))
    }

    /// Everything as it is now, unchanged by what is written later.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        self.as_of(py, At(koru_delta::Moment::Now))
    }

    /// Everything as of a moment: a `datetime`, a version, a `Tag`, a `Moment`.
    fn as_of(&self, py: Python<'_>, moment: At) -> PyResult<Snapshot> {
        let snapshot = call(py, || self.handle.get()?.as_of(moment.0))?;
        Ok(Snapshot::new(self.handle.clone(), snapshot))
    }

    /// The documents that differ between two moments, by collection and key; without the second, up to now.
    #[pyo3(signature = (before, after=At(koru_delta::Moment::Now)), text_signature = "($self, before, after=None)")]
    fn diff(&self, py: Python<'_>, before: At, after: At) -> PyResult<Changes> {
        let changes = call(py, || self.handle.get()?.diff(before.0, after.0))?;
        Ok(Changes::new(self.handle.clone(), changes))
    }

    /// The commits, newest first.
    fn log(&self, py: Python<'_>) -> PyResult<Log> {
        let log = call(py, || self.handle.get()?.log())?;
        Ok(Log::new(self.handle.clone(), log))
    }

    /// The commits as they come, from now on or behind `token`: an iterator of `Event`, which ends when nothing came for
    /// `timeout` seconds. With a collection and a prefix only those that change such documents.
    #[pyo3(signature = (*, collection=None, prefix=None, token=None, timeout=None))]
    fn watch(
        &self,
        py: Python<'_>,
        collection: Option<Text>,
        prefix: Option<Text>,
        token: Option<u64>,
        timeout: Option<f64>,
    ) -> PyResult<Watch> {
        let collection = collection.map(|name| name.to_string());
        let prefix = prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
        Watch::new(py, &self.handle, WatchOptions { collection, prefix, token }, timeout)
    }

    /// Gives the present, or a moment, a name. The tag shows the same for ever. `AlreadyExistsError` if it exists.
    #[pyo3(signature = (name, moment=At(koru_delta::Moment::Now), *, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, name, moment=None, *, author=None, message=None, causes=())")]
    fn tag(
        &self,
        py: Python<'_>,
        name: Text,
        moment: At,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<Tag> {
        let info = info(author, message, causes);
        let tag = call(py, || self.handle.get()?.tag_with(&name, moment.0, info))?;
        Tag::new(py, &tag)
    }

    /// Takes a tag away; what it covered stays. `NotFoundError` if there is none.
    #[pyo3(signature = (name, *, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, name, *, author=None, message=None, causes=())")]
    fn untag(
        &self,
        py: Python<'_>,
        name: Text,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<()> {
        let info = info(author, message, causes);
        call(py, || self.handle.get()?.untag_with(&name, info))
    }

    /// All tags, by name.
    fn tags(&self, py: Python<'_>) -> PyResult<Vec<Tag>> {
        let tags = call(py, || self.handle.get()?.tags())?;
        tags.iter().map(|tag| Tag::new(py, tag)).collect()
    }

    /// Makes everything what it was at a moment, by one commit. Returns it, or `None` if nothing differs.
    #[pyo3(signature = (moment, *, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, moment, *, author=None, message=None, causes=())")]
    fn restore(
        &self,
        py: Python<'_>,
        moment: At,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<Option<String>> {
        let info = info(author, message, causes);
        let version = call(py, || self.handle.get()?.restore_with(moment.0, info))?;
        Ok(version.map(|version| version.to_string()))
    }

    fn __repr__(&self) -> String {
        format!("Workspace({:?})", self.name)
    }
}
