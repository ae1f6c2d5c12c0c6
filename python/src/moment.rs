//! Moments: points to read at, and times as Python has them.

use crate::{
    arguments::{Id, Text, kind},
    error::{invalid, raise},
    records::{Commit, Document, DocumentVersion, Tag, Version},
};
use koru_delta::Timestamp;
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyBool, PyDateTime, PyDelta, PyDeltaAccess, PyInt, PyString, PyTzInfo, PyTzInfoAccess},
};

/// 1970-01-01T00:00:00Z.
fn epoch(py: Python<'_>) -> PyResult<Bound<'_, PyDateTime>> {
    static EPOCH: PyOnceLock<Py<PyDateTime>> = PyOnceLock::new();
    let epoch = EPOCH.get_or_try_init(py, || {
        let utc = PyTzInfo::utc(py)?;
        PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc)).map(Bound::unbind)
    })?;
    Ok(epoch.bind(py).clone())
}

/// The aware `datetime` of milliseconds since 1970.
pub(crate) fn datetime(py: Python<'_>, millis: i64) -> PyResult<Bound<'_, PyAny>> {
    const DAY: i64 = 86_400_000;
    let days = i32::try_from(millis.div_euclid(DAY)).unwrap_or(i32::MAX);
    let rest = millis.rem_euclid(DAY) as i32;
    let delta = PyDelta::new(py, days, rest / 1000, rest % 1000 * 1000, false)?;
    epoch(py)?.add(delta)
}

/// The milliseconds since 1970 of an aware `datetime`, rounded down.
pub(crate) fn millis_of(time: &Bound<'_, PyAny>) -> PyResult<i64> {
    let py = time.py();
    let aware = time.cast::<PyDateTime>()?.get_tzinfo().is_some();
    let delta = if aware { time.sub(epoch(py)?).ok() } else { None };
    let Some(delta) = delta else {
        let message = format!(
            "{} has no time zone, so it is not known which moment is meant: use datetime.now(timezone.utc) or .astimezone()",
            time.str()?
        );
        return Err(invalid(py, message));
    };
    let delta = delta.cast::<PyDelta>()?;
    let seconds = i64::from(delta.get_days()) * 86_400 + i64::from(delta.get_seconds());
    Ok(seconds * 1000 + i64::from(delta.get_microseconds()) / 1000)
}

/// A point to read at. Wherever a moment is asked for, these stand for one too: an aware `datetime` (everything up to the
/// end of its millisecond), an `int` (an exact `timestamp`), a version or something that has one (a `Commit`, `Version`
/// or `Document`), a `Tag`, and `None` for now.
///
/// A time shows what is known of it now: a commit that arrives later may be older. A commit, a version and a tag are causal
/// cuts, which never change.
///
/// >>> import koru_delta
/// >>> koru_delta.Moment.tag("release")
/// Moment.tag('release')
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Moment {
    moment: koru_delta::Moment,
}

#[pymethods]
impl Moment {
    /// What is there now.
    #[staticmethod]
    fn now() -> Moment {
        Moment { moment: koru_delta::Moment::Now }
    }

    /// What is known of a time: an aware `datetime`, or an exact `timestamp`.
    #[staticmethod]
    fn time(time: &Bound<'_, PyAny>) -> PyResult<Moment> {
        timestamp_of(time)?.map(|moment| Moment { moment }).ok_or_else(|| match kind(time) {
            Ok(what) => invalid(time.py(), format!("expected a datetime or a timestamp and got {what}")),
            Err(e) => e,
        })
    }

    /// The causal past of the commit that made a version.
    #[staticmethod]
    fn version(version: Id) -> Moment {
        Moment { moment: koru_delta::Moment::Version(version.0) }
    }

    /// The causal past of the commit whose id begins with these hexadecimal digits, at least 4.
    #[staticmethod]
    fn commit(id: Text) -> Moment {
        let moment = match id.parse() {
            Ok(id) => koru_delta::Moment::Commit(id),
            Err(_) => koru_delta::Moment::CommitPrefix(id.to_string()),
        };
        Moment { moment }
    }

    /// What a tag marks.
    #[staticmethod]
    fn tag(name: Text) -> Moment {
        Moment { moment: koru_delta::Moment::Tag(name.to_string()) }
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Moment>().is_ok_and(|other| other.get().moment == self.moment)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let text = |text: &str| PyString::new(py, text).repr().map(|repr| repr.to_string());
        Ok(match &self.moment {
            koru_delta::Moment::Now => "Moment.now()".into(),
            koru_delta::Moment::Time(time) => format!("Moment.time({})", time.to_bits()),
            koru_delta::Moment::Commit(id) => format!("Moment.commit({})", text(&id.to_string())?),
            koru_delta::Moment::Version(version) => format!("Moment.version({})", text(&version.to_string())?),
            koru_delta::Moment::CommitPrefix(digits) => format!("Moment.commit({})", text(digits)?),
            koru_delta::Moment::Tag(name) => format!("Moment.tag({})", text(name)?),
        })
    }
}

fn timestamp_of(time: &Bound<'_, PyAny>) -> PyResult<Option<koru_delta::Moment>> {
    let timestamp = if time.is_instance_of::<PyDateTime>() {
        Timestamp::end_of_millis(millis_of(time)?)
    } else if time.is_instance_of::<PyInt>() && !time.is_instance_of::<PyBool>() {
        let beyond = |_| invalid(time.py(), "a timestamp has 64 bits");
        Timestamp::from_bits(time.extract().map_err(beyond)?)
    } else {
        return Ok(None);
    };
    Ok(Some(koru_delta::Moment::Time(timestamp)))
}

/// A moment as an argument.
pub(crate) struct At(pub(crate) koru_delta::Moment);

impl FromPyObject<'_, '_> for At {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let version = |text: &str| text.parse().map(koru_delta::Moment::Version).map_err(|e| raise(py, &e));
        let moment = if let Ok(moment) = object.cast::<Moment>() {
            moment.get().moment.clone()
        } else if let Some(time) = timestamp_of(&object)? {
            time
        } else if object.is_none() {
            koru_delta::Moment::Now
        } else if let Ok(text) = object.cast::<PyString>() {
            let text: Text = text.extract()?;
            text.parse().map(koru_delta::Moment::Version).map_err(|_| {
                let name = &*text;
                invalid(py, format!("{name:?} is not a version: name a tag as Moment.tag({name:?}), a commit as Moment.commit(digits)"))
            })?
        } else if let Ok(tag) = object.cast::<Tag>() {
            koru_delta::Moment::Tag(tag.get().name.clone())
        } else if let Ok(commit) = object.cast::<Commit>() {
            version(&commit.get().version)?
        } else if let Ok(of) = object.cast::<Version>() {
            version(&of.get().version)?
        } else if let Ok(document) = object.cast::<Document>() {
            version(&document.get().version)?
        } else if let Ok(of) = object.cast::<DocumentVersion>() {
            version(&of.get().version)?
        } else {
            let what = kind(&object)?;
            return Err(invalid(py, format!("a moment is a datetime, a timestamp, a version or a Moment, not {what}")));
        };
        Ok(At(moment))
    }
}
