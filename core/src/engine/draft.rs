//! A commit before it is made: checked against every bound, values encoded and hashed.
//!
//! Making a draft needs no lock, so many threads encode and hash at once.

use super::{
    key,
    model::{CommitInfo, Expected},
};
use crate::{
    clock::Timestamp,
    codec::{
        self,
        commit::{Hash, Token},
    },
    error::{Error, Result, quoted},
    id::{ActorId, VersionId},
    index::{filter::filter_hash, payload::Payload, short::Key},
    limits,
    name::check_name,
    sort::sort_by,
    vector::Vectors,
};
use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::ops::Range;
use serde::Serialize;

/// A value as it is stored: its canonical encoding, and the hash of that. For who has to encode a value at another time than
/// it is written, such as a binding that may not look at its language's objects while it waits for the disk.
#[derive(Clone, Debug)]
pub struct Encoded {
    pub(crate) bytes: Payload,
    pub(crate) hash: Hash,
    pub(crate) vectors: Option<EncodedVectors>,
}

/// The vectors of a version as they are stored, and the hash of that.
#[derive(Clone, Debug)]
pub(crate) struct EncodedVectors {
    pub(crate) bytes: Payload,
    pub(crate) hash: Hash,
}

impl EncodedVectors {
    /// Of bytes that are known to be what [`Vectors::encode`] writes.
    pub(crate) fn from_canonical(bytes: Payload) -> EncodedVectors {
        let hash = *blake3::hash(&bytes).as_bytes();
        EncodedVectors { bytes, hash }
    }
}

impl Encoded {
    /// Checks, encodes and hashes a value.
    ///
    /// # Errors
    /// As [`to_value`](crate::to_value).
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Encoded> {
        let mut buffer = Vec::with_capacity(256);
        codec::value::encode(value, &mut buffer)?;
        Ok(Encoded::from_canonical(Arc::<[u8]>::from(buffer).into()))
    }

    /// Of bytes that are known to be a canonical encoding.
    pub(crate) fn from_canonical(bytes: Payload) -> Encoded {
        let hash = *blake3::hash(&bytes).as_bytes();
        Encoded { bytes, hash, vectors: None }
    }

    /// The same value with vectors beside it, in place of those that it had.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name that a vector cannot have, a vector without numbers, and a number that is not finite;
    /// `LIMIT_EXCEEDED` for more than [`VECTORS_MAX`](crate::limits::VECTORS_MAX) vectors or a dimension above
    /// [`VECTOR_DIMENSION_MAX`](crate::limits::VECTOR_DIMENSION_MAX).
    pub fn with_vectors(mut self, vectors: &Vectors) -> Result<Encoded> {
        self.vectors = match vectors.is_empty() {
            true => None,
            false => {
                let mut buffer = Vec::new();
                vectors.encode(&mut buffer)?;
                Some(EncodedVectors::from_canonical(Arc::<[u8]>::from(buffer).into()))
            }
        };
        Ok(self)
    }

    /// What is written for it: the value, and the vectors if there are any.
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        core::iter::once(&*self.bytes).chain(self.vectors.as_ref().map(|v| &*v.bytes))
    }

    /// Bytes of both.
    pub(crate) fn len(&self) -> usize {
        self.records().map(<[u8]>::len).sum()
    }
}

/// Puts of many documents of one collection, whose values share one buffer.
pub(crate) struct Puts {
    collection: Arc<str>,
    /// With the place of each value in the buffer, which is at most as long as a commit and one value.
    names: Vec<(Name, Place)>,
    buffer: Vec<u8>,
}

/// Where in the buffer of [`Puts`] a value begins and ends, and then its vectors end.
struct Place {
    value: Range<u32>,
    end: u32,
}

impl Puts {
    pub(crate) fn new(collection: Arc<str>) -> Puts {
        Puts { collection, names: Vec::new(), buffer: Vec::new() }
    }

    /// Adds one. Fails as soon as it is clear that they do not fit into a commit.
    pub(crate) fn add<T: Serialize + ?Sized>(&mut self, key: &str, value: &T, vectors: &Vectors) -> Result<()> {
        self.add_written(key, vectors, |buffer| codec::value::encode(value, buffer))
    }

    /// As [`Puts::add`], of a value that is known to be a canonical encoding.
    pub(crate) fn add_canonical(&mut self, key: &str, value: &[u8], vectors: &Vectors) -> Result<()> {
        self.add_written(key, vectors, |buffer| {
            buffer.extend_from_slice(value);
            Ok(())
        })
    }

    fn add_written(
        &mut self,
        key: &str,
        vectors: &Vectors,
        write: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        check_key(key)?;
        check_count(self.names.len() + 1)?;
        let start = self.buffer.len();
        let written = write(&mut self.buffer).and_then(|()| {
            let end = self.buffer.len();
            if !vectors.is_empty() {
                vectors.encode(&mut self.buffer)?;
            }
            Ok(end)
        });
        let value_end = match written {
            Ok(end) => end,
            Err(e) => {
                self.buffer.truncate(start);
                return Err(e.context(&format!("{}/{key}", self.collection)));
            }
        };
        if self.buffer.len() > limits::COMMIT_BYTES_MAX {
            let max = limits::COMMIT_BYTES_MAX;
            return Err(Error::limit(format!(
                "more than {max} bytes of values do not fit into one commit: make several"
            )));
        }
        // The buffer was just found to be shorter than 32 bits count.
        let place = Place { value: start as u32..value_end as u32, end: self.buffer.len() as u32 };
        self.names.push((Name::new(&self.collection, key), place));
        Ok(())
    }

    /// The changes, sorted; of equal keys the last one.
    pub(crate) fn finish(mut self) -> Vec<DraftChange> {
        let order = |a: &(Name, Place), b: &(Name, Place)| {
            // Of equal names the last one comes first, and is the one that is kept.
            a.0.bytes.cmp(&b.0.bytes).then(b.1.value.start.cmp(&a.1.value.start))
        };
        if !self.names.is_sorted_by(|a, b| order(a, b).is_lt()) {
            sort_by(&mut self.names, order);
        }
        self.names.dedup_by(|later, first| later.0.bytes == first.0.bytes);
        let buffer: Arc<[u8]> = self.buffer.into();
        let changes = self.names.into_iter().map(|(name, place)| {
            let vectors = place.value.end..place.end;
            let mut value = Encoded::from_canonical(Payload::part(&buffer, place.value));
            if !vectors.is_empty() {
                value.vectors = Some(EncodedVectors::from_canonical(Payload::part(&buffer, vectors)));
            }
            DraftChange::named(self.collection.clone(), name, Some(value))
        });
        changes.collect()
    }
}

/// What a document is called in the index.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    /// The prefix of the document's keys in the index.
    pub(crate) bytes: Key,
    /// The document's key, where it does not stand in `bytes` as it is.
    odd_key: Option<Box<str>>,
}

impl Name {
    fn new(collection: &str, key: &str) -> Name {
        let bytes = key::with_document(collection, key, |name| Key::from(name));
        Name { bytes, odd_key: key.contains('\0').then(|| key.into()) }
    }
}

/// One change of a draft.
#[derive(Clone, Debug)]
pub(crate) struct DraftChange {
    pub(crate) collection: Arc<str>,
    pub(crate) name: Name,
    /// The hash of the name, by which the cache and the tables' filters know it.
    pub(crate) hash: u64,
    /// `None` deletes.
    pub(crate) value: Option<Encoded>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) expected: Expected,
}

impl DraftChange {
    /// A change of a document that may be in any state.
    pub(crate) fn new(collection: Arc<str>, key: impl AsRef<str>, value: Option<Encoded>) -> DraftChange {
        let name = Name::new(&collection, key.as_ref());
        DraftChange::named(collection, name, value)
    }

    fn named(collection: Arc<str>, name: Name, value: Option<Encoded>) -> DraftChange {
        let hash = filter_hash(&name.bytes);
        DraftChange { collection, name, hash, value, expires_at: None, expected: Expected::Any }
    }

    /// The prefix of the document's keys in the index.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name.bytes
    }

    /// The document's key.
    pub(crate) fn key(&self) -> &str {
        match &self.name.odd_key {
            Some(key) => key,
            None => key::plain_key(&self.name.bytes, &self.collection),
        }
    }
}

/// Sorts changes, and of each document keeps the last one.
pub(crate) fn sort_changes(changes: &mut Vec<DraftChange>) {
    // The order of the names is that of collection and key.
    if changes.is_sorted_by(|a, b| a.name() < b.name()) {
        return;
    }
    // The last of equal documents comes first after this, and is the one that is kept.
    changes.reverse();
    sort_by(changes, |a, b| a.name().cmp(b.name()));
    changes.dedup_by(|later, first| later.name() == first.name());
}

/// Who writes.
#[derive(Clone, Debug, Default)]
pub(crate) enum Origin {
    /// This database, on top of everything that it holds.
    #[default]
    Own,
    /// An import, on top of its own commits only, at a time of its own. `parents` are, in the order of the draft's
    /// changes, the versions that the import replaces.
    Import { actor: ActorId, timestamp: Timestamp, parents: Vec<Vec<VersionId>> },
}

/// A commit that is to be made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) origin: Origin,
    pub(crate) info: CommitInfo,
    pub(crate) token: Option<Token>,
    /// Ascending by collection and key, each document once.
    pub(crate) changes: Vec<DraftChange>,
}

impl Draft {
    /// A draft of one change.
    pub(crate) fn one(change: DraftChange) -> Draft {
        Draft { changes: alloc::vec![change], ..Draft::default() }
    }

    /// Checks everything that can be checked without looking at the database.
    pub(crate) fn check(&self) -> Result<()> {
        let mut bytes = 0;
        for change in &self.changes {
            bytes += change.collection.len() + change.key().len() + 48;
            bytes += change.value.as_ref().map_or(0, Encoded::len);
        }
        if self.changes.len() > limits::COMMIT_CHANGES_MAX || bytes > limits::COMMIT_BYTES_MAX {
            return Err(Error::limit(format!(
                "a commit of {} changes and {bytes} bytes: at most {} changes and {} bytes fit into one",
                self.changes.len(),
                limits::COMMIT_CHANGES_MAX,
                limits::COMMIT_BYTES_MAX
            )));
        }
        bounded("author", self.info.author.as_deref(), limits::AUTHOR_BYTES_MAX)?;
        bounded("message", self.info.message.as_deref(), limits::MESSAGE_BYTES_MAX)?;
        if self.info.causes.len() > limits::COMMIT_CAUSES_MAX {
            let count = self.info.causes.len();
            return Err(Error::limit(format!("{count} causes: a commit names at most {}", limits::COMMIT_CAUSES_MAX)));
        }
        for cause in &self.info.causes {
            check_collection(&cause.collection)?;
            check_key(&cause.key)?;
        }
        Ok(())
    }
}

/// Checks the number of changes of a commit while they are collected.
pub(crate) fn check_count(changes: usize) -> Result<()> {
    if changes > limits::COMMIT_CHANGES_MAX {
        let max = limits::COMMIT_CHANGES_MAX;
        return Err(Error::limit(format!("more than {max} changes do not fit into one commit: make several")));
    }
    Ok(())
}

fn bounded(what: &str, words: Option<&str>, max: usize) -> Result<()> {
    match words {
        Some(words) if words.len() > max => {
            Err(Error::limit(format!("the {what} of a commit has {} bytes, at most {max} are possible", words.len())))
        }
        _ => Ok(()),
    }
}

/// Checks the name of a collection. Names that begin with `$` are the database's own.
pub(crate) fn check_collection(name: &str) -> Result<()> {
    check_name("collection", name)
}

/// Checks the name of a collection that a caller writes to.
pub(crate) fn check_own_collection(name: &str) -> Result<()> {
    check_collection(name)?;
    if name.starts_with('$') {
        return Err(Error::invalid(format!(
            "collection {}: names that begin with $ are the database's own",
            quoted(name)
        )));
    }
    Ok(())
}

/// Checks the name of a tag.
pub(crate) fn check_tag(name: &str) -> Result<()> {
    check_name("tag", name)
}

/// Checks the key of a document.
pub(crate) fn check_key(key: &str) -> Result<()> {
    if key.is_empty() {
        return Err(Error::invalid("a document needs a key"));
    }
    if key.len() > limits::KEY_BYTES_MAX {
        let start: String = key.chars().take(32).collect();
        let max = limits::KEY_BYTES_MAX;
        return Err(Error::limit(format!(
            "the key {}... has {} bytes, at most {max} are possible",
            quoted(&start),
            key.len()
        )));
    }
    Ok(())
}
