//! Errors of the engine as exceptions of Python. The classes are in `koru_delta/_errors.py`, one for each code.

use koru_delta::{Error, ErrorCode};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyType},
};

/// The classes by the names of their codes.
static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// The exception for an error.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).unwrap_or_else(|e| e)
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let classes = CLASSES.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("koru_delta._errors")?.getattr("CLASSES")?.cast_into::<PyDict>()?.unbind())
    })?;
    let class = classes.bind(py).as_any().get_item(error.code().name())?.cast_into::<PyType>()?;
    let exception = class.call1((error.message(),))?;
    let source = std::error::Error::source(error).and_then(|e| e.downcast_ref::<std::io::Error>());
    if let Some(number) = source.and_then(std::io::Error::raw_os_error) {
        exception.setattr("errno", number)?;
    }
    Ok(PyErr::from_value(exception))
}

/// An `InvalidArgumentError`, for what is wrong before the engine sees it.
pub(crate) fn invalid(py: Python<'_>, message: impl Into<String>) -> PyErr {
    raise(py, &Error::new(ErrorCode::InvalidArgument, message))
}
