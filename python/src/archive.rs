//! Archives: a whole database as one stream of bytes, to and from files of Python.

use crate::{
    error::raise,
    handle::{Owned, Shared, call},
};
use koru_delta::{Database, Result};
use pyo3::{prelude::*, types::PyBytes};
use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

/// A copy of a whole database as of one moment, in the form that `tar` reads.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Archive {
    export: Owned<koru_delta::Export>,
    _handle: Shared,
}

impl Archive {
    pub(crate) fn new(handle: Shared, export: koru_delta::Export) -> Archive {
        Archive { export: Owned::new(export), _handle: handle }
    }
}

#[pymethods]
impl Archive {
    /// The names of its files and their bytes, in the order in which they are written.
    fn files(&self, py: Python<'_>) -> PyResult<Vec<(String, u64)>> {
        let files = call(py, || Ok(self.export.get()?.files()))?;
        Ok(files.into_iter().map(|file| (file.name.to_string(), file.bytes)).collect())
    }

    /// Writes it to a file of Python that is open for writing bytes, or to the file at a path. `progress` is called with the
    /// bytes written so far; what it raises ends the writing.
    #[pyo3(signature = (to, progress=None))]
    fn write(&self, py: Python<'_>, to: &Bound<'_, PyAny>, progress: Option<Py<PyAny>>) -> PyResult<()> {
        let opened = if to.hasattr("write")? { None } else { Some(py.import("io")?.call_method1("open", (to, "wb"))?) };
        let mut stream = Stream::new(opened.as_ref().unwrap_or(to), progress);
        let written = py.detach(|| self.export.get()?.write_archive(&mut stream, |_| {}));
        let closed = opened.map_or(Ok(()), |file| file.call_method0("close").map(drop));
        stream.end(py, written)?;
        closed
    }
}

/// Makes a database at `path` of an archive: a file of Python that is open for reading bytes, or the path of one. Raises
/// `AlreadyExistsError` if there is a database, `UntrustedError` for what is not an archive of one, `CorruptError`. What
/// was written is removed again then.
#[pyfunction]
#[pyo3(signature = (path, archive, progress=None))]
pub(crate) fn import_archive(
    py: Python<'_>,
    path: PathBuf,
    archive: &Bound<'_, PyAny>,
    progress: Option<Py<PyAny>>,
) -> PyResult<()> {
    let opened =
        if archive.hasattr("read")? { None } else { Some(py.import("io")?.call_method1("open", (archive, "rb"))?) };
    let mut stream = Stream::new(opened.as_ref().unwrap_or(archive), progress);
    let read = py.detach(|| Database::import_archive(path, &mut stream, |_| {}));
    let closed = opened.map_or(Ok(()), |file| file.call_method0("close").map(drop));
    stream.end(py, read)?;
    closed
}

/// A file of Python, as a stream of ours. What it raises is kept, because a stream can only say that it failed.
struct Stream {
    file: Py<PyAny>,
    progress: Option<Py<PyAny>>,
    done: u64,
    raised: Option<PyErr>,
}

impl Stream {
    fn new(file: &Bound<'_, PyAny>, progress: Option<Py<PyAny>>) -> Stream {
        Stream { file: file.clone().unbind(), progress, done: 0, raised: None }
    }

    fn attempt(&mut self, what: impl FnOnce(Python<'_>, &Self) -> PyResult<usize>) -> io::Result<usize> {
        Python::attach(|py| {
            let count = what(py, self).and_then(|count| {
                self.done += count as u64;
                if let Some(progress) = &self.progress {
                    progress.call1(py, (self.done,))?;
                }
                Ok(count)
            });
            count.map_err(|e| {
                let told = io::Error::other(e.to_string());
                self.raised = Some(e);
                told
            })
        })
    }

    fn end(self, py: Python<'_>, result: Result<()>) -> PyResult<()> {
        match self.raised {
            Some(raised) => Err(raised),
            None => result.map_err(|e| raise(py, &e)),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|py, stream| {
            let count = stream.file.call_method1(py, "write", (PyBytes::new(py, bytes),))?;
            // Files that write all of it may return nothing.
            Ok(count.extract(py).unwrap_or(bytes.len()))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.attempt(|py, stream| {
            let bytes = stream.file.call_method1(py, "read", (buffer.len(),))?;
            let bytes: &[u8] = bytes.extract(py)?;
            // A file that returns more than it was asked for is broken.
            let into = buffer.get_mut(..bytes.len()).ok_or_else(|| {
                pyo3::exceptions::PyOSError::new_err("read() returned more bytes than it was asked for")
            })?;
            into.copy_from_slice(bytes);
            Ok(bytes.len())
        })
    }
}
