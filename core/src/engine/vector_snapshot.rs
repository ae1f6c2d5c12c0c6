//! Snapshots of the indexes of vectors: written beside the log now and then, so that opening reads them instead of making
//! them anew.
//!
//! A file has a header (what it is, of which database, as of which place in the log, how long the body is) and the body in
//! blocks, each behind its checksum. A snapshot is made only of what is durable in the log, so the log always continues it. It
//! holds nothing that the log does not: one that is lost, damaged or of an unknown format is passed over.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{Engine, vector_store::VectorStore};
use crate::{
    codec::{crc, cursor::Cursor, varint::write_u64},
    error::{Error, ErrorCode, Result},
    limits,
    log::Position,
    storage::{AsyncStorage, FileName, read_full},
    vector::index::Index,
};
use alloc::{borrow::ToOwned, format, sync::Arc, vec, vec::Vec};

const MAGIC: [u8; 8] = *b"KORUVEC\x01";

/// Magic, database, segment, offset, sequence, chain, length of the body, checksum.
const HEADER_BYTES: usize = 8 + 16 + 4 + 8 + 8 + 32 + 8 + 4;

/// Bytes of the body behind one checksum.
const BLOCK_BYTES: usize = 1 << 20;

/// What a snapshot file says.
pub(super) struct Snapshot {
    pub(super) position: Position,
    body: Vec<u8>,
}

impl VectorStore {
    fn write_to(&self, out: &mut Vec<u8>) {
        write_u64(out, self.indexes.len() as u64);
        for ((collection, name), index) in self.indexes.iter() {
            for text in [collection, name] {
                write_u64(out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            index.write_to(out);
        }
    }
}

impl Snapshot {
    /// Whether indexes can be made of it.
    pub(super) fn is_whole(&self) -> bool {
        self.restore().is_some()
    }

    fn restore(&self) -> Option<VectorStore> {
        let mut input = Cursor::new(&self.body);
        let mut store = VectorStore::new(self.position);
        for _ in 0..input.count(usize::MAX, 8)? {
            let collection = input.text(limits::NAME_BYTES_MAX)?.to_owned();
            let name = input.text(limits::NAME_BYTES_MAX)?.to_owned();
            store.indexes.insert((collection, name), Index::read_from(&mut input)?);
        }
        store.saved_rows = store.rows();
        input.is_empty().then_some(store)
    }
}

impl<S: AsyncStorage> Engine<S> {
    /// The numbers of the snapshots that there are, newest first.
    pub(super) async fn vector_snapshots(&self) -> Result<Vec<u32>> {
        let listed = self.storage.list().await?;
        let number = |name| if let FileName::Vectors(number) = name { Some(u64::from(number)) } else { None };
        let mut numbers: Vec<u64> = listed.into_iter().filter_map(|info| number(info.name)).collect();
        numbers.sort_unstable();
        Ok(numbers.into_iter().rev().map(|number| number as u32).collect())
    }

    /// The indexes of the newest snapshot that can be used, or none, as of the begin of the log.
    pub(super) async fn load_vectors(&self) -> Result<VectorStore> {
        for number in self.vector_snapshots().await? {
            match self.read_vector_snapshot(number).await {
                Ok(snapshot) => {
                    let known = snapshot.position.sequence <= self.published();
                    if let Some(store) = snapshot.restore().filter(|_| known) {
                        return Ok(store);
                    }
                }
                // It can be made anew.
                Err(e)
                    if matches!(e.code(), ErrorCode::Corrupt | ErrorCode::UnsupportedFormat | ErrorCode::NotFound) => {}
                Err(e) => return Err(e),
            }
        }
        let first = self.segments.read().first().map_or(1, |segment| segment.number);
        Ok(VectorStore::new(self.segment_begin(first).await?))
    }

    /// Whether a snapshot was never finished: its first byte is written last.
    pub(super) async fn is_unfinished_snapshot(&self, number: u32) -> Result<bool> {
        let mut first = [0];
        let _ = read_full(&self.storage, FileName::Vectors(number), 0, &mut first).await?;
        Ok(first == [0])
    }

    /// The newest snapshot of what is before a place in the log, which a copy up to there may have.
    pub(super) async fn vector_snapshot_before(&self, sequence: u64) -> Result<Option<FileName>> {
        for number in self.vector_snapshots().await? {
            let file = FileName::Vectors(number);
            let mut header = [0; HEADER_BYTES];
            let whole = read_full(&self.storage, file, 0, &mut header).await? == HEADER_BYTES;
            let position = self.decode_header(&header, file).map(|(position, _)| position);
            if whole && position.is_ok_and(|at| at.sequence <= sequence) {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Reads and checks a snapshot.
    ///
    /// # Errors
    /// `CORRUPT` with file and offset, `UNSUPPORTED_FORMAT`.
    pub(super) async fn read_vector_snapshot(&self, number: u32) -> Result<Snapshot> {
        let file = FileName::Vectors(number);
        let corrupt = |at: usize, what: &str| Error::corrupt(file, at as u64, what);
        let listed = self.storage.list().await?.into_iter().find(|info| info.name == file).map(|info| info.bytes);
        let length = listed.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default();
        let mut header = [0; HEADER_BYTES];
        if read_full(&self.storage, file, 0, &mut header).await? < HEADER_BYTES {
            return Err(corrupt(0, "the snapshot is cut off"));
        }
        let (position, bytes) = self.decode_header(&header, file)?;
        let blocks = bytes.div_ceil(BLOCK_BYTES);
        // What the file does not have is not made room for.
        if length != HEADER_BYTES + bytes.saturating_add(4 * blocks) {
            return Err(corrupt(HEADER_BYTES, "the snapshot is not as long as it says"));
        }
        let mut body = vec![0; bytes];
        let mut at = HEADER_BYTES;
        for block in body.chunks_mut(BLOCK_BYTES) {
            let mut checksum = [0; 4];
            let read = read_full(&self.storage, file, at as u64, &mut checksum).await?
                + read_full(&self.storage, file, at as u64 + 4, block).await?;
            if read != block.len() + 4 || u32::from_le_bytes(checksum) != crc::hash(block) {
                return Err(corrupt(at, "a checksum of the snapshot does not match"));
            }
            at += read;
        }
        Ok(Snapshot { position, body })
    }

    fn decode_header(&self, header: &[u8; HEADER_BYTES], file: FileName) -> Result<(Position, usize)> {
        let corrupt = |what: &str| Error::corrupt(file, 0, what);
        let Some((rest, checksum)) = header.split_last_chunk::<4>() else {
            return Err(corrupt("the snapshot is cut off"));
        };
        if u32::from_le_bytes(*checksum) != crc::hash(rest) {
            return Err(corrupt("the checksum of the snapshot's header does not match"));
        }
        let mut input = Cursor::new(rest);
        let magic: Option<[u8; 8]> = input.array();
        if magic != Some(MAGIC) {
            let what = format!("{file} has an unknown format: use a newer koru-delta");
            return Err(Error::new(ErrorCode::UnsupportedFormat, what));
        }
        let mut read = || {
            let database: [u8; 16] = input.array()?;
            let (segment, offset, sequence, chain) = (input.u32()?, input.u64()?, input.u64()?, input.array()?);
            let bytes = usize::try_from(input.u64()?).ok()?;
            (database == self.database.0).then_some((Position { segment, offset, sequence, chain }, bytes))
        };
        read().ok_or_else(|| corrupt("the snapshot is another database's"))
    }

    /// Writes a snapshot of the indexes and removes older ones. The caller has the vectors turn and the turn for maintenance,
    /// and has made durable what is in them.
    ///
    /// # Errors
    /// `STORAGE_FULL`, `IO`. The older ones are still there then.
    pub(crate) async fn write_vector_snapshot(&self) -> Result<()> {
        self.check_writable()?;
        let (position, rows, body) = {
            let vectors = self.vectors.read();
            let Some(store) = vectors.as_ref() else { return Ok(()) };
            let mut body = Vec::new();
            store.write_to(&mut body);
            (store.position, store.rows(), body)
        };
        let older = self.vector_snapshots().await?;
        let number = older.first().map_or(1, |newest| newest + 1);
        if let Err(e) = self.write_snapshot_file(number, position, &body).await {
            self.discard(FileName::Vectors(number)).await;
            return Err(e);
        }
        // A copy that is under way may have listed them: then the next snapshot removes them.
        if Arc::strong_count(&self.exports) == 1 {
            for older in older {
                self.discard(FileName::Vectors(older)).await;
            }
        }
        if let Some(store) = self.vectors.write().as_mut() {
            store.saved_rows = rows;
        }
        Ok(())
    }

    /// Writes a snapshot of what is in memory if reading it again from the log would take long. The log is durable. One that
    /// cannot be written is made anew when it is needed.
    pub(super) async fn save_vectors(&self) {
        let loaded = self.vectors.read().is_some();
        if loaded && self.catch_up_vectors().await.is_ok() && self.vector_snapshot_due(usize::MAX) {
            let _ = self.write_vector_snapshot().await;
        }
    }

    async fn write_snapshot_file(&self, number: u32, position: Position, body: &[u8]) -> Result<()> {
        let file = FileName::Vectors(number);
        self.storage.create(file).await?;
        let mut at = HEADER_BYTES as u64;
        let mut block = Vec::with_capacity(BLOCK_BYTES + 4);
        for part in body.chunks(BLOCK_BYTES) {
            block.clear();
            block.extend_from_slice(&crc::hash(part).to_le_bytes());
            block.extend_from_slice(part);
            self.storage.write_at(file, at, &block).await?;
            at += block.len() as u64;
        }
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&self.database.0);
        header.extend_from_slice(&position.segment.to_le_bytes());
        header.extend_from_slice(&position.offset.to_le_bytes());
        header.extend_from_slice(&position.sequence.to_le_bytes());
        header.extend_from_slice(&position.chain);
        header.extend_from_slice(&(body.len() as u64).to_le_bytes());
        header.extend_from_slice(&crc::hash(&header).to_le_bytes());
        let (first, rest) = header.split_at(1);
        self.storage.write_at(file, 1, rest).await?;
        self.storage.sync(file).await?;
        // A single byte is there or not, whatever happens: it says that all the others are.
        self.storage.write_at(file, 0, first).await?;
        self.storage.sync(file).await
    }
}
