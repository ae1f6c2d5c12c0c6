//! Iterators: they read a page at a time without the interpreter's lock, and hand it out one by one. The first pages are
//! short, so that the first row comes at once; no page is large, so that little is read in vain and little is held.

use crate::{
    error::raise,
    handle::{Owned, Shared},
    records::{Commit, Document, DocumentChange, Version},
};
use koru_delta::{Result, diff, limits};
use pyo3::{prelude::*, sync::MutexExt, types::PyString};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Most rows of a page.
const PAGE_ROWS_MAX: usize = 256;

/// What is to be read.
type Source<T> = Box<dyn Iterator<Item = Result<T>> + Send>;

/// Rows that were read, and where more come from.
pub(crate) struct Pages<T> {
    state: Mutex<Owned<State<T>>>,
    /// Behind the state, so that it is dropped after it.
    _handle: Shared,
}

struct State<T> {
    source: Option<Source<T>>,
    rows: VecDeque<Result<T>>,
    page_rows: usize,
    bytes: fn(&T) -> usize,
}

impl<T: Send + 'static> Pages<T> {
    pub(crate) fn new(
        handle: Shared,
        source: impl Iterator<Item = Result<T>> + Send + 'static,
        bytes: fn(&T) -> usize,
    ) -> Pages<T> {
        let state = State { source: Some(Box::new(source)), rows: VecDeque::new(), page_rows: 1, bytes };
        Pages { state: Mutex::new(Owned::new(state)), _handle: handle }
    }

    fn next(&self, py: Python<'_>) -> PyResult<Option<T>> {
        let row = {
            let mut state = self.state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
            let state = state.get_mut().map_err(|e| raise(py, &e))?;
            match state.rows.pop_front() {
                None if state.source.is_some() => None,
                row => Some(row),
            }
        };
        let row = row.unwrap_or_else(|| {
            py.detach(|| {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let state = state.get_mut().ok()?;
                state.fill();
                state.rows.pop_front()
            })
        });
        row.transpose().map_err(|e| raise(py, &e))
    }

    /// Lets go of what it reads from.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(state) = state.get_mut() {
                state.source = None;
                state.rows = VecDeque::new();
            }
        });
    }
}

impl<T> State<T> {
    fn fill(&mut self) {
        let Some(source) = &mut self.source else { return };
        let mut bytes = 0;
        for _ in 0..self.page_rows {
            match source.next() {
                None => {
                    self.source = None;
                    break;
                }
                Some(row) => {
                    bytes += row.as_ref().map_or(0, self.bytes);
                    let failed = row.is_err();
                    self.rows.push_back(row);
                    if failed {
                        self.source = None;
                        break;
                    }
                }
            }
            if bytes >= limits::PAGE_BYTES_MAX {
                break;
            }
        }
        self.page_rows = (self.page_rows * 2).min(PAGE_ROWS_MAX);
    }
}

macro_rules! iterator {
    ($(#[doc = $doc:literal])+ $name:ident, $row:ty, $item:ty, $make:expr; $($more:tt)*) => {
        $(#[doc = $doc])+
        #[pyclass(frozen, module = "koru_delta")]
        pub(crate) struct $name(pub(crate) Pages<$row>);

        #[pymethods]
        impl $name {
            fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
                slf
            }

            fn __next__(&self, py: Python<'_>) -> PyResult<Option<$item>> {
                let make: fn(Python<'_>, $row) -> PyResult<$item> = $make;
                self.0.next(py)?.map(|row| make(py, row)).transpose()
            }

            /// Lets go of what it reads from, before its end. What comes to its end does so by itself.
            fn close(&self, py: Python<'_>) {
                self.0.close(py);
            }

            fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
                slf
            }

            #[pyo3(signature = (*_args))]
            fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) {
                self.0.close(py);
            }

            $($more)*
        }
    };
}

iterator! {
    /// The documents of a range in key order, read as they are asked for: an iterator of `Document`.
    Scan, koru_delta::Row, Document, |py, row| Document::new(py, &row.key, &row.document);

    /// What is left of it as a frame of pandas: the index are the keys, the columns the fields of the documents. A document
    /// that is no map has the field `value`; a field that a document lacks is missing. `key` names the index.
    #[pyo3(signature = (key="key"))]
    fn to_pandas<'py>(slf: &Bound<'py, Self>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("koru_delta._frames")?.call_method1("to_pandas", (slf, key))
    }

    /// The same as a frame of polars, with the keys in a column of the name `key`.
    #[pyo3(signature = (key="key"))]
    fn to_polars<'py>(slf: &Bound<'py, Self>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("koru_delta._frames")?.call_method1("to_polars", (slf, key))
    }

    /// The same as a table of Arrow, with the keys in a column of the name `key`.
    #[pyo3(signature = (key="key"))]
    fn to_arrow<'py>(slf: &Bound<'py, Self>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("koru_delta._frames")?.call_method1("to_arrow", (slf, key))
    }
}
iterator! {
    /// The keys of a range in order: an iterator of `str`.
    Keys, String, Py<PyString>, |py, key| Ok(PyString::new(py, &key).unbind());
}
iterator! {
    /// The versions of a document, newest first: an iterator of `Version`.
    History, (koru_delta::Version, Option<koru_delta::Document>), Version,
    |py, (version, document)| Version::new(py, &version, document.as_ref());
}
iterator! {
    /// The commits, newest first: an iterator of `Commit`.
    Log, koru_delta::Commit, Commit, |py, commit| Commit::new(py, &commit);
}
iterator! {
    /// The documents that differ between two moments: an iterator of `DocumentChange`.
    Changes, (koru_delta::DocumentChange, Vec<diff::Change>), DocumentChange,
    |py, (change, changes)| DocumentChange::new(py, &change, &changes);
}

impl Scan {
    pub(crate) fn new(handle: Shared, scan: koru_delta::Scan, limit: usize) -> Scan {
        Scan(Pages::new(handle, scan.take(limit), |row| row.key.len() + row.document.encoded().len()))
    }
}

impl Keys {
    pub(crate) fn new(handle: Shared, scan: koru_delta::Scan, limit: usize) -> Keys {
        Keys(Pages::new(handle, scan.keys().take(limit), String::len))
    }
}

impl History {
    /// With the values, if there is a collection to read them from.
    pub(crate) fn new(
        handle: Shared,
        history: koru_delta::History,
        values: Option<(koru_delta::Collection, String)>,
    ) -> History {
        let rows = history.map(move |version| {
            let version = version?;
            let document = values.as_ref().map(|(collection, key)| collection.document(key, &version)).transpose()?;
            Ok((version, document.flatten()))
        });
        History(Pages::new(handle, rows, |(_, document)| document.as_ref().map_or(0, |d| d.encoded().len())))
    }
}

impl Log {
    pub(crate) fn new(handle: Shared, log: koru_delta::Log) -> Log {
        Log(Pages::new(handle, log, |commit| commit.changes.len() * size_of::<koru_delta::CommitChange>()))
    }
}

impl Changes {
    pub(crate) fn new(handle: Shared, changes: koru_delta::Changes) -> Changes {
        let rows = changes.map(|change| {
            let change = change?;
            let changes = change.changes()?;
            Ok((change, changes))
        });
        Changes(Pages::new(handle, rows, |(change, _)| {
            [&change.before, &change.after].into_iter().flatten().map(|d| d.encoded().len()).sum()
        }))
    }
}
