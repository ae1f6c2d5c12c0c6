//! The documents of one collection, now: reading, writing, history.

use crate::{
    arguments::{Causes, Expiry, Id, Range, Text, Wanted, info, items},
    decode,
    encode::{Entries, Object},
    error::{invalid, raise},
    handle::{Owned, Shared, call},
    iterate::{Changes, History, Keys, Scan},
    moment::At,
    records::{Change, Document, DocumentVersion, Lineage, Version},
    search::{Hits, How, Include, VectorConfig, VectorInfo},
    snapshot::{SnapshotCollection, values},
    vectors::{self, Matrices, Vector},
    watch::Watch,
};
use koru_delta::{Encoded, Expected, Vectors, WatchOptions, WriteOptions};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList, PyMapping},
};

/// The documents of one collection. It holds nothing: make as many as you like, and use them from any thread.
///
/// >>> import koru_delta
/// >>> db = koru_delta.open("memory:")
/// >>> users = db.collection("users")
/// >>> first = users.put("ada", {"born": 1815})
/// >>> users.get("ada")
/// {'born': 1815}
/// >>> users.get("charles") is None
/// True
/// >>> db.close()
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Collection {
    collection: Owned<koru_delta::Collection>,
    handle: Shared,
}

impl Collection {
    pub(crate) fn new(handle: Shared, collection: koru_delta::Collection) -> Collection {
        Collection { collection: Owned::new(collection), handle }
    }

    fn find(&self, py: Python<'_>, key: &Text) -> PyResult<Option<koru_delta::Document>> {
        call(py, || self.collection.get()?.get(key))
    }

    fn rows(&self, py: Python<'_>, range: &Range) -> PyResult<koru_delta::Scan> {
        call(py, || self.collection.get()?.scan(range.keys.clone(), range.order))
    }
}

/// Encodes a value with its vectors, while the interpreter's lock is held.
pub(crate) fn encode(
    py: Python<'_>,
    collection: &str,
    key: &str,
    value: &Bound<'_, PyAny>,
    vectors: &Vectors,
) -> PyResult<Encoded> {
    let encoded = Encoded::new(&Object(value)).and_then(|encoded| encoded.with_vectors(vectors));
    encoded.map_err(|e| raise(py, &e.context(&format!("{collection}/{key}"))))
}

/// Goes over pairs of key and value: those of a mapping, a table or an iterable.
pub(crate) fn each_pair<'py>(
    documents: &Bound<'py, PyAny>,
    column: Option<&str>,
    mut take: impl FnMut(&Text, &Bound<'py, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    let py = documents.py();
    if let Ok(dict) = documents.cast_exact::<PyDict>()
        && column.is_none()
    {
        for entry in Entries::of(dict) {
            let (key, value) = entry.map_err(|e| invalid(py, e))?;
            take(&key.extract()?, &value)?;
        }
        return Ok(());
    }
    let pairs = match documents.cast::<PyMapping>() {
        Ok(mapping) if column.is_none() => mapping.items()?.into_any(),
        _ if column.is_some() || documents.hasattr("__arrow_c_stream__")? => {
            py.import("koru_delta._frames")?.call_method1("pairs", (documents, column))?
        }
        _ => documents.clone(),
    };
    for pair in pairs.try_iter()? {
        let [key, value] = items(&pair?, "a pair of key and value")?;
        take(&key.extract()?, &value)?;
    }
    Ok(())
}

#[pymethods]
impl Collection {
    /// Its name.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<&str> {
        self.collection.get().map(koru_delta::Collection::name).map_err(|e| raise(py, &e))
    }

    /// Writes a document: a new version on top of what is there. Returns the version when it is durable.
    ///
    /// `expected` is a version that the document has to be at, or `ABSENT`; otherwise `ConflictError`. From `expires_at` on
    /// (a `datetime`, or milliseconds since 1970) it no longer shows. `author`, `message` and `causes` (versions that it was
    /// derived from, of this or other documents) are kept with the commit.
    ///
    /// `vector` is what the document is found by with `search`: numbers, as an array of numpy or anything else with a buffer,
    /// a tensor or a sequence; they are kept as 32-bit floats. `vectors` are such by name; `vector` is the one of the name
    /// `default`. A write replaces the whole document: without vectors the new version has none.
    ///
    /// Raises `InvalidArgumentError` for what is not a value and for numbers that are not finite, naming the place;
    /// `DimensionMismatchError` for a vector of another dimension than those of its name before; `LimitExceededError`.
    #[pyo3(signature = (key, value, *, vector=None, vectors=None, expected=Wanted(Expected::Any), expires_at=None, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, key, value, *, vector=None, vectors=None, expected=None, expires_at=None, author=None, message=None, causes=())")]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn put(
        &self,
        py: Python<'_>,
        key: Text,
        value: &Bound<'_, PyAny>,
        vector: Option<&Bound<'_, PyAny>>,
        vectors: Option<&Bound<'_, PyAny>>,
        expected: Wanted,
        expires_at: Option<Expiry>,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<String> {
        let collection = self.collection.get().map_err(|e| raise(py, &e))?;
        let value = encode(py, collection.name(), &key, value, &vectors::of_document(vector, vectors)?)?;
        let expires_at = expires_at.map(|at| at.0);
        let info = info(author, message, causes);
        let options = WriteOptions { expected: expected.0, expires_at, info, ..WriteOptions::default() };
        call(py, || collection.put_encoded(&key, value, options)).map(|version| version.to_string())
    }

    /// Deletes a document. Returns the version that says so, or `None` if there was none. Its history stays.
    #[pyo3(signature = (key, *, expected=Wanted(Expected::Any), author=None, message=None, causes=Causes::default()),
           text_signature = "($self, key, *, expected=None, author=None, message=None, causes=())")]
    fn delete(
        &self,
        py: Python<'_>,
        key: Text,
        expected: Wanted,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<Option<String>> {
        let info = info(author, message, causes);
        let options = WriteOptions { expected: expected.0, info, ..WriteOptions::default() };
        let version = call(py, || self.collection.get()?.delete_with(&key, options))?;
        Ok(version.map(|version| version.to_string()))
    }

    /// Writes many documents as one commit: all of them or none. Takes pairs of key and value, or a mapping. Of equal keys
    /// the last one counts. Returns the commit's version, or `None` for no documents.
    ///
    /// It also takes a table of pandas, polars or Arrow, of which `key` names the column with the keys and the other columns
    /// become the fields of documents. Of a pandas frame the index are the keys if `key` is left out.
    ///
    /// `vectors` are those of the documents, in the same order: a matrix, which is an array of two dimensions or a sequence of
    /// vectors; or a dict of matrices by the names of the vectors. In a sequence `None` stands for a document without.
    /// An array of `float32` or `float64` is read from its memory.
    ///
    /// >>> import koru_delta
    /// >>> db = koru_delta.open("memory:")
    /// >>> notes = db.collection("notes")
    /// >>> version = notes.put_many({"sea": 1, "shore": 2}, vectors=[[1.0, 0.0], [0.8, 0.6]])
    /// >>> [hit.key for hit in notes.search([0.0, 1.0])]
    /// ['shore', 'sea']
    /// >>> db.close()
    #[pyo3(signature = (documents, *, key=None, vectors=None, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, documents, *, key=None, vectors=None, author=None, message=None, causes=())")]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn put_many(
        &self,
        py: Python<'_>,
        documents: &Bound<'_, PyAny>,
        key: Option<Text>,
        vectors: Option<&Bound<'_, PyAny>>,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<Option<String>> {
        let collection = self.collection.get().map_err(|e| raise(py, &e))?;
        let mut batch = call(py, || collection.batch())?;
        let (mut matrices, mut count) = (Matrices::of(vectors)?, 0);
        each_pair(documents, key.as_deref(), |key, value| {
            let vectors = matrices.next(py, key)?;
            count += 1;
            batch.put_with(key, &Object(value), &vectors).map_err(|e| raise(py, &e))
        })?;
        matrices.end(py, count)?;
        let info = info(author, message, causes);
        Ok(call(py, || batch.commit(info))?.map(|version| version.to_string()))
    }

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

    /// The values of many documents in the order of the keys, `None` where there is none; all as of one moment.
    fn get_many<'py>(&self, py: Python<'py>, keys: Vec<Text>) -> PyResult<Bound<'py, PyList>> {
        let found = call(py, || {
            let collection = self.collection.get()?.as_of(koru_delta::Moment::Now)?;
            keys.iter().map(|key| collection.get(key)).collect::<Result<Vec<_>, _>>()
        })?;
        values(py, &found)
    }

    /// The vectors of a document by name, `{}` if it has none, and `None` if it is not there. Each is an array of numpy of
    /// type `float32`, or where there is no numpy an `array.array('f')`.
    fn vectors<'py>(&self, py: Python<'py>, key: Text) -> PyResult<Option<Bound<'py, PyDict>>> {
        let vectors = call(py, || self.collection.get()?.vectors(&key))?;
        vectors.map(|vectors| vectors::dict(py, &vectors)).transpose()
    }

    /// The documents whose vector is nearest to `vector`, or to that of the document of the key `like`, which is itself left
    /// out: at most `k`, the nearest first, those of equal score by key. `as_of` a moment they are those that were there,
    /// ranked as they were then.
    ///
    /// `filter` takes only documents whose fields it matches, `prefix` and the others only those of a range of keys, as
    /// `scan` has it: both are applied within the search, so `k` hits come back if there are as many. `threshold` is the least
    /// score, or with the metric `euclidean` the largest distance. `ef` is how many candidates are followed in a graph;
    /// `exact` compares with everything that is taken. `include` names what hits have beside key, score and version:
    /// `["values"]` unless it is told, `"vectors"` too.
    ///
    /// Raises `NotFoundError` for a name that no document ever had a vector of, and for a document that is not there;
    /// `DimensionMismatchError`; `InvalidArgumentError` for what is not possible, such as a number that is not finite.
    ///
    /// >>> import koru_delta
    /// >>> db = koru_delta.open("memory:")
    /// >>> notes = db.collection("notes")
    /// >>> first = notes.put("sea", {"wet": True}, vector=[1.0, 0.0])
    /// >>> then = notes.put("shore", {"wet": True}, vector=[0.8, 0.6])
    /// >>> last = notes.put("desert", {"wet": False}, vector=[0.8, 0.7])
    /// >>> [hit.key for hit in notes.search([0.7, 0.7], k=2)]
    /// ['desert', 'shore']
    /// >>> [(hit.key, round(hit.score, 2)) for hit in notes.search([0.7, 0.7], filter={"wet": True})]
    /// [('shore', 0.99), ('sea', 0.71)]
    /// >>> notes.search(like="sea", as_of=then)[0].key
    /// 'shore'
    /// >>> db.close()
    #[pyo3(signature = (vector=None, *, like=None, k=10, name="default", filter=None, prefix=None, from_=None, after=None, to=None, before=None,
                  threshold=None, ef=None, exact=false, include=None, as_of=None))]
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
        as_of: Option<At>,
    ) -> PyResult<Hits> {
        let range = Range::new(py, prefix, from_, after, to, before, false, None)?;
        let how = How::new(py, k, name, filter, range, threshold, ef, exact, include)?;
        let mut search = how.one(py, vector, like)?;
        if let Some(moment) = as_of {
            search = search.as_of(moment.0);
        }
        Hits::new(py, call(py, || self.collection.get()?.search(&search))?)
    }

    /// For each row of a matrix what is nearest to it, all as of one moment: a list of `Hits`. The interpreter's lock is given
    /// up for all of it. See `search`.
    #[pyo3(signature = (vectors, *, k=10, name="default", filter=None, prefix=None, from_=None, after=None, to=None, before=None,
                  threshold=None, ef=None, exact=false, include=None, as_of=None))]
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
        as_of: Option<At>,
    ) -> PyResult<Vec<Hits>> {
        let range = Range::new(py, prefix, from_, after, to, before, false, None)?;
        let how = How::new(py, k, name, filter, range, threshold, ef, exact, include)?;
        let moment = as_of.map_or(koru_delta::Moment::Now, |moment| moment.0);
        how.many(py, vectors, || self.collection.get()?.as_of(moment))
    }

    /// Sets how the vectors of a name are searched: how many numbers they have, the `metric` (`cosine`, `euclidean` or `dot`),
    /// the `index` (`auto`, `flat` or `hnsw`), and what is kept of each in memory (`codes`: `auto`, `f32`, `f16`, `i8`, `i4` or
    /// `binary`); what is not told is as shown here. Without it the first vector that is put decides on the dimension.
    /// Returns the version of the commit, or `None` if it is so already.
    ///
    /// Raises `DimensionMismatchError` if the name has another dimension already, `LimitExceededError` for one that is too
    /// high, and `InvalidArgumentError`.
    #[pyo3(signature = (name="default", *, dimension, metric="cosine", index="auto", codes="auto", author=None, message=None,
                        causes=Causes::default()),
           text_signature = "($self, name='default', *, dimension, metric='cosine', index='auto', codes='auto', author=None, message=None, causes=())")]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn configure_vectors(
        &self,
        py: Python<'_>,
        name: &str,
        dimension: i64,
        metric: &str,
        index: &str,
        codes: &str,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<Option<String>> {
        let config = VectorConfig::said(py, dimension, metric, index, codes)?;
        let info = info(author, message, causes);
        let version = call(py, || self.collection.get()?.configure_vectors_with(name, config, info))?;
        Ok(version.map(|version| version.to_string()))
    }

    /// How the vectors of a name are searched: a `VectorConfig`, or `None` if there were none.
    #[pyo3(signature = (name="default"))]
    fn vector_config(&self, py: Python<'_>, name: &str) -> PyResult<Option<VectorConfig>> {
        let config = call(py, || self.collection.get()?.vector_config(name))?;
        Ok(config.map(VectorConfig::new))
    }

    /// What is known of the vectors of this collection: a list of `VectorInfo`, by name. Raises `LimitExceededError` if
    /// their indexes take more memory than they may.
    fn vector_info(&self, py: Python<'_>) -> PyResult<Vec<VectorInfo>> {
        let infos = call(py, || self.collection.get()?.vector_info())?;
        infos.into_iter().map(|info| VectorInfo::new(py, info)).collect()
    }

    fn __contains__(&self, py: Python<'_>, key: Text) -> PyResult<bool> {
        Ok(self.find(py, &key)?.is_some())
    }

    /// The documents of a range in the order of their keys' UTF-8 bytes, as of one moment: keys that begin with `prefix`,
    /// `from_` a key on or `after` it, up `to` a key or `before` it, `descending` from the last to the first, at most
    /// `limit` of them.
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

    /// The versions of a document, newest first; with `before`, those that are older than it. Without `values` only what is
    /// known of each is read.
    #[pyo3(signature = (key, *, before=None, values=true))]
    fn history(&self, py: Python<'_>, key: Text, before: Option<Id>, values: bool) -> PyResult<History> {
        let (history, collection) = call(py, || {
            let collection = self.collection.get()?;
            Ok((collection.history_before(&key, before.map(|id| id.0))?, collection.clone()))
        })?;
        Ok(History::new(self.handle.clone(), history, values.then(|| (collection, key.to_string()))))
    }

    /// One version of a document, with its value. `NotFoundError` if the document has no such version.
    fn version(&self, py: Python<'_>, key: Text, version: Id) -> PyResult<Version> {
        let (version, document) = call(py, || {
            let collection = self.collection.get()?;
            let version = collection.version(&key, version.0)?;
            let document = collection.document(&key, &version)?;
            Ok((version, document))
        })?;
        Version::new(py, &version, document.as_ref())
    }

    /// The versions that no other replaced: one, or several after concurrent writes, the one that `get` shows first.
    fn heads(&self, py: Python<'_>, key: Text) -> PyResult<Vec<String>> {
        let heads = call(py, || self.collection.get()?.heads(&key))?;
        Ok(heads.iter().map(ToString::to_string).collect())
    }

    /// What changed in a document between two of its versions, place by place: a list of `Change`.
    fn diff(&self, py: Python<'_>, key: Text, before: Id, after: Id) -> PyResult<Vec<Py<Change>>> {
        let changes = call(py, || self.collection.get()?.diff(&key, before.0, after.0))?;
        Change::list(py, &changes)
    }

    /// The documents of the collection that differ between two moments, in key order; without the second, up to now.
    #[pyo3(signature = (before, after=At(koru_delta::Moment::Now)), text_signature = "($self, before, after=None)")]
    fn diff_moments(&self, py: Python<'_>, before: At, after: At) -> PyResult<Changes> {
        let changes = call(py, || self.collection.get()?.diff_moments(before.0, after.0))?;
        Ok(Changes::new(self.handle.clone(), changes))
    }

    /// This collection as of a moment.
    fn as_of(&self, py: Python<'_>, moment: At) -> PyResult<SnapshotCollection> {
        let collection = self.collection.get().map_err(|e| raise(py, &e))?;
        let then = call(py, || collection.as_of(moment.0))?;
        Ok(SnapshotCollection::new(self.handle.clone(), then, collection.name()))
    }

    /// Makes a document what it was at a moment, by a new version. Returns it, or `None` if nothing differs.
    #[pyo3(signature = (key, moment, *, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, key, moment, *, author=None, message=None, causes=())")]
    fn restore(
        &self,
        py: Python<'_>,
        key: Text,
        moment: At,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<Option<String>> {
        let info = info(author, message, causes);
        let version = call(py, || self.collection.get()?.restore_with(&key, moment.0, info))?;
        Ok(version.map(|version| version.to_string()))
    }

    /// The same for the whole collection, by one commit.
    #[pyo3(signature = (moment, *, author=None, message=None, causes=Causes::default()),
           text_signature = "($self, moment, *, author=None, message=None, causes=())")]
    fn restore_all(
        &self,
        py: Python<'_>,
        moment: At,
        author: Option<Text>,
        message: Option<Text>,
        causes: Causes,
    ) -> PyResult<Option<String>> {
        let info = info(author, message, causes);
        let version = call(py, || self.collection.get()?.restore_all_with(moment.0, info))?;
        Ok(version.map(|version| version.to_string()))
    }

    /// What a version was derived from (`direction="causes"`), or what came of it (`"effects"`), up to `depth` steps.
    #[pyo3(signature = (key, version, *, direction="causes", depth=None))]
    fn lineage(
        &self,
        py: Python<'_>,
        key: Text,
        version: Id,
        direction: &str,
        depth: Option<usize>,
    ) -> PyResult<Lineage> {
        let start = call(py, || Ok(self.collection.get()?.at(&key, version.0)))?;
        crate::database::lineage(py, &self.handle, start, direction, depth)
    }

    /// The commits that change this collection, from now on or behind `token`: an iterator of `Event`, which ends when
    /// nothing came for `timeout` seconds.
    #[pyo3(signature = (*, prefix=None, token=None, timeout=None))]
    fn watch(&self, py: Python<'_>, prefix: Option<Text>, token: Option<u64>, timeout: Option<f64>) -> PyResult<Watch> {
        let collection = Some(self.name(py)?.to_owned());
        let prefix = prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
        Watch::new(py, &self.handle, WatchOptions { collection, prefix, token }, timeout)
    }

    /// A version of a document of this collection, as causes and lineage name it.
    fn at(&self, py: Python<'_>, key: Text, version: Id) -> PyResult<DocumentVersion> {
        let at = call(py, || Ok(self.collection.get()?.at(&key, version.0)))?;
        Ok(DocumentVersion::new(&at))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Collection({:?})", self.name(py)?))
    }
}
