//! Search by vector: arguments, hits, and how they were found.

use crate::{
    arguments::{Range, Text},
    decode,
    encode::Object,
    error::{invalid, raise},
    handle::call,
    interrupt::{self, ASKS_EVERY},
    records::{record, tuple},
    vectors::{self, Rows, Vector},
};
use koru_delta::{Codes, Error, ErrorCode, Filter, IndexKind, KeyRange, Metric, Search, SnapshotCollection, Vectors};
use pyo3::{
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};
use std::time::Instant;

/// What `include=` names.
#[derive(Clone, Copy)]
pub(crate) struct Include {
    values: bool,
    vectors: bool,
}

impl Default for Include {
    fn default() -> Include {
        Include { values: true, vectors: false }
    }
}

impl FromPyObject<'_, '_> for Include {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let wrong = || invalid(object.py(), "include takes a list of \"values\" and \"vectors\"");
        if object.is_instance_of::<PyString>() {
            return Err(wrong());
        }
        let mut include = Include { values: false, vectors: false };
        for word in object.try_iter().map_err(|_| wrong())? {
            match &*word?.extract::<Text>()? {
                "values" => include.values = true,
                "vectors" => include.vectors = true,
                _ => return Err(wrong()),
            }
        }
        Ok(include)
    }
}

/// How to search, whatever for.
pub(crate) struct How<'a> {
    k: usize,
    name: &'a str,
    filter: Option<Filter>,
    keys: KeyRange,
    threshold: Option<f32>,
    ef: Option<usize>,
    exact: bool,
    include: Include,
}

impl<'a> How<'a> {
    #[allow(clippy::too_many_arguments, reason = "they are the keyword arguments of one call")]
    pub(crate) fn new(
        py: Python<'_>,
        k: i64,
        name: &'a str,
        filter: Option<&Bound<'_, PyAny>>,
        range: Range,
        threshold: Option<f64>,
        ef: Option<i64>,
        exact: bool,
        include: Option<Include>,
    ) -> PyResult<How<'a>> {
        let filter = filter.map(|filter| Filter::new(&Object(filter)).map_err(|e| raise(py, &e.context("filter"))));
        let count = |what: &str, given: i64| {
            usize::try_from(given).map_err(|_| invalid(py, format!("{what} of {given}: it is 1 or more")))
        };
        Ok(How {
            k: count("k", k)?,
            name,
            filter: filter.transpose()?,
            keys: range.keys,
            threshold: threshold.map(|threshold| threshold as f32),
            ef: ef.map(|ef| count("ef", ef)).transpose()?,
            exact,
            include: include.unwrap_or_default(),
        })
    }

    fn of(&self, search: Search) -> Search {
        let mut search = search
            .k(self.k)
            .name(self.name)
            .keys(self.keys.clone())
            .exact(self.exact)
            .include_values(self.include.values)
            .include_vectors(self.include.vectors);
        if let Some(filter) = &self.filter {
            search = search.filter(filter.clone());
        }
        if let Some(threshold) = self.threshold {
            search = search.threshold(threshold);
        }
        if let Some(ef) = self.ef {
            search = search.ef(ef);
        }
        search
    }

    /// For what is nearest to a vector or to a document.
    pub(crate) fn one(&self, py: Python<'_>, vector: Option<Vector>, like: Option<Text>) -> PyResult<Search> {
        match (vector, like) {
            (Some(vector), None) => Ok(self.of(Search::vector(&vector.0))),
            (None, Some(key)) => Ok(self.of(Search::like(&*key))),
            _ => Err(invalid(py, "what is searched for? A search takes vector= or like=, one of them")),
        }
    }

    /// For what is nearest to each row of a matrix, all as of one moment.
    pub(crate) fn many(
        &self,
        py: Python<'_>,
        matrix: &Bound<'_, PyAny>,
        collection: impl FnOnce() -> koru_delta::Result<SnapshotCollection> + Send,
    ) -> PyResult<Vec<Hits>> {
        let (mut rows, mut vectors) = (Rows::of(matrix)?, Vec::new());
        while let Some(row) = rows.next(self.name)? {
            vectors.push(row.ok_or_else(|| invalid(py, format!("row {} is None", vectors.len())))?);
        }
        let found = call(py, || {
            let (collection, mut asked, mut found) = (collection()?, Instant::now(), Vec::with_capacity(vectors.len()));
            for vector in &vectors {
                if asked.elapsed() >= ASKS_EVERY {
                    if interrupt::came() {
                        return Err(Error::new(ErrorCode::Aborted, "the search was interrupted"));
                    }
                    asked = Instant::now();
                }
                found.push(collection.search(&self.of(Search::vector(vector)))?);
            }
            Ok(found)
        })?;
        found.into_iter().map(|hits| Hits::new(py, hits)).collect()
    }
}

/// A document that a search found. `Hits` has them in their order, the nearest one first.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Hit {
    /// Its key.
    #[pyo3(get)]
    key: String,
    /// How near it is: the cosine or dot product, larger for nearer; or the Euclidean distance, smaller for nearer.
    #[pyo3(get)]
    score: f32,
    /// Which version it is: `n@actor`.
    #[pyo3(get)]
    version: String,
    /// Its value; `None` too if values were not asked for.
    #[pyo3(get)]
    value: Py<PyAny>,
    vectors: Option<Vectors>,
}

#[pymethods]
impl Hit {
    #[classattr]
    fn __match_args__<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, ["key", "score", "version", "value", "vectors"])
    }

    /// Its vectors by name, as `Collection.vectors` has them; `None` if they were not asked for.
    #[getter]
    fn vectors<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.vectors.as_ref().map(|vectors| vectors::dict(py, vectors)).transpose()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (key, score) = (PyString::new(py, &self.key).repr()?, f64::from(self.score).into_pyobject(py)?.repr()?);
        let (version, value) = (PyString::new(py, &self.version).repr()?, self.value.bind(py).repr()?);
        let vectors = match &self.vectors {
            Some(vectors) => vectors::dict(py, vectors)?.repr()?.to_string(),
            None => "None".into(),
        };
        Ok(format!("Hit(key={key}, score={score}, version={version}, value={value}, vectors={vectors})"))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Hit>() else { return Ok(false) };
        let other = other.get();
        let same = self.key == other.key
            && self.score == other.score
            && self.version == other.version
            && self.vectors == other.vectors;
        Ok(same && self.value.bind(py).eq(&other.value)?)
    }
}

/// What a search found, the nearest first, those of equal score by key: a sequence of `Hit`.
#[pyclass(frozen, sequence, module = "koru_delta")]
pub(crate) struct Hits {
    hits: Py<PyTuple>,
    explain: Py<Explain>,
}

impl Hits {
    pub(crate) fn new(py: Python<'_>, hits: koru_delta::Hits) -> PyResult<Hits> {
        let explain = Py::new(py, Explain::new(hits.explain()))?;
        let hit = |hit: koru_delta::Hit| {
            let value = hit.document.map(|document| decode::object(py, &document)).transpose()?;
            let value = value.map_or_else(|| py.None(), Bound::unbind);
            let version = hit.version.id.to_string();
            Py::new(py, Hit { key: hit.key, score: hit.score, version, value, vectors: hit.vectors })
        };
        Ok(Hits { hits: tuple(py, hits.into_iter().map(hit))?, explain })
    }
}

#[pymethods]
impl Hits {
    /// How they were found: an `Explain`.
    #[getter]
    fn explain(&self, py: Python<'_>) -> Py<Explain> {
        self.explain.clone_ref(py)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.hits.bind(py).len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, at: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.hits.bind(py).as_any().get_item(at)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.hits.bind(py).try_iter().map(Bound::into_any)
    }

    fn __contains__(&self, py: Python<'_>, hit: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.hits.bind(py).as_any().contains(hit)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Hits({})", self.hits.bind(py).repr()?))
    }

    /// The place of a hit; `ValueError` if it is not among them.
    #[pyo3(signature = (hit, *within))]
    fn index(&self, py: Python<'_>, hit: &Bound<'_, PyAny>, within: &Bound<'_, PyTuple>) -> PyResult<usize> {
        let mut args = vec![hit.clone()];
        args.extend(within.iter());
        self.hits.bind(py).call_method1("index", PyTuple::new(py, args)?)?.extract()
    }

    /// How often a hit is among them.
    fn count(&self, py: Python<'_>, hit: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.hits.bind(py).call_method1("count", (hit,))?.extract()
    }

    /// The hits as a frame of pandas: the index are the keys, the first column is `score`, and the others are the fields of
    /// the documents, as `Scan.to_pandas` has them. `key` and `score` name what is not of the documents.
    #[pyo3(signature = (key="key", score="score"))]
    fn to_pandas<'py>(slf: &Bound<'py, Self>, key: &str, score: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("koru_delta._frames")?.call_method1("to_pandas", (slf, key, score))
    }

    /// The same as a frame of polars, with the keys in a column of the name `key`.
    #[pyo3(signature = (key="key", score="score"))]
    fn to_polars<'py>(slf: &Bound<'py, Self>, key: &str, score: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("koru_delta._frames")?.call_method1("to_polars", (slf, key, score))
    }

    /// The same as a table of Arrow, with the keys in a column of the name `key`.
    #[pyo3(signature = (key="key", score="score"))]
    fn to_arrow<'py>(slf: &Bound<'py, Self>, key: &str, score: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("koru_delta._frames")?.call_method1("to_arrow", (slf, key, score))
    }
}

record! {
    /// How a search was carried out, and why so.
    Explain {
        /// `documents` or `rows`: all that is taken was compared, and no hit is missed; `flat`: the codes of all were, and
        /// the best of them exactly; `graph`: the graph was followed, and the best found compared exactly.
        plan: &'static str,
        /// Why, in words.
        reason: String,
        /// Rows of the index, or documents where there is none, that it began with.
        rows: u64,
        /// Those that the moment, the keys and the filter take.
        taken: u64,
        /// Vectors that were compared exactly.
        compared: u64,
        /// Whether the index could not be used, and everything was compared instead.
        degraded: bool,
    }
}

impl Explain {
    fn new(explain: &koru_delta::Explain) -> Explain {
        Explain {
            plan: explain.plan.name(),
            reason: explain.reason.clone(),
            rows: explain.rows,
            taken: explain.taken,
            compared: explain.compared,
            degraded: explain.degraded,
        }
    }
}

record! {
    /// How the vectors of a name are searched.
    VectorConfig {
        /// Numbers in each of them.
        dimension: usize,
        /// `cosine`, `euclidean` or `dot`.
        metric: &'static str,
        /// `auto`, `flat` or `hnsw`.
        index: &'static str,
        /// What is kept of each in memory: `auto`, `f32`, `f16`, `i8`, `i4` or `binary`.
        codes: &'static str,
    }
}

impl VectorConfig {
    pub(crate) fn new(config: koru_delta::VectorConfig) -> VectorConfig {
        VectorConfig {
            dimension: config.dimension,
            metric: config.metric.name(),
            index: config.index.name(),
            codes: config.codes.name(),
        }
    }

    /// The configuration that the words of a call say.
    pub(crate) fn said(
        py: Python<'_>,
        dimension: i64,
        metric: &str,
        index: &str,
        codes: &str,
    ) -> PyResult<koru_delta::VectorConfig> {
        fn named<T: Copy>(
            py: Python<'_>,
            what: &str,
            given: &str,
            all: &[T],
            name: impl Fn(T) -> &'static str,
        ) -> PyResult<T> {
            all.iter().copied().find(|&each| name(each) == given).ok_or_else(|| {
                let names = all.iter().map(|&each| name(each)).collect::<Vec<_>>().join(", ");
                invalid(py, format!("{what} {given:?}: there are {names}"))
            })
        }
        let dimension =
            usize::try_from(dimension).map_err(|_| invalid(py, format!("a dimension of {dimension}: it is 1 or more")));
        Ok(koru_delta::VectorConfig {
            dimension: dimension?,
            metric: named(py, "metric", metric, Metric::ALL, Metric::name)?,
            index: named(py, "index", index, IndexKind::ALL, IndexKind::name)?,
            codes: named(py, "codes", codes, Codes::ALL, Codes::name)?,
        })
    }
}

record! {
    /// What is known of the vectors of one name of a collection.
    VectorInfo {
        /// The name.
        name: String,
        /// How they are to be searched: a `VectorConfig`.
        config: Py<VectorConfig>,
        /// Documents that have one now, as far as no other actor had a part in them.
        documents: u64,
        /// Versions that have one: what the index holds.
        versions: u64,
        /// The structure that is searched: what `auto` chose.
        index: &'static str,
        /// What is kept in memory of each: what `auto` chose.
        codes: &'static str,
        /// Versions that the graph has taken in; those behind them are scanned.
        linked: u64,
        /// Memory of the index, in bytes.
        memory_bytes: u64,
        /// Whether the index is made for this configuration. Until it is, searches compare every vector.
        ready: bool,
    }
}

impl VectorInfo {
    pub(crate) fn new(py: Python<'_>, info: koru_delta::VectorInfo) -> PyResult<VectorInfo> {
        Ok(VectorInfo {
            name: info.name,
            config: Py::new(py, VectorConfig::new(info.config))?,
            documents: info.documents,
            versions: info.versions,
            index: info.index.name(),
            codes: info.codes.name(),
            linked: info.linked,
            memory_bytes: info.memory_bytes,
            ready: info.ready,
        })
    }
}
