//! The header of a commit: who wrote what when, after what, and one hash per change.
//!
//! There are two forms of the same header. The *canonical* form is what the commit id is the hash of: it is complete, and
//! one header has exactly one. The *stored* form leaves out what the reader of a log can derive: the actor when it is the
//! database's own, and the hashes of small values, which are computed from the values that stand behind the header.
//! A header with its hashes written out verifies without its values, so values can be erased.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{crc, cursor::Cursor, varint::write_u64};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
    id::{ActorId, CommitId, VersionId},
    limits,
    sorted::SortedMap,
};
use alloc::{borrow::Cow, vec::Vec};

/// BLAKE3 hash of an encoded value.
pub(crate) type Hash = [u8; 32];

/// The hash of a change that deletes: there is no value to hash.
pub(crate) const NO_VALUE: Hash = [0; 32];

/// A value, or vectors, of up to this size are hashed again when their hash is needed, instead of storing 32 bytes for it.
const REHASH_BYTES: u32 = 1024;

const FORMAT: u8 = 1;
const HAS_ACTOR: u8 = 1;
const HAS_HASHES: u8 = 2;
const HAS_AUTHOR: u8 = 4;
const HAS_MESSAGE: u8 = 8;
const HAS_TOKEN: u8 = 16;
const CHANGE_DELETES: u8 = 1;
const CHANGE_EXPIRES: u8 = 2;
const CHANGE_HAS_VECTORS: u8 = 4;

/// The commits that a commit was made on top of: the last one seen of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) version: VersionId,
    pub(crate) id: CommitId,
}

/// A version that a commit was derived from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause<'a> {
    pub(crate) collection: Cow<'a, str>,
    pub(crate) key: Cow<'a, str>,
    pub(crate) version: VersionId,
}

/// The idempotency token of a call: a client and its call's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) client: [u8; 16],
    pub(crate) call: u64,
}

/// What a header says of the vectors of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangeVectors {
    /// Length of their encoding.
    pub(crate) bytes: u32,
    /// Hash of their encoding; `None` where a stored header left it out.
    pub(crate) hash: Option<Hash>,
}

/// One change of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    pub(crate) collection: Cow<'a, str>,
    pub(crate) key: Cow<'a, str>,
    /// Length of the encoded value; `None` deletes the document.
    pub(crate) value_bytes: Option<u32>,
    /// Hash of the encoded value, [`NO_VALUE`] for a deletion; `None` where a stored header left it out.
    pub(crate) hash: Option<Hash>,
    /// The vectors beside the value; a deletion has none.
    pub(crate) vectors: Option<ChangeVectors>,
    /// The versions of the document that this one replaces.
    pub(crate) parents: Vec<VersionId>,
    /// From when on the version no longer shows, in milliseconds since 1970.
    pub(crate) expires_at: Option<i64>,
}

/// The header of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub(crate) version: VersionId,
    pub(crate) timestamp: Timestamp,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) author: Option<Cow<'a, str>>,
    pub(crate) message: Option<Cow<'a, str>>,
    pub(crate) token: Option<Token>,
    pub(crate) causes: Vec<Cause<'a>>,
    /// Ascending by collection and key, each document once.
    pub(crate) changes: Vec<Change<'a>>,
}

/// How a header is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Complete: what the commit id is the hash of.
    Canonical,
    /// As in the log of the database whose own actor this is.
    Stored(ActorId),
}

impl Header<'_> {
    /// The id: the BLAKE3 hash of the canonical form. The hashes of all changes must be known.
    pub(crate) fn id(&self) -> CommitId {
        let mut bytes = Vec::with_capacity(128 + self.changes.len() * 64);
        self.encode(Form::Canonical, &mut bytes);
        CommitId(*blake3::hash(&bytes).as_bytes())
    }

    /// Appends the header in the given form.
    pub(crate) fn encode(&self, form: Form, out: &mut Vec<u8>) {
        let own = self.version.actor;
        let (has_actor, has_hashes) = match form {
            Form::Canonical => (true, true),
            Form::Stored(actor) => (own != actor, false),
        };
        let mut flags = 0;
        for (flag, set) in [
            (HAS_ACTOR, has_actor),
            (HAS_HASHES, has_hashes),
            (HAS_AUTHOR, self.author.is_some()),
            (HAS_MESSAGE, self.message.is_some()),
            (HAS_TOKEN, self.token.is_some()),
        ] {
            if set {
                flags |= flag;
            }
        }
        out.extend_from_slice(&[FORMAT, flags]);
        if has_actor {
            out.extend_from_slice(&own.0);
        }
        write_u64(out, self.version.counter);
        out.extend_from_slice(&self.timestamp.to_bits().to_le_bytes());

        let actors = self.other_actors();
        write_u64(out, actors.len() as u64);
        actors.iter().for_each(|actor| out.extend_from_slice(&actor.0));
        let version = |out: &mut Vec<u8>, v: VersionId| {
            let index = actors.binary_search(&v.actor).map_or(0, |i| i as u64 + 1);
            write_u64(out, index);
            write_u64(out, v.counter);
        };

        write_u64(out, self.dependencies.len() as u64);
        for dependency in &self.dependencies {
            version(out, dependency.version);
            out.extend_from_slice(&dependency.id.0);
        }
        for words in [&self.author, &self.message].into_iter().flatten() {
            text(out, words);
        }
        if let Some(token) = &self.token {
            out.extend_from_slice(&token.client);
            write_u64(out, token.call);
        }
        write_u64(out, self.causes.len() as u64);
        for cause in &self.causes {
            text(out, &cause.collection);
            text(out, &cause.key);
            version(out, cause.version);
        }

        write_u64(out, self.changes.len() as u64);
        let mut collection = "";
        for change in &self.changes {
            // The name of a collection stands once, at its first change; an empty name means "as before".
            if change.collection == collection {
                text(out, "");
            } else {
                collection = &change.collection;
                text(out, collection);
            }
            text(out, &change.key);
            let deletes = if change.value_bytes.is_none() { CHANGE_DELETES } else { 0 };
            let expires = if change.expires_at.is_some() { CHANGE_EXPIRES } else { 0 };
            let has_vectors = if change.vectors.is_some() { CHANGE_HAS_VECTORS } else { 0 };
            out.push(deletes | expires | has_vectors);
            write_u64(out, change.parents.len() as u64);
            change.parents.iter().for_each(|&parent| version(out, parent));
            if let Some(at) = change.expires_at {
                out.extend_from_slice(&at.to_le_bytes());
            }
            let value = change.value_bytes.map(|bytes| (bytes, change.hash));
            for (bytes, hash) in value.into_iter().chain(change.vectors.map(|v| (v.bytes, v.hash))) {
                write_u64(out, u64::from(bytes));
                if has_hashes || bytes > REHASH_BYTES {
                    out.extend_from_slice(&hash.unwrap_or(NO_VALUE));
                }
            }
        }
    }

    /// Every actor that the header names beside its own, ascending.
    fn other_actors(&self) -> Vec<ActorId> {
        let named = (self.dependencies.iter().map(|d| d.version.actor))
            .chain(self.causes.iter().map(|c| c.version.actor))
            .chain(self.changes.iter().flat_map(|c| c.parents.iter().map(|p| p.actor)));
        let others = named.filter(|&actor| actor != self.version.actor);
        // Dependencies come in order, and the others are nearly always among them.
        others.map(|actor| (actor, ())).collect::<SortedMap<_, _>>().into_iter().map(|(actor, ())| actor).collect()
    }

    /// The offset of each change's records behind the header, and the length of all of them together. Of one change the
    /// value comes first, and then its vectors.
    pub(crate) fn record_offsets(&self) -> (Vec<u64>, u64) {
        let mut at = 0;
        let offsets = self
            .changes
            .iter()
            .map(|change| {
                let offset = at;
                at += change.records_bytes();
                offset
            })
            .collect();
        (offsets, at)
    }
}

impl Change<'_> {
    /// Bytes of the value's record; 0 for a deletion. That of the vectors stands behind it.
    pub(crate) fn value_record_bytes(&self) -> u64 {
        self.value_bytes.map_or(0, |bytes| u64::from(bytes) + RECORD_OVERHEAD)
    }

    /// Bytes of the vectors' record; 0 if there are none.
    pub(crate) fn vectors_record_bytes(&self) -> u64 {
        self.vectors.map_or(0, |vectors| u64::from(vectors.bytes) + RECORD_OVERHEAD)
    }

    /// Bytes of both.
    pub(crate) fn records_bytes(&self) -> u64 {
        self.value_record_bytes() + self.vectors_record_bytes()
    }
}

/// Bytes in front of a value, or of vectors, in the log: the checksum.
pub(crate) const RECORD_OVERHEAD: u64 = 4;

/// Appends a value with its checksum.
pub(crate) fn write_record(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(&crc::hash(value).to_le_bytes());
    out.extend_from_slice(value);
}

/// The value of a record, or `None` when its checksum does not match.
pub(crate) fn read_record(record: &[u8]) -> Option<&[u8]> {
    let (checksum, value) = record.split_first_chunk()?;
    let intact = u32::from_le_bytes(*checksum) == crc::hash(value);
    (intact || crate::bug::active(crate::bug::Bug::IgnoreRecordChecksum)).then_some(value)
}

fn text(out: &mut Vec<u8>, words: &str) {
    write_u64(out, words.len() as u64);
    out.extend_from_slice(words.as_bytes());
}

/// Reads a header in stored form and checks that it is one that [`Header::encode`] writes: bounds, order and text.
pub(crate) fn decode(input: &[u8], database_actor: ActorId) -> Result<Header<'_>> {
    match input.first() {
        Some(&FORMAT) => {}
        Some(&newer) if newer > FORMAT => {
            return Err(Error::new(
                crate::ErrorCode::UnsupportedFormat,
                alloc::format!(
                    "a commit of format {newer}, and this version reads up to {FORMAT}: use a newer koru-delta"
                ),
            ));
        }
        _ => return Err(malformed()),
    }
    read(input, database_actor).ok_or_else(malformed)
}

fn malformed() -> Error {
    Error::new(crate::ErrorCode::Corrupt, "the header of a commit is malformed")
}

fn read(input: &[u8], database_actor: ActorId) -> Option<Header<'_>> {
    let mut input = Cursor::new(input);
    let _format = input.u8()?;
    let flags = input.u8().filter(|f| f & !(HAS_ACTOR | HAS_HASHES | HAS_AUTHOR | HAS_MESSAGE | HAS_TOKEN) == 0)?;
    let own = if flags & HAS_ACTOR != 0 { ActorId(input.array()?) } else { database_actor };
    let counter = input.varint().filter(|&n| n > 0)?;
    let timestamp = Timestamp::from_bits(input.i64()?);

    let mut actors = Vec::with_capacity(1);
    for _ in 0..input.count(limits::ACTORS_MAX, 16)? {
        actors.push(ActorId(input.array()?));
    }
    let version = |input: &mut Cursor<'_>| {
        let actor = match usize::try_from(input.varint()?).ok()? {
            0 => own,
            n => *actors.get(n - 1)?,
        };
        Some(VersionId { actor, counter: input.varint().filter(|&n| n > 0)? })
    };

    let mut dependencies = Vec::new();
    for _ in 0..input.count(limits::ACTORS_MAX, 34)? {
        dependencies.push(Dependency { version: version(&mut input)?, id: CommitId(input.array()?) });
    }
    let author = if flags & HAS_AUTHOR != 0 { Some(input.text(limits::AUTHOR_BYTES_MAX)?.into()) } else { None };
    let message = if flags & HAS_MESSAGE != 0 { Some(input.text(limits::MESSAGE_BYTES_MAX)?.into()) } else { None };
    let token =
        if flags & HAS_TOKEN != 0 { Some(Token { client: input.array()?, call: input.varint()? }) } else { None };
    let mut causes = Vec::new();
    for _ in 0..input.count(limits::COMMIT_CAUSES_MAX, 4)? {
        causes.push(Cause {
            collection: input.text(limits::NAME_BYTES_MAX)?.into(),
            key: input.text(limits::KEY_BYTES_MAX)?.into(),
            version: version(&mut input)?,
        });
    }

    let count = input.count(limits::COMMIT_CHANGES_MAX, 4)?;
    let mut changes: Vec<Change<'_>> = Vec::with_capacity(count);
    let mut collection = "";
    for _ in 0..count {
        let named = input.text(limits::NAME_BYTES_MAX)?;
        if !named.is_empty() {
            collection = named;
        }
        let key = input.text(limits::KEY_BYTES_MAX)?;
        let kind = input.u8().filter(|k| k & !(CHANGE_DELETES | CHANGE_EXPIRES | CHANGE_HAS_VECTORS) == 0)?;
        let mut parents = Vec::new();
        for _ in 0..input.count(limits::PARENTS_MAX, 2)? {
            parents.push(version(&mut input)?);
        }
        let expires_at = if kind & CHANGE_EXPIRES != 0 { Some(input.i64()?) } else { None };
        let record = |input: &mut Cursor<'_>, bytes_max| {
            let bytes = u32::try_from(input.length(bytes_max)?).ok()?;
            let has_hash = flags & HAS_HASHES != 0 || bytes > REHASH_BYTES;
            let hash = if has_hash { Some(input.array()?) } else { None };
            Some((bytes, hash))
        };
        let (value_bytes, hash) = if kind & CHANGE_DELETES != 0 {
            (None, Some(NO_VALUE))
        } else {
            record(&mut input, limits::VALUE_BYTES_MAX).map(|(bytes, hash)| (Some(bytes), hash))?
        };
        let vectors = if kind & CHANGE_HAS_VECTORS != 0 {
            value_bytes?;
            let (bytes, hash) = record(&mut input, limits::VECTORS_BYTES_MAX)?;
            Some(ChangeVectors { bytes, hash })
        } else {
            None
        };
        if changes.last().is_some_and(|last| (&*last.collection, &*last.key) >= (collection, key))
            || collection.is_empty()
        {
            return None;
        }
        let (collection, key) = (collection.into(), key.into());
        changes.push(Change { collection, key, value_bytes, hash, vectors, parents, expires_at });
    }
    let version = VersionId { actor: own, counter };
    let header = Header { version, timestamp, dependencies, author, message, token, causes, changes };
    // The table of actors and the way names are left out have one form each.
    (input.is_empty() && header.other_actors() == actors).then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::{collection::vec, option, prelude::*};

    const OWN: ActorId = ActorId([7; 16]);

    fn actor() -> impl Strategy<Value = ActorId> {
        prop_oneof![Just(OWN), Just(ActorId([1; 16])), Just(ActorId([9; 16]))]
    }

    fn version() -> impl Strategy<Value = VersionId> {
        (actor(), 1u64..1 << 40).prop_map(|(actor, counter)| VersionId { actor, counter })
    }

    type Draft = (String, String, Option<Vec<u8>>, Vec<VersionId>, Option<i64>);

    fn header() -> impl Strategy<Value = Header<'static>> {
        let change =
            ("[a-c]{1,3}", ".{0,6}", option::of(vec(any::<u8>(), 0..40)), vec(version(), 0..3), any::<Option<i64>>());
        let dependency = (version(), any::<[u8; 32]>());
        let cause = ("[a-c]{1,3}", ".{0,6}", version());
        (
            version(),
            any::<i64>(),
            vec(dependency, 0..3),
            any::<(Option<String>, Option<String>)>(),
            vec(cause, 0..3),
            vec(change, 0..6),
        )
            .prop_map(|(version, time, dependencies, (author, message), causes, mut changes)| {
                changes.sort_by(|a: &Draft, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
                changes.dedup_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1));
                Header {
                    version,
                    timestamp: Timestamp::from_bits(time),
                    dependencies: dependencies
                        .into_iter()
                        .map(|(version, id)| Dependency { version, id: CommitId(id) })
                        .collect(),
                    author: author.map(Cow::Owned),
                    message: message.map(Cow::Owned),
                    token: (time % 2 == 0).then_some(Token { client: [3; 16], call: 9 }),
                    causes: causes
                        .into_iter()
                        .map(|(c, k, version)| Cause { collection: c.into(), key: k.into(), version })
                        .collect(),
                    changes: changes
                        .into_iter()
                        .map(|(collection, key, value, parents, expires_at)| Change {
                            collection: collection.into(),
                            key: key.into(),
                            // Up to twice the size up to which hashes are left out.
                            value_bytes: value.as_ref().map(|v| v.len() as u32 * REHASH_BYTES / 20),
                            vectors: value.as_ref().filter(|v| v.len() % 3 == 1).map(|v| ChangeVectors {
                                bytes: REHASH_BYTES + 7 - v.len() as u32,
                                hash: Some(*blake3::hash(&v[1..]).as_bytes()),
                            }),
                            hash: Some(value.map_or(NO_VALUE, |v| *blake3::hash(&v).as_bytes())),
                            parents,
                            expires_at,
                        })
                        .collect(),
                }
            })
    }

    proptest! {
        #[test]
        fn headers_come_back_in_both_forms(header in header()) {
            let mut canonical = Vec::new();
            header.encode(Form::Canonical, &mut canonical);
            prop_assert_eq!(&decode(&canonical, ActorId([0; 16])).unwrap(), &header);

            let mut stored = Vec::new();
            header.encode(Form::Stored(OWN), &mut stored);
            let mut read = decode(&stored, OWN).unwrap();
            for (change, original) in read.changes.iter_mut().zip(&header.changes) {
                let small = original.value_bytes.is_some_and(|bytes| bytes <= REHASH_BYTES);
                prop_assert_eq!(change.hash.is_none(), small);
                let small = original.vectors.is_some_and(|v| v.bytes <= REHASH_BYTES);
                prop_assert_eq!(change.vectors.is_some_and(|v| v.hash.is_none()), small);
                change.hash = original.hash;
                change.vectors = original.vectors;
            }
            prop_assert_eq!(read.id(), header.id());
            prop_assert!(stored.len() <= canonical.len());
        }

        #[test]
        fn a_damaged_header_is_refused_or_has_another_id(header in header(), at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = Vec::new();
            header.encode(Form::Canonical, &mut bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            // Where no value is so small that its hash could be left out, the flag says nothing: it is the same header.
            let has_hash = |c: &Change<'_>| {
                c.value_bytes.is_none_or(|b| b > REHASH_BYTES) && c.vectors.is_none_or(|v| v.bytes > REHASH_BYTES)
            };
            let says_nothing = (at, 1 << bit) == (1, HAS_HASHES) && header.changes.iter().all(has_hash);
            if let Ok(read) = decode(&bytes, OWN) {
                prop_assert_eq!(says_nothing, read == header);
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, OWN);
            let mut framed = alloc::vec![FORMAT, 0];
            framed.extend(bytes);
            let _ = decode(&framed, OWN);
        }
    }
}
