//! Keys and values of the index: what is looked up, and where it points.
//!
//! | kind | key | value |
//! |---|---|---|
//! | version | collection, document key, timestamp descending, actor descending | flags, counter, where its value is, expiry |
//! | commit | actor, counter | where its frame is |
//! | commit id | first bytes of the id, where its frame is | - |
//! | effect | collection, document key and version of a cause; the commit that names it | - |
//!
//! Keys compare as bytes. A document key may contain any character, so it is escaped: a zero byte becomes `00 FF`, and
//! `00 00` ends it. Of an actor the first eight bytes stand in the key; two actors with the same ones are refused.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::{
    clock::Timestamp,
    codec::{
        cursor::Cursor,
        varint::{self, write_u64},
    },
    id::{ActorId, CommitId, VersionId},
    log::Location,
};
use alloc::{string::String, vec::Vec};

const VERSION: u8 = 1;
const COMMIT: u8 = 2;
const COMMIT_ID: u8 = 3;
const EFFECT: u8 = 4;

/// Bytes of a version key behind the document: timestamp and actor.
const STAMP_BYTES: usize = 16;

/// The part of an actor that stands in keys.
pub(crate) type ShortActor = [u8; 8];

pub(crate) fn short(actor: ActorId) -> ShortActor {
    let mut short = [0; 8];
    short.iter_mut().zip(actor.0).for_each(|(to, from)| *to = from);
    short
}

/// The keys of all versions of all documents start with this.
pub(crate) const VERSIONS: [u8; 1] = [VERSION];

/// What the keys of a collection's documents start with.
pub(crate) fn collection(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 2);
    out.push(VERSION);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    out
}

/// What the keys of a document's versions start with.
pub(crate) fn document(name: &str, key: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + key.len() + 4);
    write_document(&mut out, VERSION, name, key);
    out
}

/// Names up to this length are made without an allocation by [`with_document`].
const SHORT_NAME_BYTES: usize = 128;

/// Hands the prefix of a document to `use_it`; see [`document`].
pub(crate) fn with_document<R>(name: &str, key: &str, use_it: impl FnOnce(&[u8]) -> R) -> R {
    let mut short = [0; SHORT_NAME_BYTES];
    let length = name.len() + key.len() + 4;
    let plain = !key.as_bytes().contains(&0);
    if let (true, Some(out)) = (plain, short.get_mut(..length)) {
        // The zeros between and behind the parts are there already.
        let (head, rest) = out.split_at_mut(1);
        head.copy_from_slice(&[VERSION]);
        let (collection, rest) = rest.split_at_mut(name.len());
        collection.copy_from_slice(name.as_bytes());
        if let Some(document) = rest.get_mut(1..=key.len()) {
            document.copy_from_slice(key.as_bytes());
        }
        return use_it(out);
    }
    use_it(&document(name, key))
}

/// The document's key in its prefix, for one without zero bytes, which stands there as it is.
pub(crate) fn plain_key<'p>(prefix: &'p [u8], name: &str) -> &'p str {
    let key = prefix.get(name.len() + 2..prefix.len().saturating_sub(2)).unwrap_or_default();
    core::str::from_utf8(key).unwrap_or_default()
}

/// The key of a version of the document with this prefix.
pub(crate) fn version(document: &[u8], timestamp: Timestamp, actor: ShortActor) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.len() + STAMP_BYTES);
    write_version(&mut out, document, timestamp, actor);
    out
}

/// As [`version`], written over `out`.
pub(crate) fn write_version(out: &mut Vec<u8>, document: &[u8], timestamp: Timestamp, actor: ShortActor) {
    out.clear();
    out.extend_from_slice(document);
    write_stamp(out, timestamp, actor);
}

/// What the keys of documents whose key starts with `prefix` start with.
pub(crate) fn documents_with_prefix(name: &str, prefix: &str) -> Vec<u8> {
    let mut out = document(name, prefix);
    out.truncate(out.len() - 2);
    out
}

fn write_document(out: &mut Vec<u8>, kind: u8, name: &str, key: &str) {
    out.push(kind);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    if key.as_bytes().contains(&0) {
        for &byte in key.as_bytes() {
            out.push(byte);
            if byte == 0 {
                out.push(0xff);
            }
        }
    } else {
        out.extend_from_slice(key.as_bytes());
    }
    out.extend_from_slice(&[0, 0]);
}

/// The smallest key above every key that starts with `prefix`, which must not be all `FF`.
pub(crate) fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut out = prefix.to_vec();
    while let Some(last) = out.pop() {
        if last < 0xff {
            out.push(last + 1);
            break;
        }
    }
    out
}

/// Appends the timestamp and actor of a version to its document's prefix.
pub(crate) fn write_stamp(out: &mut Vec<u8>, timestamp: Timestamp, actor: ShortActor) {
    out.extend_from_slice(&stamp(timestamp).to_be_bytes());
    actor.iter().for_each(|byte| out.push(!byte));
}

/// Timestamps as integers that ascend when the timestamps descend.
fn stamp(timestamp: Timestamp) -> u64 {
    !((timestamp.to_bits() as u64) ^ (1 << 63))
}

/// A number that grows with the timestamp, for the bounds of a table.
pub(crate) fn ascending_stamp(timestamp: Timestamp) -> u64 {
    !stamp(timestamp)
}

/// The document's part of a version key, or `None` for a key of another kind.
pub(crate) fn filter_part(key: &[u8]) -> Option<&[u8]> {
    match key.first() {
        Some(&VERSION) => key.get(..key.len().checked_sub(STAMP_BYTES)?),
        _ => None,
    }
}

/// The timestamp and actor at the end of a version key.
pub(crate) fn read_stamp(key: &[u8]) -> Option<(Timestamp, ShortActor)> {
    let mut input = Cursor::new(key.get(key.len().checked_sub(STAMP_BYTES)?..)?);
    let bits = u64::from_be_bytes(input.array()?);
    let actor: ShortActor = input.array()?;
    Some((Timestamp::from_bits((!bits ^ (1 << 63)) as i64), actor.map(|byte| !byte)))
}

/// The names in the document's part of a version key: collection and key.
pub(crate) fn read_document(prefix: &[u8]) -> Option<(&str, String)> {
    let rest = prefix.strip_prefix(&[VERSION])?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    let (name, rest) = rest.split_at_checked(end)?;
    let escaped = rest.strip_prefix(&[0])?.strip_suffix(&[0, 0])?;
    let mut key = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(&byte) = bytes.next() {
        key.push(byte);
        if byte == 0 && bytes.next() != Some(&0xff) {
            return None;
        }
    }
    Some((core::str::from_utf8(name).ok()?, String::from_utf8(key).ok()?))
}

pub(crate) fn commit(version: VersionId) -> Vec<u8> {
    let mut out = commits_of(version.actor);
    out.extend_from_slice(&version.counter.to_be_bytes());
    out
}

/// What the keys of an actor's commits start with.
pub(crate) fn commits_of(actor: ActorId) -> Vec<u8> {
    let mut out = Vec::with_capacity(25);
    out.push(COMMIT);
    out.extend_from_slice(&actor.0);
    out
}

pub(crate) fn commit_id(id: &CommitId, frame: Location) -> Vec<u8> {
    let prefix = commit_ids_with_prefix(id.0.get(..8).unwrap_or_default());
    let mut out = Vec::with_capacity(prefix.len() + location_bytes(frame));
    out.extend_from_slice(&prefix);
    write_location(&mut out, frame);
    out
}

/// What the keys of commit ids that start with `prefix` (at most eight bytes) start with.
pub(crate) fn commit_ids_with_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(9);
    out.push(COMMIT_ID);
    out.extend_from_slice(prefix.get(..8).unwrap_or(prefix));
    out
}

/// The frame in a commit id's key.
pub(crate) fn read_commit_id(key: &[u8]) -> Option<Location> {
    let mut input = Cursor::new(key.get(9..)?);
    read_location(&mut input).filter(|_| input.is_empty())
}

/// What the keys of the effects of one version start with.
pub(crate) fn effects_of(name: &str, key: &str, cause: VersionId) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + key.len() + 64);
    write_document(&mut out, EFFECT, name, key);
    out.extend_from_slice(&cause.actor.0);
    out.extend_from_slice(&cause.counter.to_be_bytes());
    out
}

pub(crate) fn effect(name: &str, key: &str, cause: VersionId, commit: VersionId) -> Vec<u8> {
    let mut out = effects_of(name, key, cause);
    out.extend_from_slice(&commit.actor.0);
    out.extend_from_slice(&commit.counter.to_be_bytes());
    out
}

/// The commit at the end of an effect's key.
pub(crate) fn read_effect(key: &[u8]) -> Option<VersionId> {
    let mut input = Cursor::new(key.get(key.len().checked_sub(24)?..)?);
    Some(VersionId { actor: ActorId(input.array()?), counter: input.array().map(u64::from_be_bytes)? })
}

fn write_location(out: &mut Vec<u8>, at: Location) {
    write_u64(out, u64::from(at.segment));
    write_u64(out, at.offset);
    write_u64(out, u64::from(at.bytes));
}

fn location_bytes(at: Location) -> usize {
    varint::length(at.segment.into()) + varint::length(at.offset) + varint::length(at.bytes.into())
}

fn read_location(input: &mut Cursor<'_>) -> Option<Location> {
    Some(Location {
        segment: u32::try_from(input.varint()?).ok()?,
        offset: input.varint()?,
        bytes: u32::try_from(input.varint()?).ok()?,
    })
}

/// The index value of a commit: where its frame is.
pub(crate) fn frame_value(at: Location) -> Vec<u8> {
    let mut out = Vec::with_capacity(location_bytes(at));
    write_location(&mut out, at);
    out
}

pub(crate) fn read_frame_value(value: &[u8]) -> Option<Location> {
    let mut input = Cursor::new(value);
    read_location(&mut input).filter(|_| input.is_empty())
}

/// The index value of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) counter: u64,
    /// Where the record of the value is; `None` for a deletion.
    pub(crate) record: Option<Location>,
    /// Bytes of the record of its vectors, which stands behind that of the value; 0 if it has none.
    pub(crate) vectors_bytes: u32,
    pub(crate) expires_at: Option<i64>,
    /// When this version arrived, the document had other heads: its history has to be read to know them.
    pub(crate) conflicted: bool,
}

const DELETED: u8 = 1;
const EXPIRES: u8 = 2;
const CONFLICTED: u8 = 4;
const HAS_VECTORS: u8 = 8;

impl Entry {
    /// Writes the value over `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        let deleted = if self.record.is_none() { DELETED } else { 0 };
        let expires = if self.expires_at.is_some() { EXPIRES } else { 0 };
        let has_vectors = if self.vectors_bytes > 0 { HAS_VECTORS } else { 0 };
        out.push(deleted | expires | has_vectors | if self.conflicted { CONFLICTED } else { 0 });
        write_u64(out, self.counter);
        if let Some(at) = self.record {
            write_location(out, at);
        }
        if self.vectors_bytes > 0 {
            write_u64(out, u64::from(self.vectors_bytes));
        }
        if let Some(at) = self.expires_at {
            out.extend_from_slice(&at.to_le_bytes());
        }
    }

    pub(crate) fn decode(value: &[u8]) -> Option<Entry> {
        let mut input = Cursor::new(value);
        let flags = input.u8().filter(|f| f & !(DELETED | EXPIRES | CONFLICTED | HAS_VECTORS) == 0)?;
        let counter = input.varint()?;
        let record = if flags & DELETED == 0 { Some(read_location(&mut input)?) } else { None };
        let vectors_bytes = match flags & HAS_VECTORS {
            0 => 0,
            _ => u32::try_from(input.varint()?).ok().filter(|&bytes| bytes > 0 && record.is_some())?,
        };
        let expires_at = if flags & EXPIRES != 0 { Some(input.i64()?) } else { None };
        let conflicted = flags & CONFLICTED != 0;
        input.is_empty().then_some(Entry { counter, record, vectors_bytes, expires_at, conflicted })
    }

    /// Where the record of the vectors is; `None` if the version has none.
    pub(crate) fn vectors(&self) -> Option<Location> {
        let at = self.record.filter(|_| self.vectors_bytes > 0)?;
        Some(Location { offset: at.offset + u64::from(at.bytes), bytes: self.vectors_bytes, ..at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version_key(name: &str, key: &str, timestamp: i64, actor: u8) -> Vec<u8> {
        let mut out = document(name, key);
        write_stamp(&mut out, Timestamp::from_bits(timestamp), [actor; 8]);
        out
    }

    proptest! {
        #[test]
        fn keys_order_by_document_then_newest_first(
            a in ("[ab]{1,2}", "[\u{0}a\u{1}é]{0,3}", any::<i64>(), 0u8..3),
            b in ("[ab]{1,2}", "[\u{0}a\u{1}é]{0,3}", any::<i64>(), 0u8..3),
        ) {
            let logical = (&a.0, &a.1, core::cmp::Reverse(a.2), core::cmp::Reverse(a.3))
                .cmp(&(&b.0, &b.1, core::cmp::Reverse(b.2), core::cmp::Reverse(b.3)));
            let bytes = version_key(&a.0, &a.1, a.2, a.3).cmp(&version_key(&b.0, &b.1, b.2, b.3));
            prop_assert_eq!(bytes, logical);
        }

        #[test]
        fn version_keys_come_back(name in "[a-z]{1,8}", key in "[\u{0}a\u{1}é/]{0,9}", timestamp: i64, actor: u8) {
            let bytes = version_key(&name, &key, timestamp, actor);
            prop_assert_eq!(read_stamp(&bytes), Some((Timestamp::from_bits(timestamp), [actor; 8])));
            let prefix = filter_part(&bytes).unwrap();
            prop_assert_eq!(prefix, document(&name, &key));
            prop_assert_eq!(read_document(prefix), Some((name.as_str(), key)));
        }

        #[test]
        fn entries_come_back(counter: u64, at in any::<Option<(u32, u64, u32)>>(), vectors: u32, expires_at: Option<i64>, conflicted: bool) {
            let record = at.map(|(segment, offset, bytes)| Location { segment, offset, bytes });
            let vectors_bytes = if record.is_some() { vectors } else { 0 };
            let entry = Entry { counter, record, vectors_bytes, expires_at, conflicted };
            let mut bytes = vec![7];
            entry.encode(&mut bytes);
            prop_assert_eq!(Entry::decode(&bytes), Some(entry));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = (Entry::decode(&bytes), read_document(&bytes), read_stamp(&bytes), filter_part(&bytes));
            let _ = (read_commit_id(&bytes), read_effect(&bytes), read_frame_value(&bytes));
        }
    }

    #[test]
    fn a_prefix_is_the_same_however_it_is_made() {
        for key in ["a", "", "a\u{0}b", &"long".repeat(60), &"x".repeat(123), &"x".repeat(124)] {
            with_document("c", key, |name| assert_eq!(name, document("c", key), "{key:?}"));
            if !key.contains('\u{0}') {
                assert_eq!(plain_key(&document("c", key), "c"), key);
            }
        }
    }

    #[test]
    fn a_prefix_reaches_exactly_the_keys_that_start_with_it() {
        let prefix = documents_with_prefix("c", "ab");
        for (key, within) in [("ab", true), ("ab\u{0}", true), ("abc", true), ("a", false), ("ac", false)] {
            assert_eq!(version_key("c", key, 5, 1).starts_with(&prefix), within, "{key:?}");
        }
    }
}
