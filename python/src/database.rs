//! An open database: collections, transactions, time travel, and what is known of the whole.

use crate::{
    archive::Archive,
    arguments::{Causes, Text, cause_of, info},
    collection::Collection,
    error::{invalid, raise},
    handle::{Shared, call},
    import::Import,
    interrupt::{self, ASKS_EVERY},
    iterate::{Changes, Log},
    moment::At,
    records::{Commit, Info, Lineage, Stats, Tag, VerifyReport},
    snapshot::Snapshot,
    transaction::Transaction,
    watch::Watch,
};
use koru_delta::{Direction, VersionId, WatchOptions};
use pyo3::prelude::*;
use std::{ops::ControlFlow, time::Instant};

/// An open database; `koru_delta.open` makes one. It can be used from any thread, and is closed by `close` or at the end of
/// a `with`.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Database {
    pub(crate) handle: Shared,
    pub(crate) durability: &'static str,
}

#[pymethods]
impl Database {
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

    /// The database as it is now, unchanged by what is written later.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        self.as_of(py, At(koru_delta::Moment::Now))
    }

    /// The database as of a moment: a `datetime`, a version, a `Tag`, a `Moment`.
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

    /// A commit by its version, or by 4 to 64 digits of its id. `NotFoundError` if there is none.
    fn commit(&self, py: Python<'_>, version_or_id: Text) -> PyResult<Commit> {
        let commit = call(py, || {
            let database = self.handle.get()?;
            match version_or_id.contains('@') {
                true => database.commit(version_or_id.parse::<VersionId>()?),
                false => database.commit_by_id(&version_or_id),
            }
        })?;
        Commit::new(py, &commit)
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

    /// What a version of a document was derived from (`direction="causes"`), or what came of it (`"effects"`), up to `depth`
    /// steps.
    #[pyo3(signature = (of, *, direction="causes", depth=None))]
    fn lineage(
        &self,
        py: Python<'_>,
        of: &Bound<'_, PyAny>,
        direction: &str,
        depth: Option<usize>,
    ) -> PyResult<Lineage> {
        lineage(py, &self.handle, cause_of(of)?, direction, depth)
    }

    /// An import by its name: commits with times of their own, written by an actor of its own.
    fn importer(&self, py: Python<'_>, name: Text) -> PyResult<Import> {
        let import = call(py, || self.handle.get()?.import(&name))?;
        Ok(Import::new(self.handle.clone(), import))
    }

    /// A copy of the whole database as of now, as an archive that `tar` reads and `import_archive` takes.
    fn export(&self, py: Python<'_>) -> PyResult<Archive> {
        let export = call(py, || self.handle.get()?.export())?;
        Ok(Archive::new(self.handle.clone(), export))
    }

    /// Reads everything and checks every checksum, hash and link. `progress` is called with the bytes of log read so far and
    /// in all, many times; if it raises, the check ends there.
    #[pyo3(signature = (progress=None))]
    fn verify(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<VerifyReport> {
        let mut raised = None;
        let report = call(py, || {
            let mut asked = Instant::now();
            self.handle.get()?.verify_with(|done, all| {
                if let Some(progress) = &progress {
                    raised = Python::attach(|py| progress.call1(py, (done, all)).err());
                }
                let due = asked.elapsed() >= ASKS_EVERY;
                if due {
                    asked = Instant::now();
                }
                if raised.is_some() || (due && interrupt::came()) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        });
        match raised {
            Some(e) => Err(e),
            None => VerifyReport::new(py, &report?),
        }
    }

    /// What the database is: identity, place, sizes.
    fn info(&self, py: Python<'_>) -> PyResult<Info> {
        let info = call(py, || self.handle.get()?.info())?;
        Ok(Info::new(info, self.durability))
    }

    /// What it has been doing since it was opened.
    fn stats(&self, py: Python<'_>) -> PyResult<Stats> {
        call(py, || Ok(self.handle.get()?.stats())).map(Stats::from)
    }

    /// Makes everything acknowledged durable. With strict durability it is already.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.handle.get()?.sync())
    }

    /// Writes the index of what is only in the log, so that the next opening has less to read.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.handle.get()?.checkpoint())
    }

    /// Does due maintenance in this thread, at most `steps` bounded steps of it. Returns whether more is due. Needed only
    /// with `maintenance="manual"`.
    #[pyo3(signature = (steps=1))]
    fn maintain(&self, py: Python<'_>, steps: usize) -> PyResult<bool> {
        call(py, || self.handle.get()?.maintain(steps))
    }

    /// Makes everything durable and closes the database: later calls fail with `ClosedError`. Waits for writes that are under
    /// way. Closing twice is fine.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.handle.close())
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.handle.is_closed()
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        match self.handle.get() {
            Ok(database) => format!("<koru_delta.{database:?}>"),
            Err(_) => "<koru_delta.Database of another process>".into(),
        }
    }
}

pub(crate) fn lineage(
    py: Python<'_>,
    handle: &Shared,
    start: koru_delta::DocumentVersion,
    direction: &str,
    depth: Option<usize>,
) -> PyResult<Lineage> {
    let direction = match direction {
        "causes" => Direction::Causes,
        "effects" => Direction::Effects,
        other => return Err(invalid(py, format!("direction is {other:?} and must be \"causes\" or \"effects\""))),
    };
    let lineage = call(py, || handle.get()?.lineage(start, direction, depth.unwrap_or(usize::MAX)))?;
    Lineage::new(py, &lineage)
}
