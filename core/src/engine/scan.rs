//! Walking the index: documents in key order, the versions of one document, the differences of two views.

use super::{
    Engine,
    draft::{check_collection, check_key},
    key,
    model::{Document, DocumentChange, Row, Version},
    state::{At, Found, View, read_entry},
};
use crate::{
    error::{Error, ErrorCode, Result},
    id::VersionId,
    index::merge::MergeCursor,
    storage::AsyncStorage,
};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::ops::Bound;

/// Entries of one document that are stepped over before the next document is looked up instead.
const STEPS_MAX: usize = 8;

/// Which keys of a collection. Keys are ordered by their UTF-8 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// Only keys that start with this.
    pub prefix: String,
    /// Where it begins.
    pub lower: Bound<String>,
    /// Where it ends.
    pub upper: Bound<String>,
}

impl Default for KeyRange {
    fn default() -> Self {
        KeyRange { prefix: String::new(), lower: Bound::Unbounded, upper: Bound::Unbounded }
    }
}

impl KeyRange {
    /// All keys that start with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> KeyRange {
        KeyRange { prefix: prefix.into(), ..KeyRange::default() }
    }

    /// Whether a key is in the range.
    pub fn contains(&self, key: &str) -> bool {
        let above = match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => key >= lower.as_str(),
            Bound::Excluded(lower) => key > lower.as_str(),
        };
        let below = match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => key <= upper.as_str(),
            Bound::Excluded(upper) => key < upper.as_str(),
        };
        above && below && key.starts_with(&*self.prefix)
    }
}

/// Which end of the range comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    #[default]
    Ascending,
    /// Largest key first.
    Descending,
}

/// The bytes of index keys from and up to which a range of documents reaches.
fn bounds(collection: &str, range: &KeyRange) -> (Vec<u8>, Vec<u8>) {
    let prefix = key::documents_with_prefix(collection, &range.prefix);
    let behind = |key: &str| key::successor(&key::document(collection, key));
    let lower = match &range.lower {
        Bound::Unbounded => prefix.clone(),
        Bound::Included(key) => prefix.clone().max(key::document(collection, key)),
        Bound::Excluded(key) => prefix.clone().max(behind(key)),
    };
    let end = key::successor(&prefix);
    let upper = match &range.upper {
        Bound::Unbounded => end,
        Bound::Included(key) => end.min(behind(key)),
        Bound::Excluded(key) => end.min(key::document(collection, key)),
    };
    (lower, upper)
}

/// Walks over documents, live or not, in ascending order, and stands on each one's newest version that the view shows.
struct DocumentCursor {
    cursor: MergeCursor,
    /// The prefix of the document that was last stood on.
    document: Vec<u8>,
    end: Vec<u8>,
    started: bool,
    from: Vec<u8>,
}

#[driven]
impl DocumentCursor {
    fn new(view: &View, from: Vec<u8>, end: Vec<u8>) -> Self {
        DocumentCursor { cursor: view.cursor(), document: Vec::new(), end, started: false, from }
    }

    /// Goes to the next document; `false` at the end.
    async fn next<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<bool> {
        if !self.started {
            self.started = true;
            let from = core::mem::take(&mut self.from);
            self.cursor.seek(engine.blocks(), &from).await?;
        } else {
            let mut steps = 0;
            while self.cursor.valid() && self.cursor.key().starts_with(&self.document) {
                if steps == STEPS_MAX {
                    self.cursor.seek(engine.blocks(), &key::successor(&self.document)).await?;
                    break;
                }
                steps += 1;
                self.cursor.next(engine.blocks()).await?;
            }
        }
        if !self.cursor.valid() || *self.cursor.key() >= *self.end {
            return Ok(false);
        }
        let document = key::filter_part(self.cursor.key()).ok_or_else(malformed)?;
        self.document.clear();
        self.document.extend_from_slice(document);
        Ok(true)
    }
}

fn malformed() -> Error {
    Error::corrupt("the index", 0, "a key is malformed")
}

/// A scan of the live documents of a range.
pub(crate) struct Scan {
    view: View,
    order: Order,
    documents: DocumentCursor,
    lower: Vec<u8>,
    upper: Vec<u8>,
}

#[driven]
impl Scan {
    /// The next document, or `None` at the end.
    pub(crate) async fn next<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<Row>> {
        match self.advance(engine).await? {
            Some(found) => row(engine, &self.view, self.name(), found).await.map(Some),
            None => Ok(None),
        }
    }

    /// The next document without its value, which is not read.
    pub(crate) async fn next_version<S: AsyncStorage>(
        &mut self,
        engine: &Engine<S>,
    ) -> Result<Option<(String, Version)>> {
        let Some(found) = self.advance(engine).await? else { return Ok(None) };
        let (_, key) = key::read_document(self.name()).ok_or_else(malformed)?;
        Ok(Some((key, engine.version_of(found)?)))
    }

    /// The prefix of the document that it stands on.
    fn name(&self) -> &[u8] {
        match self.order {
            Order::Ascending => &self.documents.document,
            Order::Descending => &self.upper,
        }
    }

    async fn advance<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<Found>> {
        engine.check_open()?;
        match self.order {
            Order::Ascending => self.ascend(engine).await,
            Order::Descending => self.descend(engine).await,
        }
    }

    async fn ascend<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<Found>> {
        while self.documents.next(engine).await? {
            let found = match self.view.at {
                // The cursor stands on the newest version there is.
                At::Latest => {
                    let cursor = &self.documents.cursor;
                    Some(read_entry(cursor.key(), cursor.value(), cursor.payload())?)
                }
                _ => engine.find(&self.view, &self.documents.document).await?,
            };
            if let Some(found) = found.filter(|found| found.is_live(self.view.clock_ms)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn descend<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<Found>> {
        loop {
            let cursor = &mut self.documents.cursor;
            if !cursor.seek_back(engine.blocks(), &self.upper).await? || *cursor.key() < *self.lower {
                return Ok(None);
            }
            self.upper = key::filter_part(cursor.key()).ok_or_else(malformed)?.to_vec();
            let found = engine.find(&self.view, &self.upper).await?;
            if let Some(found) = found.filter(|found| found.is_live(self.view.clock_ms)) {
                return Ok(Some(found));
            }
        }
    }
}

#[driven]
async fn row<S: AsyncStorage>(engine: &Engine<S>, view: &View, name: &[u8], found: Found) -> Result<Row> {
    let (_, key) = key::read_document(name).ok_or_else(malformed)?;
    Ok(Row { key, document: engine.load(view, name, found).await? })
}

/// The versions of one document, newest first.
pub(crate) struct VersionScan {
    view: View,
    cursor: MergeCursor,
    document: Vec<u8>,
    started: bool,
    from: Vec<u8>,
}

#[driven]
impl VersionScan {
    /// The next older version, or `None` behind the first one.
    pub(crate) async fn next<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<Version>> {
        engine.check_open()?;
        loop {
            let more = if self.started {
                self.cursor.next(engine.blocks()).await?
            } else {
                self.started = true;
                self.cursor.seek(engine.blocks(), &self.from).await?
            };
            if !more || !self.cursor.key().starts_with(&self.document) {
                return Ok(None);
            }
            let found = read_entry(self.cursor.key(), self.cursor.value(), self.cursor.payload())?;
            if engine.shows(&self.view, &found)? {
                return engine.version_of(found).map(Some);
            }
        }
    }
}

/// The documents that differ between two views.
pub(crate) struct DiffScan {
    before: View,
    after: View,
    documents: DocumentCursor,
}

#[driven]
impl DiffScan {
    /// The later of the two views.
    pub(crate) fn after(&self) -> &View {
        &self.after
    }

    /// The next document that differs, in the order of collection and key.
    pub(crate) async fn next<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<DocumentChange>> {
        engine.check_open()?;
        while self.documents.next(engine).await? {
            let name = &self.documents.document;
            let before = engine.find(&self.before, name).await?.filter(|f| f.is_live(self.before.clock_ms));
            let after = engine.find(&self.after, name).await?.filter(|f| f.is_live(self.after.clock_ms));
            let same = match (&before, &after) {
                (None, None) => true,
                (Some(a), Some(b)) => (a.timestamp, a.actor) == (b.timestamp, b.actor),
                _ => false,
            };
            if same {
                continue;
            }
            let vectors = [&before, &after].map(|found| found.as_ref().and_then(|f| f.entry.vectors()));
            let before = load(engine, &self.before, name, before).await?;
            let after = load(engine, &self.after, name, after).await?;
            if before.as_ref().map(Document::encoded) == after.as_ref().map(Document::encoded)
                && engine.same_vectors(vectors).await?
            {
                continue;
            }
            let (collection, key) = key::read_document(name).ok_or_else(malformed)?;
            if collection.starts_with('$') {
                continue;
            }
            return Ok(Some(DocumentChange { collection: collection.to_owned(), key, before, after }));
        }
        Ok(None)
    }
}

#[driven]
async fn load<S: AsyncStorage>(
    engine: &Engine<S>,
    view: &View,
    name: &[u8],
    found: Option<Found>,
) -> Result<Option<Document>> {
    match found {
        Some(found) => engine.load(view, name, found).await.map(Some),
        None => Ok(None),
    }
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Scans the live documents of a range of a collection.
    pub(crate) fn scan(&self, view: View, collection: &str, range: &KeyRange, order: Order) -> Result<Scan> {
        self.check_open()?;
        check_collection(collection)?;
        let (lower, upper) = bounds(collection, range);
        let documents = DocumentCursor::new(&view, lower.clone(), upper.clone());
        Ok(Scan { view, order, documents, lower, upper })
    }

    /// The versions of a document that a view shows, newest first, or those older than `before`.
    pub(crate) async fn versions(
        &self,
        view: View,
        collection: &str,
        key: &str,
        before: Option<VersionId>,
    ) -> Result<VersionScan> {
        self.check_open()?;
        check_collection(collection)?;
        check_key(key)?;
        let document = key::document(collection, key);
        let from = match before {
            None => view.first_key(&document),
            Some(version) => {
                let commit = self.commit(version).await?;
                if !commit.changes.iter().any(|c| c.collection == collection && c.key == key) {
                    let what = format!("{collection}/{key} has no version {version}");
                    return Err(Error::new(ErrorCode::NotFound, what));
                }
                let mut from = key::version(&document, commit.timestamp, key::short(version.actor));
                // The next key behind the version itself.
                from.push(0);
                from
            }
        };
        Ok(VersionScan { cursor: view.cursor(), view, document, started: false, from })
    }

    /// The documents of a collection, or of all, that differ between two views.
    pub(crate) fn diff(&self, before: View, after: View, collection: Option<&str>) -> Result<DiffScan> {
        self.check_open()?;
        let from = match collection {
            Some(name) => {
                check_collection(name)?;
                key::collection(name)
            }
            None => key::VERSIONS.to_vec(),
        };
        let end = key::successor(&from);
        // Both are views of one state; its newest part holds everything that either shows.
        let all = if before.sequence > after.sequence { &before } else { &after };
        let documents = DocumentCursor::new(all, from, end);
        Ok(DiffScan { before, after, documents })
    }

    /// The names of the collections with live documents, in order.
    pub(crate) async fn collections(&self, view: &View) -> Result<Vec<String>> {
        self.check_open()?;
        let mut cursor = view.cursor();
        let mut names = Vec::new();
        let end = key::successor(&key::VERSIONS);
        let mut more = cursor.seek(self.blocks(), &key::VERSIONS).await?;
        while more && *cursor.key() < *end {
            let part = key::filter_part(cursor.key()).ok_or_else(malformed)?;
            let (name, _) = key::read_document(part).ok_or_else(malformed)?;
            let behind = key::successor(&key::collection(name));
            if !name.starts_with('$') {
                let name = name.to_owned();
                if self.scan(view.clone(), &name, &KeyRange::default(), Order::Ascending)?.next(self).await?.is_some() {
                    names.push(name);
                }
            }
            more = cursor.seek(self.blocks(), &behind).await?;
        }
        Ok(names)
    }
}
