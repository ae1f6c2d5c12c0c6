//! The root and the manifest: which files are live, and up to where the log is known to be durable.
//!
//! The root has two slots, written in turn and each with a checksum, so that a torn write leaves the other. A slot names a
//! manifest, which is written and synced before it; what a slot no longer names is removed only after the slot is durable.
//! So the newest valid slot always names files that exist whole, and a missing one is corruption.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{Position, manifest, segment};
use crate::{
    bug::{self, Bug},
    clock::Timestamp,
    codec::{crc, cursor::Cursor},
    error::{Error, ErrorCode, Result},
    id::{ActorId, CommitId, DatabaseId},
    limits,
    storage::{AsyncStorage, FileName, read_full},
};
use alloc::{vec, vec::Vec};

pub(crate) const SLOT_BYTES: usize = 4096;
pub(crate) const SLOT_FIELDS: usize = 8 + 4 + 16 + 8 + 4 + 4 + 4 + 8 + 8 + 32;
const ROOT_MAGIC: [u8; 8] = *b"KORUROOT";
const MANIFEST_MAGIC: [u8; 8] = *b"KORUMANI";
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// One slot of the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) database: DatabaseId,
    /// Counts the writes of the root; the slot with the highest one counts.
    pub(crate) generation: u64,
    pub(crate) manifest: u32,
    pub(crate) manifest_checksum: u32,
    /// Everything before this place was durable when the slot was written.
    pub(crate) durable: Position,
}

/// What is known of one actor's commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct ActorState {
    pub(crate) counter: u64,
    pub(crate) id: CommitId,
    pub(crate) timestamp: Timestamp,
}

/// A segment that the manifest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct SegmentInfo {
    pub(crate) number: u32,
    /// Sequence of the last frame before it.
    pub(crate) sequence: u64,
}

/// An index table that the manifest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct TableInfo {
    pub(crate) number: u32,
    pub(crate) bytes: u64,
}

/// The live files and what the log says up to the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct Manifest {
    pub(crate) database: DatabaseId,
    /// The actor that this database writes as.
    pub(crate) actor: ActorId,
    pub(crate) created_ms: i64,
    /// The index tables hold everything before this place; the rest is replayed.
    pub(crate) checkpoint: Position,
    /// The highest timestamp seen up to the checkpoint.
    pub(crate) clock: Timestamp,
    pub(crate) actors: Vec<(ActorId, ActorState)>,
    /// Ascending; the last one is written to.
    pub(crate) segments: Vec<SegmentInfo>,
    /// Oldest first.
    pub(crate) tables: Vec<TableInfo>,
    /// The number of the next table or manifest.
    pub(crate) next_file: u32,
}

#[driven]
impl Root {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT_BYTES);
        out.extend_from_slice(&ROOT_MAGIC);
        out.extend_from_slice(&segment::FORMAT.to_le_bytes());
        out.extend_from_slice(&self.database.0);
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.manifest.to_le_bytes());
        out.extend_from_slice(&self.manifest_checksum.to_le_bytes());
        out.extend_from_slice(&self.durable.segment.to_le_bytes());
        out.extend_from_slice(&self.durable.offset.to_le_bytes());
        out.extend_from_slice(&self.durable.sequence.to_le_bytes());
        out.extend_from_slice(&self.durable.chain);
        debug_assert_eq!(out.len(), SLOT_FIELDS);
        out.extend_from_slice(&crc::hash(&out).to_le_bytes());
        out.resize(SLOT_BYTES, 0);
        out
    }

    /// Reads a slot. `Ok(None)` if it is empty or torn, an error if it is whole and of a newer format.
    fn decode(slot: &[u8]) -> Result<Option<Root>> {
        let mut input = Cursor::new(slot);
        let whole = slot.split_at_checked(SLOT_FIELDS).is_some_and(|(fields, rest)| {
            Cursor::new(rest).u32() == Some(crc::hash(fields)) && fields.starts_with(&ROOT_MAGIC)
        });
        if !whole || input.bytes(ROOT_MAGIC.len()).is_none() {
            return Ok(None);
        }
        let format = input.u32().unwrap_or_default();
        if format != segment::FORMAT {
            return Err(segment::newer(FileName::Root, format));
        }
        let read = |input: &mut Cursor<'_>| {
            Some(Root {
                database: DatabaseId(input.array()?),
                generation: input.u64()?,
                manifest: input.u32()?,
                manifest_checksum: input.u32()?,
                durable: Position {
                    segment: input.u32()?,
                    offset: input.u64()?,
                    sequence: input.u64()?,
                    chain: input.array()?,
                },
            })
        };
        let root = read(&mut input);
        if root.is_some_and(|r| r.generation > limits::SEQUENCE_MAX || r.durable.sequence > limits::SEQUENCE_MAX) {
            return Err(Error::corrupt(FileName::Root, 0, "a number of the root is beyond what can be written"));
        }
        Ok(root)
    }

    /// The newest valid slot, or `None` if there is none.
    pub(crate) async fn read<S: AsyncStorage>(storage: &S) -> Result<Option<Root>> {
        let mut bytes = vec![0; 2 * SLOT_BYTES];
        let read = match read_full(storage, FileName::Root, 0, &mut bytes).await {
            Ok(read) => read,
            Err(e) if e.is(ErrorCode::NotFound) => return Ok(None),
            Err(e) => return Err(e),
        };
        bytes.truncate(read);
        let mut newest: Option<Root> = None;
        for slot in bytes.chunks(SLOT_BYTES) {
            if let Some(root) = Root::decode(slot)?
                && newest.is_none_or(|n| root.generation > n.generation)
            {
                newest = Some(root);
            }
        }
        Ok(newest)
    }

    /// Writes the slot that the generation before the last one is in, and makes it durable.
    pub(crate) async fn write<S: AsyncStorage>(&self, storage: &S) -> Result<()> {
        let slot = if bug::active(Bug::OneRootSlot) { 0 } else { self.generation % 2 };
        storage.write_at(FileName::Root, slot * SLOT_BYTES as u64, &self.encode()).await?;
        storage.sync(FileName::Root).await
    }
}

#[driven]
impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MANIFEST_MAGIC);
        out.extend_from_slice(&segment::FORMAT.to_le_bytes());
        manifest::encode(self, &mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Manifest> {
        let record = bytes.strip_prefix(&MANIFEST_MAGIC)?.strip_prefix(&segment::FORMAT.to_le_bytes())?;
        manifest::decode(record)
    }

    /// Writes and syncs manifest `number`, and returns its checksum for the root.
    pub(crate) async fn write<S: AsyncStorage>(&self, storage: &S, number: u32) -> Result<u32> {
        let file = FileName::Manifest(number);
        let bytes = self.encode();
        // An earlier attempt that no root names may have left one of this number.
        match storage.create(file).await {
            Err(e) if e.is(ErrorCode::AlreadyExists) => storage.truncate(file, 0).await?,
            other => other?,
        }
        storage.write_at(file, 0, &bytes).await?;
        if !bug::active(Bug::RootBeforeManifestSync) {
            storage.sync(file).await?;
        }
        Ok(crc::hash(&bytes))
    }

    /// Reads the manifest that `root` names.
    pub(crate) async fn read<S: AsyncStorage>(storage: &S, root: &Root) -> Result<Manifest> {
        let file = FileName::Manifest(root.manifest);
        let corrupt = |what| Error::corrupt(file, 0, what);
        let bytes = read_file(storage, file, MANIFEST_BYTES_MAX).await.map_err(|e| match e.code() {
            ErrorCode::NotFound => corrupt("the manifest that the root names is missing"),
            _ => e,
        })?;
        if crc::hash(&bytes) != root.manifest_checksum {
            return Err(corrupt("the checksum of the manifest does not match the root's"));
        }
        let manifest = Manifest::decode(&bytes).ok_or_else(|| corrupt("the manifest is malformed"))?;
        let sound = manifest.database == root.database
            && manifest.segments.len() + manifest.tables.len() <= limits::FILES_MAX
            && manifest.actors.len() <= limits::ACTORS_MAX
            && manifest.checkpoint.offset >= segment::HEADER_BYTES
            && manifest.checkpoint.sequence <= limits::SEQUENCE_MAX
            && manifest.actors.iter().all(|(_, state)| state.counter <= limits::SEQUENCE_MAX)
            && manifest.next_file <= limits::FILE_NUMBER_MAX
            && manifest.segments.iter().all(|s| (1..=limits::FILE_NUMBER_MAX).contains(&s.number))
            && manifest
                .segments
                .iter()
                .zip(manifest.segments.iter().skip(1))
                .all(|(a, b)| b.number == a.number.wrapping_add(1))
            && manifest.segments.last().is_some_and(|last| last.number == manifest.checkpoint.segment);
        if !sound {
            return Err(corrupt("the manifest contradicts itself or the root"));
        }
        Ok(manifest)
    }
}

/// All of a file, refused beyond `max` bytes.
#[driven]
async fn read_file<S: AsyncStorage>(storage: &S, file: FileName, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let offset = bytes.len() as u64;
        if offset > max {
            return Err(Error::corrupt(file, offset, "the file is larger than it can be"));
        }
        match read_full(storage, file, offset, &mut chunk).await? {
            0 => return Ok(bytes),
            n => bytes.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_comes_back_and_damage_is_noticed() {
        let durable = Position { segment: 2, offset: 800, sequence: 17, chain: [9; 32] };
        let root = Root { database: DatabaseId([3; 16]), generation: 5, manifest: 4, manifest_checksum: 6, durable };
        let bytes = root.encode();
        assert_eq!(Root::decode(&bytes).unwrap(), Some(root));
        for bit in 0..(SLOT_FIELDS + 4) * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Root::decode(&bytes).unwrap(), None, "bit {bit}");
        }
        assert_eq!(Root::decode(&[]).unwrap(), None);
        assert_eq!(Root::decode(&vec![0; SLOT_BYTES]).unwrap(), None);
    }

    #[test]
    fn a_newer_root_is_named_as_such() {
        let durable = Position { segment: 1, offset: 80, sequence: 0, chain: [0; 32] };
        let root = Root { database: DatabaseId([3; 16]), generation: 1, manifest: 1, manifest_checksum: 6, durable };
        let mut bytes = root.encode();
        bytes[8] = 2;
        let checksum = crc::hash(&bytes[..SLOT_FIELDS]);
        bytes[SLOT_FIELDS..SLOT_FIELDS + 4].copy_from_slice(&checksum.to_le_bytes());
        let error = Root::decode(&bytes).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnsupportedFormat);
        assert!(error.message().contains("format 2"), "{error}");
    }
}
