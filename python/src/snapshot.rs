//! The database at a moment: reading only.

use crate::{
    arguments::{Id, Range, Text},
    decode,
    handle::{Owned, Shared, call},
    iterate::{History, Keys, Log, Scan},
    records::Document,
    search::{Hits, How, Include},
    vectors::{self, Vector},
};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};

/// All collections at one moment. Every read of it sees the same; it is let go with its last object.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Snapshot {
    snapshot: Owned<koru_delta::Snapshot>,
    handle: Shared,
}

impl Snapshot {
    pub(crate) fn new(handle: Shared, snapshot: koru_delta::Snapshot) -> Snapshot {
        Snapshot { snapshot: Owned::new(snapshot), handle }
    }
}

#[pymethods]
impl Snapshot {
    /// A collection as of this moment.
    fn collection(&self, py: Python<'_>, name: Text) -> PyResult<SnapshotCollection> {
        let collection = call(py, || Ok(self.snapshot.get()?.collection(&name)))?;
        Ok(SnapshotCollection::new(self.handle.clone(), collection, &name))
    }

    /// The names of the collections that hold a document then, in order.
    fn collections(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || self.snapshot.get()?.collections())
    }

    /// The commits that are shown, newest first.
    fn log(&self, py: Python<'_>) -> PyResult<Log> {
        let log = call(py, || self.snapshot.get()?.log())?;
        Ok(Log::new(self.handle.clone(), log))
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyAny>) {}
}

/// The documents of one collection at a moment.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct SnapshotCollection {
    collection: Owned<koru_delta::SnapshotCollection>,
    /// Its name.
    #[pyo3(get)]
    name: String,
    handle: Shared,
}

impl SnapshotCollection {
    pub(crate) fn new(handle: Shared, collection: koru_delta::SnapshotCollection, name: &str) -> SnapshotCollection {
        SnapshotCollection { collection: Owned::new(collection), name: name.into(), handle }
    }

    fn find(&self, py: Python<'_>, key: &Text) -> PyResult<Option<koru_delta::Document>> {
        call(py, || self.collection.get()?.get(key))
    }

    fn rows(&self, py: Python<'_>, range: &Range) -> PyResult<koru_delta::Scan> {
        call(py, || self.collection.get()?.scan(range.keys.clone(), range.order))
    }
}

#[pymethods]
impl SnapshotCollection {
    /// The value of a document; `default` if it is not there: never written, deleted or expired.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: Text,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.find(py, &key)? {
            Some(document) => decode::object(py, &document).map(Some),
            None => Ok(default),
        }
    }

    /// The document with its version, or `None`.
    fn document(&self, py: Python<'_>, key: Text) -> PyResult<Option<Document>> {
        self.find(py, &key)?.map(|document| Document::new(py, &key, &document)).transpose()
    }

    /// The values of many documents in the order of the keys, `None` where there is none.
    fn get_many<'py>(&self, py: Python<'py>, keys: Vec<Text>) -> PyResult<Bound<'py, PyList>> {
        let found = call(py, || keys.iter().map(|key| self.collection.get()?.get(key)).collect::<Result<Vec<_>, _>>())?;
        values(py, &found)
    }

    /// The vectors of a document by name, as `Collection.vectors` has them.
    fn vectors<'py>(&self, py: Python<'py>, key: Text) -> PyResult<Option<Bound<'py, PyDict>>> {
        let vectors = call(py, || self.collection.get()?.vectors(&key))?;
        vectors.map(|vectors| vectors::dict(py, &vectors)).transpose()
    }

    /// The documents whose vector is nearest to `vector`, or to that of the document of the key `like`, ranked as they were at
    /// this moment. See `Collection.search`.
    #[pyo3(signature = (vector=None, *, like=None, k=10, name="default", filter=None, prefix=None, from_=None, after=None, to=None, before=None,
                  threshold=None, ef=None, exact=false, include=None))]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn search(
        &self,
        py: Python<'_>,
        vector: Option<Vector>,
        like: Option<Text>,
        k: i64,
        name: &str,
        filter: Option<&Bound<'_, PyAny>>,
        prefix: Option<Text>,
        from_: Option<Text>,
        after: Option<Text>,
        to: Option<Text>,
        before: Option<Text>,
        threshold: Option<f64>,
        ef: Option<i64>,
        exact: bool,
        include: Option<Include>,
    ) -> PyResult<Hits> {
        let range = Range::new(py, prefix, from_, after, to, before, false, None)?;
        let how = How::new(py, k, name, filter, range, threshold, ef, exact, include)?;
        let search = how.one(py, vector, like)?;
        Hits::new(py, call(py, || self.collection.get()?.search(&search))?)
    }

    /// For each row of a matrix what is nearest to it, all as of one moment: a list of `Hits`. The interpreter's lock is given
    /// up for all of it. See `search`.
    #[pyo3(signature = (vectors, *, k=10, name="default", filter=None, prefix=None, from_=None, after=None, to=None, before=None,
                  threshold=None, ef=None, exact=false, include=None))]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn search_many(
        &self,
        py: Python<'_>,
        vectors: &Bound<'_, PyAny>,
        k: i64,
        name: &str,
        filter: Option<&Bound<'_, PyAny>>,
        prefix: Option<Text>,
        from_: Option<Text>,
        after: Option<Text>,
        to: Option<Text>,
        before: Option<Text>,
        threshold: Option<f64>,
        ef: Option<i64>,
        exact: bool,
        include: Option<Include>,
    ) -> PyResult<Vec<Hits>> {
        let range = Range::new(py, prefix, from_, after, to, before, false, None)?;
        let how = How::new(py, k, name, filter, range, threshold, ef, exact, include)?;
        how.many(py, vectors, || self.collection.get().cloned())
    }

    fn __contains__(&self, py: Python<'_>, key: Text) -> PyResult<bool> {
        Ok(self.find(py, &key)?.is_some())
    }

    /// The documents of a range in the order of their keys' UTF-8 bytes.
    #[pyo3(signature = (*, prefix=None, from_=None, after=None, to=None, before=None, descending=false, limit=None))]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn scan(
        &self,
        py: Python<'_>,
        prefix: Option<Text>,
        from_: Option<Text>,
        after: Option<Text>,
        to: Option<Text>,
        before: Option<Text>,
        descending: bool,
        limit: Option<usize>,
    ) -> PyResult<Scan> {
        let range = Range::new(py, prefix, from_, after, to, before, descending, limit)?;
        Ok(Scan::new(self.handle.clone(), self.rows(py, &range)?, range.limit))
    }

    /// The keys of a range, as `scan` finds them, without reading values.
    #[pyo3(signature = (*, prefix=None, from_=None, after=None, to=None, before=None, descending=false, limit=None))]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn keys(
        &self,
        py: Python<'_>,
        prefix: Option<Text>,
        from_: Option<Text>,
        after: Option<Text>,
        to: Option<Text>,
        before: Option<Text>,
        descending: bool,
        limit: Option<usize>,
    ) -> PyResult<Keys> {
        let range = Range::new(py, prefix, from_, after, to, before, descending, limit)?;
        Ok(Keys::new(self.handle.clone(), self.rows(py, &range)?, range.limit))
    }

    /// The versions of a document up to this moment, newest first; with `before`, those that are older than it. Without
    /// `values` only what is known of each is read.
    #[pyo3(signature = (key, *, before=None, values=true))]
    fn history(&self, py: Python<'_>, key: Text, before: Option<Id>, values: bool) -> PyResult<History> {
        let (history, collection) = call(py, || {
            let history = self.collection.get()?.history_before(&key, before.map(|id| id.0))?;
            Ok((history, self.handle.get()?.collection(&self.name)))
        })?;
        Ok(History::new(self.handle.clone(), history, values.then(|| (collection, key.to_string()))))
    }

    fn __repr__(&self) -> String {
        format!("SnapshotCollection({:?})", self.name)
    }
}

/// The list of the values of documents, `None` where there is none.
pub(crate) fn values<'py>(py: Python<'py>, found: &[Option<koru_delta::Document>]) -> PyResult<Bound<'py, PyList>> {
    let values = found.iter().map(|document| document.as_ref().map(|d| decode::object(py, d)).transpose());
    PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)
}
