//! What is read, as objects: they hold plain fields, do not change, and are equal if their fields are.

use crate::{
    arguments::{Id, Text},
    decode,
    error::raise,
    moment::datetime,
};
use koru_delta::Timestamp;
use pyo3::{
    prelude::*,
    types::{PyString, PyTuple},
};

/// Makes a record: its class, with `repr` and equality by fields, and the methods that it has beside.
macro_rules! record {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $about:literal])+ $field:ident: $kind:ty,)+ } $($more:tt)*) => {
        $(#[doc = $doc])+
        #[pyclass(frozen, module = "koru_delta")]
        pub(crate) struct $name {
            $($(#[doc = $about])+ #[pyo3(get)] pub(crate) $field: $kind,)+
        }

        #[pymethods]
        impl $name {
            #[classattr]
            fn __match_args__<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
                PyTuple::new(py, [$(stringify!($field)),+])
            }

            fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                let fields = [$(format!("{}={}", stringify!($field), slf.getattr(stringify!($field))?.repr()?)),+];
                Ok(format!("{}({})", stringify!($name), fields.join(", ")))
            }

            fn __eq__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
                if !other.is_instance_of::<$name>() {
                    return Ok(false);
                }
                for field in [$(stringify!($field)),+] {
                    if !slf.getattr(field)?.eq(other.getattr(field)?)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }

            $($more)*
        }
    };
}
pub(crate) use record;

record! {
    /// A document as it was read.
    Document {
        /// Its key.
        key: String,
        /// Its value.
        value: Py<PyAny>,
        /// Which version it is: `n@actor`.
        version: String,
        /// When it was written: milliseconds since 1970 times 65536, and a counter within the millisecond.
        timestamp: i64,
        /// From when on it no longer shows, in milliseconds since 1970; `None` for never.
        expires_at: Option<i64>,
    }

    /// When it was written, to the millisecond.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time(py, self.timestamp)
    }
}

impl Document {
    pub(crate) fn new(py: Python<'_>, key: &str, document: &koru_delta::Document) -> PyResult<Document> {
        Ok(Document {
            key: key.into(),
            value: decode::object(py, document)?.unbind(),
            version: document.version().to_string(),
            timestamp: document.timestamp().to_bits(),
            expires_at: document.expires_at(),
        })
    }
}

record! {
    /// One version of a document.
    Version {
        /// Which one: `n@actor`.
        version: String,
        /// When it was written: milliseconds since 1970 times 65536, and a counter within the millisecond.
        timestamp: i64,
        /// Whether it says that the document was deleted.
        deleted: bool,
        /// From when on it no longer shows, in milliseconds since 1970; `None` for never.
        expires_at: Option<i64>,
        /// Bytes of its encoded value.
        bytes: u64,
        /// Its value. `None` too for a deletion, and where values were not asked for.
        value: Py<PyAny>,
    }

    /// When it was written, to the millisecond.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time(py, self.timestamp)
    }
}

impl Version {
    pub(crate) fn new(
        py: Python<'_>,
        version: &koru_delta::Version,
        document: Option<&koru_delta::Document>,
    ) -> PyResult<Version> {
        Ok(Version {
            version: version.id.to_string(),
            timestamp: version.timestamp.to_bits(),
            deleted: version.deleted,
            expires_at: version.expires_at,
            bytes: version.value_bytes,
            value: document.map_or_else(|| Ok(py.None()), |d| decode::object(py, d).map(Bound::unbind))?,
        })
    }
}

record! {
    /// One commit: who wrote what, when, and because of what.
    Commit {
        /// The hash of its canonical header, in hexadecimal digits.
        id: String,
        /// Its actor and its place among that actor's commits: `n@actor`.
        version: String,
        /// Its place in this database's log.
        sequence: u64,
        /// When: milliseconds since 1970 times 65536, and a counter within the millisecond.
        timestamp: i64,
        /// Who wrote it, if that was told.
        author: Option<String>,
        /// Why, if that was told.
        message: Option<String>,
        /// The versions that it was derived from: a tuple of `DocumentVersion`.
        causes: Py<PyTuple>,
        /// The last commits of other actors that it had newly seen, and its actor's one before: a tuple of versions.
        dependencies: Py<PyTuple>,
        /// What it did, ascending by collection and key: a tuple of `CommitChange`.
        changes: Py<PyTuple>,
    }

    /// When it was written, to the millisecond.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time(py, self.timestamp)
    }
}

impl Commit {
    pub(crate) fn new(py: Python<'_>, commit: &koru_delta::Commit) -> PyResult<Commit> {
        let causes = commit.causes.iter().map(|cause| Py::new(py, DocumentVersion::new(cause)));
        let changes = commit.changes.iter().map(|change| {
            let change = CommitChange {
                collection: change.collection.clone(),
                key: change.key.clone(),
                deleted: change.deleted,
                bytes: change.value_bytes,
                parents: versions(py, &change.parents)?,
                expires_at: change.expires_at,
            };
            Py::new(py, change)
        });
        Ok(Commit {
            id: commit.id.to_string(),
            version: commit.version.to_string(),
            sequence: commit.sequence,
            timestamp: commit.timestamp.to_bits(),
            author: commit.author.clone(),
            message: commit.message.clone(),
            causes: tuple(py, causes)?,
            dependencies: versions(py, &commit.dependencies)?,
            changes: tuple(py, changes)?,
        })
    }
}

record! {
    /// What a commit did to one document.
    CommitChange {
        /// The document's collection.
        collection: String,
        /// The document's key.
        key: String,
        /// Whether it was deleted.
        deleted: bool,
        /// Bytes of the encoded value.
        bytes: u64,
        /// The versions that this one replaced: a tuple of versions.
        parents: Py<PyTuple>,
        /// From when on it no longer shows, in milliseconds since 1970; `None` for never.
        expires_at: Option<i64>,
    }
}

record! {
    /// A version together with the document that it is of, as causes and lineage name it.
    DocumentVersion {
        /// The document's collection.
        collection: String,
        /// The document's key.
        key: String,
        /// Which version: `n@actor`.
        version: String,
    }

    #[new]
    fn made(collection: Text, key: Text, version: Id) -> DocumentVersion {
        DocumentVersion { collection: collection.to_string(), key: key.to_string(), version: version.0.to_string() }
    }

    fn __getnewargs__(&self) -> (&str, &str, &str) {
        (&self.collection, &self.key, &self.version)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        PyTuple::new(py, [&self.collection, &self.key, &self.version])?.hash()
    }
}

impl DocumentVersion {
    pub(crate) fn new(version: &koru_delta::DocumentVersion) -> DocumentVersion {
        DocumentVersion {
            collection: version.collection.clone(),
            key: version.key.clone(),
            version: version.version.to_string(),
        }
    }

    pub(crate) fn of(&self, py: Python<'_>) -> PyResult<koru_delta::DocumentVersion> {
        Ok(koru_delta::DocumentVersion {
            collection: self.collection.clone(),
            key: self.key.clone(),
            version: self.version.parse().map_err(|e| raise(py, &e))?,
        })
    }
}

record! {
    /// How two values differ at one place.
    Change {
        /// Where: a JSON pointer, such as `/items/0`; empty for the whole document.
        path: String,
        /// `added`, `removed` or `replaced`.
        kind: &'static str,
        /// What was there; `None` too if something was added.
        before: Py<PyAny>,
        /// What is there; `None` too if something was removed.
        after: Py<PyAny>,
    }
}

impl Change {
    /// The list of them.
    pub(crate) fn list(py: Python<'_>, changes: &[koru_delta::diff::Change]) -> PyResult<Vec<Py<Change>>> {
        let value = |value: &Option<koru_delta::Value>| match value {
            Some(value) => decode::value(py, value).map(Bound::unbind),
            None => Ok(py.None()),
        };
        let change = |change: &koru_delta::diff::Change| {
            let kind = match (&change.before, &change.after) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "replaced",
            };
            let (before, after) = (value(&change.before)?, value(&change.after)?);
            Py::new(py, Change { path: change.path.to_string(), kind, before, after })
        };
        changes.iter().map(change).collect()
    }
}

record! {
    /// A document that differs between two moments.
    DocumentChange {
        /// Its collection.
        collection: String,
        /// Its key.
        key: String,
        /// How it was: a `Document`, or `None` if it was not there.
        before: Option<Py<Document>>,
        /// How it is then: a `Document`, or `None` if it is not there.
        after: Option<Py<Document>>,
        /// What changed within the value, place by place: a tuple of `Change`.
        changes: Py<PyTuple>,
    }
}

impl DocumentChange {
    pub(crate) fn new(
        py: Python<'_>,
        change: &koru_delta::DocumentChange,
        changes: &[koru_delta::diff::Change],
    ) -> PyResult<DocumentChange> {
        let document = |document: &Option<koru_delta::Document>| {
            let document = document.as_ref().map(|d| Document::new(py, &change.key, d)).transpose()?;
            document.map(|d| Py::new(py, d)).transpose()
        };
        Ok(DocumentChange {
            collection: change.collection.clone(),
            key: change.key.clone(),
            before: document(&change.before)?,
            after: document(&change.after)?,
            changes: PyTuple::new(py, Change::list(py, changes)?)?.unbind(),
        })
    }
}

record! {
    /// A name for a causal cut, which keeps what it covers. It stands for a moment.
    Tag {
        /// Its name.
        name: String,
        /// The highest timestamp that it covers.
        timestamp: i64,
        /// For each actor the last commit that it covers: a tuple of versions.
        commits: Py<PyTuple>,
    }

    /// The time of the newest commit that it covers, to the millisecond.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time(py, self.timestamp)
    }
}

impl Tag {
    pub(crate) fn new(py: Python<'_>, tag: &koru_delta::Tag) -> PyResult<Tag> {
        let (name, timestamp) = (tag.name.clone(), tag.timestamp.to_bits());
        Ok(Tag { name, timestamp, commits: versions(py, &tag.commits)? })
    }
}

record! {
    /// One commit as a watch hands it out.
    Event {
        /// Give it to another watch to go on behind this event.
        token: u64,
        /// The commit, with those of its changes that were asked for.
        commit: Py<Commit>,
        /// For each of the changes the `Document` as it was written, `None` for a deletion: a tuple.
        documents: Py<PyTuple>,
    }
}

impl Event {
    pub(crate) fn new(py: Python<'_>, event: &koru_delta::Event) -> PyResult<Event> {
        let documents = event.documents.iter().zip(&event.commit.changes).map(|(document, change)| {
            document.as_ref().map(|d| Py::new(py, Document::new(py, &change.key, d)?)).transpose()
        });
        let documents = documents.collect::<PyResult<Vec<_>>>()?;
        Ok(Event {
            token: event.token,
            commit: Py::new(py, Commit::new(py, &event.commit)?)?,
            documents: PyTuple::new(py, documents)?.unbind(),
        })
    }
}

record! {
    /// One step of lineage: `effect` was written because of `cause`.
    LineageEdge {
        /// The version that was there before.
        cause: Py<DocumentVersion>,
        /// The version whose commit names it.
        effect: Py<DocumentVersion>,
    }
}

record! {
    /// What a version was derived from, or what came of it.
    Lineage {
        /// The version that was asked about.
        start: Py<DocumentVersion>,
        /// The steps, nearest first: a tuple of `LineageEdge`.
        edges: Py<PyTuple>,
        /// Whether there is more than is listed.
        truncated: bool,
    }
}

impl Lineage {
    pub(crate) fn new(py: Python<'_>, lineage: &koru_delta::Lineage) -> PyResult<Lineage> {
        let version = |version| Py::new(py, DocumentVersion::new(version));
        let edges = lineage
            .edges
            .iter()
            .map(|edge| Py::new(py, LineageEdge { cause: version(&edge.cause)?, effect: version(&edge.effect)? }));
        Ok(Lineage { start: version(&lineage.start)?, edges: tuple(py, edges)?, truncated: lineage.truncated })
    }
}

record! {
    /// What a database is, and where.
    Info {
        /// Its identity: 32 hexadecimal digits.
        database: String,
        /// The actor that it writes as: 32 hexadecimal digits.
        actor: String,
        /// When it was made, in milliseconds since 1970.
        created_ms: i64,
        /// The kind of storage: `file` or `memory`.
        storage: &'static str,
        /// Where it is.
        location: String,
        /// The number of the file format.
        format: u32,
        /// `strict`, `relaxed` or `none`.
        durability: &'static str,
        /// Whether it was opened for reading only.
        read_only: bool,
        /// Commits in its log.
        commits: u64,
        /// Actors with commits in it.
        actors: u64,
        /// The highest timestamp; `None` while it is empty.
        newest: Option<i64>,
        /// The hash over all commits in their order.
        chain: String,
        /// Log segments.
        segments: u64,
        /// How many of them are compressed.
        packed_segments: u64,
        /// Bytes of log files.
        log_bytes: u64,
        /// Index tables.
        tables: u64,
        /// Bytes of index files.
        index_bytes: u64,
        /// Bytes of all files.
        total_bytes: u64,
        /// Bytes of log behind the last checkpoint: what opening replays.
        tail_bytes: u64,
        /// Bytes of a torn write that opening cut off.
        torn_bytes: u64,
    }

    /// When it was made.
    #[getter]
    fn created<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.created_ms)
    }
}

impl Info {
    pub(crate) fn new(info: koru_delta::Info, durability: &'static str) -> Info {
        Info {
            database: info.database.to_string(),
            actor: info.actor.to_string(),
            created_ms: info.created_ms,
            storage: info.storage,
            location: info.location,
            format: info.format,
            durability,
            read_only: info.read_only,
            commits: info.commits,
            actors: info.actors,
            newest: info.newest.map(Timestamp::to_bits),
            chain: info.chain,
            segments: info.segments,
            packed_segments: info.packed_segments,
            log_bytes: info.log_bytes,
            tables: info.tables,
            index_bytes: info.index_bytes,
            total_bytes: info.total_bytes,
            tail_bytes: info.tail_bytes,
            torn_bytes: info.torn_bytes,
        }
    }
}

record! {
    /// What a database has been doing since it was opened.
    Stats {
        /// Commits made.
        commits: u64,
        /// Documents changed by them.
        changes: u64,
        /// Groups of commits that were written together.
        flushes: u64,
        /// Times that the log was made durable.
        syncs: u64,
        /// Bytes appended to the log.
        bytes_logged: u64,
        /// Checkpoints made.
        checkpoints: u64,
        /// Merges of index tables.
        merges: u64,
        /// Values read from the storage.
        values_read: u64,
        /// Reads that the cache of documents answered.
        cache_hits: u64,
        /// Reads that it did not.
        cache_misses: u64,
        /// Memory of cached documents, in bytes.
        document_cache_bytes: u64,
        /// Memory of cached index blocks and vectors, in bytes.
        block_cache_bytes: u64,
        /// Memory of the open tables' filters and fences, in bytes.
        table_bytes: u64,
        /// Memory of the memtables, in bytes.
        memtable_bytes: u64,
    }
}

impl From<koru_delta::Stats> for Stats {
    fn from(stats: koru_delta::Stats) -> Stats {
        Stats {
            commits: stats.commits,
            changes: stats.changes,
            flushes: stats.flushes,
            syncs: stats.syncs,
            bytes_logged: stats.bytes_logged,
            checkpoints: stats.checkpoints,
            merges: stats.merges,
            values_read: stats.values_read,
            cache_hits: stats.cache_hits,
            cache_misses: stats.cache_misses,
            document_cache_bytes: stats.document_cache_bytes,
            block_cache_bytes: stats.block_cache_bytes,
            table_bytes: stats.table_bytes,
            memtable_bytes: stats.memtable_bytes,
        }
    }
}

record! {
    /// What `verify` found.
    VerifyReport {
        /// Whether everything is right.
        ok: bool,
        /// Commits whose frames, hashes and places in the chain are right.
        commits: u64,
        /// Versions that log and index agree on.
        versions: u64,
        /// Log segments.
        segments: u64,
        /// Index tables.
        tables: u64,
        /// Bytes of log that were read.
        log_bytes: u64,
        /// The hash over all commits: keep it elsewhere, to show later that nothing before it was altered.
        chain: String,
        /// What is wrong, in words with file and place: a tuple, empty if all is well.
        problems: Py<PyTuple>,
        /// Problems beyond those listed.
        more_problems: u64,
    }
}

impl VerifyReport {
    pub(crate) fn new(py: Python<'_>, report: &koru_delta::VerifyReport) -> PyResult<VerifyReport> {
        Ok(VerifyReport {
            ok: report.is_ok(),
            commits: report.commits,
            versions: report.versions,
            segments: report.segments,
            tables: report.tables,
            log_bytes: report.log_bytes,
            chain: report.chain.clone(),
            problems: PyTuple::new(py, &report.problems)?.unbind(),
            more_problems: report.more_problems,
        })
    }
}

fn time(py: Python<'_>, timestamp: i64) -> PyResult<Bound<'_, PyAny>> {
    datetime(py, Timestamp::from_bits(timestamp).millis())
}

fn versions(py: Python<'_>, versions: &[koru_delta::VersionId]) -> PyResult<Py<PyTuple>> {
    let texts = versions.iter().map(|version| PyString::new(py, &version.to_string()));
    Ok(PyTuple::new(py, texts.collect::<Vec<_>>())?.unbind())
}

/// A tuple of what is made one by one.
pub(crate) fn tuple<'py, T>(py: Python<'py>, items: impl Iterator<Item = PyResult<T>>) -> PyResult<Py<PyTuple>>
where
    T: IntoPyObject<'py>,
{
    Ok(PyTuple::new(py, items.collect::<PyResult<Vec<_>>>()?)?.unbind())
}
