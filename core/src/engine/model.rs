//! What the engine hands out: documents, versions, commits, moments.

use super::cache::Item;
use crate::{
    clock::Timestamp,
    codec,
    error::Result,
    history::diff,
    id::{CommitId, VersionId},
    index::payload::Payload,
    log::Location,
    sync::OnceCell,
    value::Value,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::fmt;
use triomphe::ThinArc;

/// How long a commit takes to be acknowledged, and what it survives from then on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Acknowledged when the medium has it: survives power loss.
    #[default]
    Strict,
    /// Acknowledged when the operating system has it: survives the end of the process. Synced soon after (see
    /// [`RELAXED_SYNC_MS`](crate::limits::RELAXED_SYNC_MS)), at a checkpoint and at close.
    Relaxed,
    /// As relaxed, and synced only at a checkpoint and at close.
    None,
}

/// What a document has to be for a write to go ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    #[default]
    Any,
    /// Not there: never written, deleted or expired.
    Absent,
    /// At this version.
    Version(VersionId),
}

/// A point to read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Now.
    Now,
    /// What is known of a time: every version with a timestamp up to it.
    Time(Timestamp),
    /// The causal past of a commit, with it.
    Commit(CommitId),
    /// The same, for a commit named by its actor and counter.
    Version(VersionId),
    /// The causal past of the commit whose id starts with these hexadecimal digits (at least 4).
    CommitPrefix(String),
    /// What a tag marks.
    Tag(String),
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Moment::Time(time)
    }
}

impl From<CommitId> for Moment {
    fn from(id: CommitId) -> Self {
        Moment::Commit(id)
    }
}

impl From<VersionId> for Moment {
    fn from(version: VersionId) -> Self {
        Moment::Version(version)
    }
}

/// A document as it was read: its value and which version it is. Cheap to clone.
#[derive(Clone)]
pub struct Document(ThinArc<Head, u8>);

/// What stands before the value of a document, in one piece of memory with it: on a large cache each place that a lookup
/// has to wait for is most of its cost. The fields that it compares stand together and in front.
#[repr(C)]
pub(crate) struct Head {
    /// The commit that it came with, in the order of this log; 0 if it was there before the log was opened.
    pub(crate) sequence: u64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) conflicted: bool,
    /// The prefix of its keys in the index.
    pub(crate) name: Name,
    /// The encoded value, if it is not behind the head.
    shared: Option<Arc<[u8]>>,
    timestamp: Timestamp,
    version: VersionId,
    value: OnceCell<Value>,
}

/// Values up to this size are copied rather than shared.
const COPIED_VALUE_BYTES: usize = 1024;

impl Head {
    /// That of a version of the document with this prefix, as it was read or written at `sequence`.
    pub(crate) fn new(
        name: &[u8],
        sequence: u64,
        (version, timestamp): (VersionId, Timestamp),
        expires_at: Option<i64>,
    ) -> Head {
        Head {
            sequence,
            expires_at,
            conflicted: false,
            name: name.into(),
            shared: None,
            timestamp,
            version,
            value: OnceCell::new(),
        }
    }

    /// The document with this encoded value.
    pub(crate) fn with(self, encoded: &[u8]) -> Document {
        Document(ThinArc::from_header_and_slice(self, encoded))
    }

    /// The document with this encoded value, which is kept elsewhere too.
    pub(crate) fn sharing(self, encoded: &Payload) -> Document {
        if encoded.len() <= COPIED_VALUE_BYTES {
            return self.with(encoded);
        }
        Head { shared: Some(encoded.alone()), ..self }.with(&[])
    }
}

/// Bytes of a name that stand in the document itself.
const INLINE_NAME_BYTES: usize = 46;

/// The name of a document, in place when it is short.
pub(crate) enum Name {
    Inline(u8, [u8; INLINE_NAME_BYTES]),
    Boxed(Box<[u8]>),
}

impl From<&[u8]> for Name {
    fn from(name: &[u8]) -> Self {
        let mut bytes = [0; INLINE_NAME_BYTES];
        match bytes.get_mut(..name.len()) {
            Some(place) => {
                place.copy_from_slice(name);
                Name::Inline(name.len() as u8, bytes)
            }
            None => Name::Boxed(name.into()),
        }
    }
}

impl core::ops::Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Name::Inline(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Name::Boxed(name) => name,
        }
    }
}

/// Memory of a cached document beside its name and value: allocations, its slot in the hash table.
const DOCUMENT_OVERHEAD_BYTES: usize = 208;

impl Item for Document {
    fn bytes(&self) -> usize {
        // A decoded value takes about twice its encoding; it is counted before it is decoded.
        DOCUMENT_OVERHEAD_BYTES + self.head().name.len() + 3 * self.encoded().len()
    }
}

impl Document {
    pub(crate) fn head(&self) -> &Head {
        &self.0.header.header
    }

    pub(crate) fn shown(&self) -> Shown<'_> {
        let Head { version, timestamp, expires_at, .. } = *self.head();
        Shown { version, timestamp, expires_at, encoded: self.encoded() }
    }

    /// The value. Decoded at the first call and kept.
    ///
    /// # Errors
    /// `CORRUPT` if the stored bytes are not a value.
    pub fn value(&self) -> Result<&Value> {
        if let Some(value) = self.head().value.get() {
            return Ok(value);
        }
        let value = codec::value::decode(self.encoded())?;
        Ok(self.head().value.get_or_init(|| value))
    }

    /// The value as a type of the caller.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the value does not have the shape of `T`.
    pub fn to<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        crate::value::from_value(self.value()?)
    }

    /// Reads the value into what `seed` makes of it, straight from the stored bytes: for bindings to other languages, which
    /// have values of their own. To a type of Rust use [`Document::to`]: bytes and text are not converted here.
    ///
    /// # Errors
    /// `CORRUPT` if the stored bytes are not a value, `INVALID_ARGUMENT` for what `seed` does not take.
    pub fn read<'d, S: serde::de::DeserializeSeed<'d>>(&'d self, seed: S) -> Result<S::Value> {
        codec::value::read(self.encoded(), seed)
    }

    /// The canonical encoding of the value.
    pub fn encoded(&self) -> &[u8] {
        self.head().shared.as_deref().unwrap_or(&self.0.slice)
    }

    /// The same, to be kept.
    pub(crate) fn to_encoded(&self) -> Arc<[u8]> {
        self.head().shared.clone().unwrap_or_else(|| self.0.slice.into())
    }

    /// Which version it is.
    pub fn version(&self) -> VersionId {
        self.head().version
    }

    /// When it was written.
    pub fn timestamp(&self) -> Timestamp {
        self.head().timestamp
    }

    /// From when on it no longer shows, in milliseconds since 1970.
    pub fn expires_at(&self) -> Option<i64> {
        self.head().expires_at
    }
}

/// What is told of a document, where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) version: VersionId,
    pub(crate) timestamp: Timestamp,
    pub(crate) expires_at: Option<i64>,
    pub(crate) encoded: &'a [u8],
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("version", &self.version()).field("value", &self.value()).finish()
    }
}

impl Version {
    /// Whether it has vectors.
    pub fn has_vectors(&self) -> bool {
        self.vectors.is_some()
    }
}

/// A document that a scan came upon.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its key.
    pub key: String,
    /// Its value and version.
    pub document: Document,
}

/// One version of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The commit that made it.
    pub id: VersionId,
    /// When.
    pub timestamp: Timestamp,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// From when on it no longer shows, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Bytes of its encoded value.
    pub value_bytes: u64,
    pub(crate) record: Option<Location>,
    pub(crate) vectors: Option<Location>,
    pub(crate) payload: Option<Payload>,
}

/// What a commit did to one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitChange {
    /// The document's collection.
    pub collection: String,
    /// The document's key.
    pub key: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Bytes of the encoded value.
    pub value_bytes: u64,
    /// The versions that this one replaced.
    pub parents: Vec<VersionId>,
    /// From when on it no longer shows, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

/// One commit: who wrote what, when, and because of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The hash of its canonical header.
    pub id: CommitId,
    /// Its actor and its place among that actor's commits.
    pub version: VersionId,
    /// Its place in this database's log. Other replicas have it at other places.
    pub sequence: u64,
    /// When.
    pub timestamp: Timestamp,
    /// Who, in the words of the caller.
    pub author: Option<String>,
    /// Why, in the words of the caller.
    pub message: Option<String>,
    /// The versions it was derived from.
    pub causes: Vec<DocumentVersion>,
    /// The last commits of other actors that it had newly seen, and its actor's one before.
    pub dependencies: Vec<VersionId>,
    /// Ascending by collection and key.
    pub changes: Vec<CommitChange>,
}

/// A version together with the document it is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentVersion {
    /// The collection.
    pub collection: String,
    /// The key.
    pub key: String,
    /// The version.
    pub version: VersionId,
}

/// How a document differs between two moments.
#[derive(Clone, Debug)]
pub struct DocumentChange {
    /// Its collection.
    pub collection: String,
    /// Its key.
    pub key: String,
    /// How it was; `None` if it was not there.
    pub before: Option<Document>,
    /// How it is then; `None` if it is not there.
    pub after: Option<Document>,
}

impl DocumentChange {
    /// What changed within the value, path by path.
    ///
    /// # Errors
    /// `CORRUPT` if a stored value cannot be decoded.
    pub fn changes(&self) -> Result<Vec<diff::Change>> {
        let value = |document: &'_ Option<Document>| document.as_ref().map(|d| d.value().cloned()).transpose();
        Ok(diff::diff(value(&self.before)?.as_ref(), value(&self.after)?.as_ref()))
    }
}

/// What a commit says about itself, beside its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitInfo {
    /// Who. At most [`AUTHOR_BYTES_MAX`](crate::limits::AUTHOR_BYTES_MAX) bytes.
    pub author: Option<String>,
    /// Why. At most [`MESSAGE_BYTES_MAX`](crate::limits::MESSAGE_BYTES_MAX) bytes.
    pub message: Option<String>,
    /// The versions it was derived from. At most [`COMMIT_CAUSES_MAX`](crate::limits::COMMIT_CAUSES_MAX).
    pub causes: Vec<DocumentVersion>,
}
