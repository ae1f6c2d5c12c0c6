//! Imports: history from elsewhere, with its own times.

use crate::{
    arguments::{Causes, Text, info},
    decode,
    encode::Object,
    error::{invalid, raise},
    handle::{Owned, Shared},
    moment::millis_of,
    vectors,
};
use koru_delta::{ImportChange, to_value};
use pyo3::{
    prelude::*,
    sync::MutexExt,
    types::{PyBool, PyDateTime, PyInt, PyMapping},
};
use std::sync::{Mutex, PoisonError};

/// An import: commits with times of their own, so that history keeps its dates and time travel works on it. With every commit
/// it remembers a `state`, so that it can go on after a crash, or later with what is new.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Import {
    import: Mutex<Owned<koru_delta::Import>>,
    _handle: Shared,
}

impl Import {
    pub(crate) fn new(handle: Shared, import: koru_delta::Import) -> Import {
        Import { import: Mutex::new(Owned::new(import)), _handle: handle }
    }
}

#[pymethods]
impl Import {
    /// The actor that it writes as.
    #[getter]
    fn actor(&self, py: Python<'_>) -> PyResult<String> {
        let import = self.import.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        import.get().map(|import| import.actor().to_string()).map_err(|e| raise(py, &e))
    }

    /// What was remembered with its last commit; `None` before the first one.
    #[getter]
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let state = {
            let import = self.import.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
            import.get().map(|import| import.state().cloned()).map_err(|e| raise(py, &e))?
        };
        state.map(|state| decode::value(py, &state)).transpose()
    }

    /// Writes one commit at `time` (an aware `datetime`, or milliseconds since 1970). `changes` are tuples of collection, key
    /// and value, and if there are any the vectors: one, or a mapping of several by name. Of two, collection and key, it is a
    /// deletion. A time before the import's last commit is moved behind it; one
    /// more than a minute ahead of the clock is refused. `state` is remembered. Returns the commit's version.
    #[pyo3(signature = (time, changes, state=None, *, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, time, changes, state=None, *, author=None, message=None, causes=())")]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn commit(
        &self,
        py: Python<'_>,
        time: &Bound<'_, PyAny>,
        changes: &Bound<'_, PyAny>,
        state: Option<&Bound<'_, PyAny>>,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<Option<String>> {
        let millis = if time.is_instance_of::<PyDateTime>() {
            millis_of(time)?
        } else if time.is_instance_of::<PyInt>() && !time.is_instance_of::<PyBool>() {
            time.extract().map_err(|_| invalid(py, "the time is beyond the range of 64 bits"))?
        } else {
            return Err(invalid(py, "the time is a datetime, or milliseconds since 1970"));
        };
        let mut list = Vec::new();
        for change in changes.try_iter()? {
            list.push(change_of(&change?)?);
        }
        let state = match state {
            Some(state) => to_value(&Object(state)).map_err(|e| raise(py, &e.context("state")))?,
            None => koru_delta::Value::Null,
        };
        let info = info(author, message, causes);
        let version = py.detach(|| {
            let mut import = self.import.lock().unwrap_or_else(PoisonError::into_inner);
            import.get_mut()?.commit(millis, info, list, state)
        });
        Ok(version.map_err(|e| raise(py, &e))?.map(|version| version.to_string()))
    }
}

fn change_of(change: &Bound<'_, PyAny>) -> PyResult<ImportChange> {
    let py = change.py();
    let parts: Vec<Bound<'_, PyAny>> = change.extract()?;
    let (collection, key, value, vectors) = match parts.as_slice() {
        [collection, key] => (collection, key, None, None),
        [collection, key, value] => (collection, key, Some(value), None),
        [collection, key, value, vectors] => (collection, key, Some(value), Some(vectors).filter(|v| !v.is_none())),
        _ => {
            let what =
                "a change is a tuple of collection, key, value and vectors, without vectors, or of collection and key";
            return Err(invalid(py, what));
        }
    };
    let vectors = match vectors {
        Some(named) if named.cast::<PyMapping>().is_ok() => vectors::of_document(None, Some(named))?,
        one => vectors::of_document(one, None)?,
    };
    let (collection, key): (Text, Text) = (collection.extract()?, key.extract()?);
    let place = || format!("{}/{}", &*collection, &*key);
    let value = value.map(|value| to_value(&Object(value))).transpose().map_err(|e| raise(py, &e.context(&place())))?;
    Ok(ImportChange { collection: collection.to_string(), key: key.to_string(), value, vectors })
}
