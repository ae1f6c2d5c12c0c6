//! Arguments: what a caller passes, checked. A wrong one is an `InvalidArgumentError` that names it, also where Python itself
//! would raise a bare `TypeError`.

use crate::{
    error::{invalid, raise},
    moment::millis_of,
    records::DocumentVersion,
};
use koru_delta::{CommitInfo, Expected, KeyRange, Order, VersionId};
use pyo3::{
    prelude::*,
    pybacked::PyBackedStr,
    types::{PyBool, PyDateTime, PyInt, PyString, PyTuple},
};
use std::ops::{Bound as Limit, Deref};

/// A name or a key.
pub(crate) struct Text(PyBackedStr);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl FromPyObject<'_, '_> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let Ok(text) = object.cast::<PyString>() else {
            return Err(invalid(object.py(), format!("expected a str and got {}", kind(&object)?)));
        };
        PyBackedStr::try_from(text.to_owned())
            .map(Text)
            .map_err(|_| invalid(object.py(), "text with a lone surrogate is not UTF-8 and cannot be stored"))
    }
}

/// What an object is, for messages.
pub(crate) fn kind(object: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(format!("{} of type {}", object.repr()?, object.get_type().name()?))
}

/// The items of a short sequence: `N` of them.
pub(crate) fn items<'py, const N: usize>(object: &Bound<'py, PyAny>, what: &str) -> PyResult<[Bound<'py, PyAny>; N]> {
    let items = match object.cast_exact::<PyTuple>() {
        Ok(tuple) => tuple.iter().collect(),
        Err(_) if object.is_instance_of::<PyString>() => Vec::new(),
        Err(_) => object.extract::<Vec<_>>().unwrap_or_default(),
    };
    match items.try_into() {
        Ok(items) => Ok(items),
        Err(_) => Err(invalid(object.py(), format!("expected {what} and got {}", kind(object)?))),
    }
}

/// A version: its id, or what has one.
#[derive(Clone, Copy)]
pub(crate) struct Id(pub(crate) VersionId);

impl FromPyObject<'_, '_> for Id {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let text: Text = match object.is_instance_of::<PyString>() {
            true => object.extract()?,
            false => match object.getattr("version") {
                Ok(version) => version.extract()?,
                Err(_) => return Err(invalid(py, format!("expected a version and got {}", kind(&object)?))),
            },
        };
        text.parse().map(Id).map_err(|e| raise(py, &e))
    }
}

/// Says that a document must not be there: `expected=ABSENT`.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Absent;

#[pymethods]
impl Absent {
    fn __repr__(&self) -> &'static str {
        "koru_delta.ABSENT"
    }

    fn __reduce__(&self) -> &'static str {
        "ABSENT"
    }
}

/// What a document has to be: `None` for anything, `ABSENT`, or a version.
pub(crate) struct Wanted(pub(crate) Expected);

impl FromPyObject<'_, '_> for Wanted {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(Wanted(if object.is_none() {
            Expected::Any
        } else if object.is_instance_of::<Absent>() {
            Expected::Absent
        } else {
            Expected::Version(object.extract::<Id>()?.0)
        }))
    }
}

/// When a document expires: milliseconds since 1970, or an aware `datetime`.
pub(crate) struct Expiry(pub(crate) i64);

impl FromPyObject<'_, '_> for Expiry {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if object.is_instance_of::<PyDateTime>() {
            return millis_of(&object).map(Expiry);
        }
        if !object.is_instance_of::<PyInt>() || object.is_instance_of::<PyBool>() {
            let what = kind(&object)?;
            return Err(invalid(py, format!("expires_at takes a datetime or milliseconds since 1970, and got {what}")));
        }
        object.extract().map(Expiry).map_err(|_| invalid(py, "expires_at is beyond the range of 64 bits"))
    }
}

/// The versions that a commit was derived from.
#[derive(Default)]
pub(crate) struct Causes(Vec<koru_delta::DocumentVersion>);

impl FromPyObject<'_, '_> for Causes {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(Causes::default());
        }
        let mut causes = Vec::new();
        for cause in object.try_iter()?.take(koru_delta::limits::COMMIT_CAUSES_MAX + 1) {
            causes.push(cause_of(&cause?)?);
        }
        Ok(Causes(causes))
    }
}

/// A `DocumentVersion`, or a tuple of its three.
pub(crate) fn cause_of(object: &Bound<'_, PyAny>) -> PyResult<koru_delta::DocumentVersion> {
    if let Ok(version) = object.cast::<DocumentVersion>() {
        return version.get().of(object.py());
    }
    let [collection, key, version] = items(object, "a DocumentVersion, or collection, key and version")?;
    let (collection, key): (Text, Text) = (collection.extract()?, key.extract()?);
    let version = version.extract::<Id>()?.0;
    Ok(koru_delta::DocumentVersion { collection: collection.to_string(), key: key.to_string(), version })
}

/// What a commit says about itself.
pub(crate) fn info(author: Option<Text>, message: Option<Text>, causes: Causes) -> CommitInfo {
    CommitInfo { author: author.map(|a| a.to_string()), message: message.map(|m| m.to_string()), causes: causes.0 }
}

/// Which keys, and from which end.
pub(crate) struct Range {
    pub(crate) keys: KeyRange,
    pub(crate) order: Order,
    pub(crate) limit: usize,
}

impl Range {
    #[allow(clippy::too_many_arguments, reason = "they are the keyword arguments of one call")]
    pub(crate) fn new(
        py: Python<'_>,
        prefix: Option<Text>,
        from: Option<Text>,
        after: Option<Text>,
        to: Option<Text>,
        before: Option<Text>,
        descending: bool,
        limit: Option<usize>,
    ) -> PyResult<Range> {
        let limits = |inclusive: Option<Text>, exclusive: Option<Text>, names| match (inclusive, exclusive) {
            (Some(_), Some(_)) => Err(invalid(py, format!("a range takes {names}, not both"))),
            (Some(key), None) => Ok(Limit::Included(key.to_string())),
            (None, Some(key)) => Ok(Limit::Excluded(key.to_string())),
            (None, None) => Ok(Limit::Unbounded),
        };
        let keys = KeyRange {
            prefix: prefix.map(|p| p.to_string()).unwrap_or_default(),
            lower: limits(from, after, "from_ or after")?,
            upper: limits(to, before, "to or before")?,
        };
        let order = if descending { Order::Descending } else { Order::Ascending };
        Ok(Range { keys, order, limit: limit.unwrap_or(usize::MAX) })
    }
}
