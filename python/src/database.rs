//! An open database: its workspaces, and what is known of the whole.

use crate::{
    archive::Archive,
    arguments::{Text, cause_of},
    error::{invalid, raise},
    handle::{Shared, call},
    import::Import,
    interrupt::{self, ASKS_EVERY},
    records::{Commit, Info, Lineage, Stats, VerifyReport},
    workspace::Workspace,
};
use koru_delta::{Direction, VersionId};
use pyo3::prelude::*;
use std::{ops::ControlFlow, time::Instant};

/// An open database; `koru_delta.open` makes one. It can be used from any thread, and is closed by `close` or at the end of
/// a `with`. It is its workspace `main`, and has all of the calls of a `Workspace` beside its own.
#[pyclass(frozen, extends = Workspace, module = "koru_delta")]
pub(crate) struct Database {
    handle: Shared,
    durability: &'static str,
}

impl Database {
    /// The object for a database that was just opened.
    pub(crate) fn new(py: Python<'_>, handle: Shared, durability: &'static str) -> PyResult<Py<Database>> {
        let main = handle.get().and_then(|database| database.workspace("main")).map_err(|e| raise(py, &e))?;
        let main = PyClassInitializer::from(Workspace::new(handle.clone(), &main));
        Py::new(py, main.add_subclass(Database { handle, durability }))
    }
}

#[pymethods]
impl Database {
    /// A workspace by its name: `main`, which is what a database is itself. `NotFoundError` for another name.
    fn workspace(&self, py: Python<'_>, name: Text) -> PyResult<Workspace> {
        let workspace = call(py, || self.handle.get()?.workspace(&name))?;
        Ok(Workspace::new(self.handle.clone(), &workspace))
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

    /// Makes the database as small as it gets: compresses the log, and merges the tables of the index into one. Nothing of
    /// history is dropped. What is compressed is read a few microseconds slower, and what is written afterwards is not
    /// compressed until this is called again. Other threads read and write meanwhile; there has to be room for one more
    /// compressed segment of the log (below 64 MiB) and for one more index. The last of the log stays as it is while it is
    /// below 1 MiB. Raises `StorageFullError` if there is not that room; nothing is lost then.
    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.handle.get()?.compact())
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
