//! How a database is opened.

use crate::{
    arguments::kind,
    database::Database,
    error::invalid,
    handle::{Handle, call},
    interrupt,
};
use koru_delta::{Durability, Maintenance, Options};
use pyo3::{prelude::*, types::PyString};
use std::path::PathBuf;

/// Opens the database in the directory at `path`, or makes one there. `memory:` makes one in memory; a URL `file:` names a
/// directory too.
///
/// - `read_only`: reading only, beside a writer or on media that cannot be written. What is written later is not seen.
/// - `create`: whether a database is made where there is none.
/// - `durability`: what an acknowledged write survives. `strict` power loss; `relaxed` the end of the process, and power
///   loss from about a tenth of a second on; `none` is synced only at a checkpoint and at close.
/// - `cache_bytes`: memory for cached documents, index blocks and vectors; at least 1 MiB.
/// - `vector_bytes`: memory that the indexes of vectors may take; 1 GiB unless it is told. A search that needs more fails
///   with `LimitExceededError`, unless it is exact.
/// - `maintenance`: who does checkpoints and merges. `thread` a thread of its own, `inline` the call whose commit made it
///   due, `manual` whoever calls `maintain`.
///
/// Raises `LockedError` if it is open for writing elsewhere, `NotFoundError`, `ReadOnlyError`, `UnsupportedFormatError`,
/// `CorruptError`.
///
/// >>> import koru_delta
/// >>> with koru_delta.open("memory:") as db:
/// ...     db.collection("users").put("ada", {"born": 1815})[:2]
/// '1@'
#[pyfunction]
#[pyo3(signature = (path, *, read_only=false, create=true, durability="strict", cache_bytes=None, vector_bytes=None,
                  maintenance="thread"))]
pub(crate) fn open(
    path: &Bound<'_, PyAny>,
    read_only: bool,
    create: bool,
    durability: &str,
    cache_bytes: Option<usize>,
    vector_bytes: Option<usize>,
    maintenance: &str,
) -> PyResult<Py<Database>> {
    let py = path.py();
    let (durability, name) = durability_of(py, durability)?;
    let mut options = Options::new().read_only(read_only).create(create).durability(durability);
    options = options.maintenance(match maintenance {
        "thread" => Maintenance::Thread,
        "inline" => Maintenance::Inline,
        "manual" => Maintenance::Manual,
        other => {
            let message = format!("maintenance is {other:?} and must be \"thread\", \"inline\" or \"manual\"");
            return Err(invalid(py, message));
        }
    });
    if let Some(bytes) = cache_bytes {
        options = options.cache_bytes(bytes);
    }
    if let Some(bytes) = vector_bytes {
        options = options.vector_bytes(bytes);
    }
    open_with(path, options, name)
}

fn durability_of(py: Python<'_>, name: &str) -> PyResult<(Durability, &'static str)> {
    match name {
        "strict" => Ok((Durability::Strict, "strict")),
        "relaxed" => Ok((Durability::Relaxed, "relaxed")),
        "none" => Ok((Durability::None, "none")),
        other => Err(invalid(py, format!("durability is {other:?} and must be \"strict\", \"relaxed\" or \"none\""))),
    }
}

/// Where a database is.
enum Place {
    Memory,
    Directory(PathBuf),
}

/// Opens what a caller names.
pub(crate) fn open_with(path: &Bound<'_, PyAny>, options: Options, durability: &'static str) -> PyResult<Py<Database>> {
    let py = path.py();
    let options = options.give_up_when(interrupt::came);
    let (database, location) = match place(path)? {
        Place::Memory => (call(py, || options.open_memory())?, None),
        Place::Directory(path) => {
            let location = path.display().to_string();
            (call(py, || options.open(path))?, Some(location))
        }
    };
    Database::new(py, Handle::new(database, location), durability)
}

fn place(path: &Bound<'_, PyAny>) -> PyResult<Place> {
    let py = path.py();
    if let Ok(text) = path.cast::<PyString>()
        && let Ok(text) = text.to_str()
    {
        if text == "memory:" {
            return Ok(Place::Memory);
        }
        for scheme in ["opfs:", "idb:", "https:", "http:"] {
            if text.starts_with(scheme) {
                let message =
                    format!("{text:?}: {scheme} is for browsers; here a database is in a directory, or memory:");
                return Err(invalid(py, message));
            }
        }
        if let Some(rest) = text.strip_prefix("file:") {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            return directory(py, PathBuf::from(rest));
        }
    }
    match path.extract::<PathBuf>() {
        Ok(path) => directory(py, path),
        Err(_) => Err(invalid(py, format!("expected a path and got {}", kind(path)?))),
    }
}

fn directory(py: Python<'_>, path: PathBuf) -> PyResult<Place> {
    if path.as_os_str().is_empty() {
        return Err(invalid(py, "a database needs a path, or memory:"));
    }
    Ok(Place::Directory(path))
}
