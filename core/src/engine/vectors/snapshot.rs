//! Snapshots of the indexes of vectors: written beside the log now and then, so that opening reads them instead of making
//! them anew.
//!
//! A file has a header (what it is, of which database, as of which place in the log), a description of the indexes and the
//! checksums of all pages, and then the arrays of the indexes, each from a page on. So opening reads little, and each page can
//! be read and checked alone (`engine/vectors/pages.rs`). A snapshot is made only of what is durable in the log, so the log
//! always continues it. It holds nothing that the log does not: one that is lost, damaged or of an unknown format is passed
//! over.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{
    pages::{Source, is_damage},
    store::{Named, VectorStore},
};
use crate::{
    codec::{crc, cursor::Cursor, varint::write_u64},
    engine::Engine,
    error::{Error, ErrorCode, Result},
    limits,
    log::Position,
    storage::{AsyncStorage, FileName, read_full},
    vector::{
        index::Index,
        paged::{PAGE, Paging, to_native},
    },
};
use alloc::{borrow::ToOwned, format, sync::Arc, vec, vec::Vec};

const MAGIC: [u8; 8] = *b"KORUVEC\x02";

/// Magic, database, segment, offset, sequence, chain, length of the description, number of pages, checksum of the description
/// and the checksums, checksum of the header.
const HEADER_BYTES: usize = 8 + 16 + 4 + 8 + 8 + 32 + 8 + 4 + 4 + 4;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 256 * PAGE;

/// What a header says.
struct Header {
    position: Position,
    description: usize,
    pages: u32,
    /// Of what is between the header and the pages.
    checksum: u32,
}

impl Header {
    /// Where the pages begin, and where the file ends.
    fn bounds(&self) -> Option<(usize, usize)> {
        let pages = self.pages as usize;
        let head = pages.checked_mul(4)?.checked_add(self.description)?.checked_add(HEADER_BYTES)?;
        let begin = head.checked_next_multiple_of(PAGE)?;
        Some((begin, pages.checked_mul(PAGE)?.checked_add(begin)?))
    }
}

impl VectorStore {
    fn describe(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_u64(&mut out, self.indexes.len() as u64);
        for ((collection, name), index) in self.indexes.iter() {
            for text in [collection, name] {
                write_u64(&mut out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            index.describe(&mut out);
        }
        out
    }

    /// Pages of the arrays of all indexes.
    fn pages(&self) -> usize {
        let pages = |index: &Index| -> usize { index.arrays().iter().map(|a| a.bytes.len().div_ceil(PAGE)).sum() };
        self.indexes.values().map(pages).sum()
    }

    /// The indexes whose arrays are to be read, each with its first page. `None` if that is not what was described.
    fn open(description: &[u8], header: &Header) -> Option<(VectorStore, Vec<(Named, u32)>)> {
        let mut input = Cursor::new(description);
        let mut paging = Paging::new(header.pages);
        let mut store = VectorStore::new(header.position);
        let mut firsts = Vec::new();
        for _ in 0..input.count(usize::MAX, 8)? {
            let collection = input.text(limits::NAME_BYTES_MAX)?.to_owned();
            let name = input.text(limits::NAME_BYTES_MAX)?.to_owned();
            let named = (collection, name);
            firsts.push((named.clone(), paging.next()));
            store.indexes.insert(named, Index::open(&mut input, &mut paging)?);
        }
        store.saved_rows = store.rows();
        (input.is_empty() && paging.is_used_up()).then_some((store, firsts))
    }
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// The numbers of the snapshots that there are, newest first.
    pub(in crate::engine) async fn vector_snapshots(&self) -> Result<Vec<u32>> {
        let listed = self.storage.list().await?;
        let number = |name| if let FileName::Vectors(number) = name { Some(u64::from(number)) } else { None };
        let mut numbers: Vec<u64> = listed.into_iter().filter_map(|info| number(info.name)).collect();
        numbers.sort_unstable();
        Ok(numbers.into_iter().rev().map(|number| number as u32).collect())
    }

    /// The indexes of the newest snapshot that can be used, or none, as of the begin of the log.
    pub(super) async fn load_vectors(&self) -> Result<VectorStore> {
        for number in self.vector_snapshots().await? {
            if self.damaged_snapshots.lock().contains(&number) {
                continue;
            }
            match self.open_vector_snapshot(number).await {
                Ok(store) if store.position.sequence <= self.published() => return Ok(store),
                Ok(_) => {}
                // It can be made anew.
                Err(e) if is_damage(&e) => {}
                Err(e) => return Err(e),
            }
        }
        let first = self.segments.read().first().map_or(1, |segment| segment.number);
        Ok(VectorStore::new(self.segment_begin(first).await?))
    }

    /// Whether a snapshot was never finished: its first byte is written last.
    pub(in crate::engine) async fn is_unfinished_snapshot(&self, number: u32) -> Result<bool> {
        let mut first = [0];
        let _ = read_full(&self.storage, FileName::Vectors(number), 0, &mut first).await?;
        Ok(first == [0])
    }

    /// The newest snapshot of what is before a place in the log, which a copy up to there may have.
    pub(in crate::engine) async fn vector_snapshot_before(&self, sequence: u64) -> Result<Option<FileName>> {
        for number in self.vector_snapshots().await? {
            let file = FileName::Vectors(number);
            let mut header = [0; HEADER_BYTES];
            let whole = read_full(&self.storage, file, 0, &mut header).await? == HEADER_BYTES;
            let position = self.decode_header(&header, file).map(|header| header.position);
            if whole && position.is_ok_and(|at| at.sequence <= sequence) {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Opens a snapshot: reads and checks what every search needs.
    ///
    /// # Errors
    /// `CORRUPT` with file and offset, `UNSUPPORTED_FORMAT`.
    async fn open_vector_snapshot(&self, number: u32) -> Result<VectorStore> {
        let file = FileName::Vectors(number);
        let corrupt = |at: usize, what: &str| Error::corrupt(file, at as u64, what);
        let listed = self.storage.list().await?.into_iter().find(|info| info.name == file).map(|info| info.bytes);
        let length = listed.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default();
        let mut header = [0; HEADER_BYTES];
        if read_full(&self.storage, file, 0, &mut header).await? < HEADER_BYTES {
            return Err(corrupt(0, "the snapshot is cut off"));
        }
        let header = self.decode_header(&header, file)?;
        // What the file does not have is not made room for.
        let Some((begin, _)) = header.bounds().filter(|(_, end)| *end == length) else {
            return Err(corrupt(HEADER_BYTES, "the snapshot is not as long as it says"));
        };
        let mut head = vec![0; begin - HEADER_BYTES];
        let read = read_full(&self.storage, file, HEADER_BYTES as u64, &mut head).await?;
        if read < head.len() || crc::hash(&head) != header.checksum {
            return Err(corrupt(HEADER_BYTES, "the checksum of the snapshot's description does not match"));
        }
        let mut input = Cursor::new(&head);
        let malformed = || corrupt(HEADER_BYTES, "what the snapshot says does not fit together");
        let described = input.bytes(header.description).and_then(|bytes| VectorStore::open(bytes, &header));
        let checksums = header.pages as usize * 4;
        let (Some((mut store, firsts)), Some(checksums)) = (described, input.bytes(checksums)) else {
            return Err(malformed());
        };
        let checksums = checksums.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let source = Source { number, begin: begin as u64, checksums };
        for (named, first) in firsts {
            let Some(index) = store.index(&named) else { return Err(malformed()) };
            self.read_arrays(&source, first, index.arrays_mut()).await?;
            if !index.check() {
                return Err(malformed());
            }
        }
        if !store.indexes.values().all(Index::is_there) {
            store.source = Some(Arc::new(source));
        }
        Ok(store)
    }

    /// Reads and checks a snapshot as a whole, and returns as of which place in the log it is.
    ///
    /// # Errors
    /// `CORRUPT` with file and offset, `UNSUPPORTED_FORMAT`.
    pub(in crate::engine) async fn check_vector_snapshot(&self, number: u32) -> Result<Position> {
        let mut store = self.open_vector_snapshot(number).await?;
        let Some(source) = store.source.take() else { return Ok(store.position) };
        for index in store.indexes.values_mut() {
            if let Some(mut unread) = index.unread() {
                self.read_arrays(&source, unread.first, unread.arrays_mut()).await?;
                if !index.take_in_flat(unread) {
                    let file = FileName::Vectors(number);
                    return Err(Error::corrupt(file, source.begin, "what the snapshot says does not fit together"));
                }
            }
            let mut pages = Vec::new();
            index.need_all(&mut pages);
            let mut take_in = |read: &[(u32, &[u8])]| read.iter().all(|(page, bytes)| index.take_in(*page, bytes));
            self.read_missing(&source, &pages, &mut Vec::new(), &mut take_in).await?;
        }
        Ok(store.position)
    }

    fn decode_header(&self, header: &[u8; HEADER_BYTES], file: FileName) -> Result<Header> {
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
            let description = usize::try_from(input.u64()?).ok()?;
            let (pages, checksum) = (input.u32()?, input.u32()?);
            let position = Position { segment, offset, sequence, chain };
            (database == self.database.0).then_some(Header { position, description, pages, checksum })
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
        // The one that they are read from will be removed.
        for named in self.vector_names() {
            if !self.bring_all(&named).await? {
                return Ok(());
            }
        }
        let header = |store: &VectorStore| {
            let (description, pages) = (store.describe(), u32::try_from(store.pages()).ok());
            pages.map(|pages| (store.position, store.rows(), description, pages))
        };
        let header = self.vectors.read().as_ref().map(header);
        let Some((position, rows, description, pages)) = header.flatten() else { return Ok(()) };
        let older = self.vector_snapshots().await?;
        let number = older.first().map_or(1, |newest| newest + 1);
        let header = Header { position, description: description.len(), pages, checksum: 0 };
        if let Err(e) = self.write_snapshot_file(number, header, description).await {
            self.discard(FileName::Vectors(number)).await;
            return Err(e);
        }
        // A copy that is under way may have listed them: then the next snapshot removes them.
        if Arc::strong_count(&self.exports) == 1 {
            for older in older {
                self.discard(FileName::Vectors(older)).await;
            }
        }
        self.damaged_snapshots.lock().retain(|damaged| *damaged != number);
        if let Some(store) = self.vectors.write().as_mut() {
            store.saved_rows = rows;
        }
        Ok(())
    }

    /// Writes a snapshot of what is in memory if reading it again from the log would take long. The log is durable. One that
    /// cannot be written is made anew when it is needed.
    pub(in crate::engine) async fn save_vectors(&self) {
        let loaded = self.vectors.read().is_some();
        if loaded && self.catch_up_vectors().await.is_ok() && self.vector_snapshot_due(usize::MAX) {
            let _ = self.write_vector_snapshot().await;
        }
    }

    /// Writes the pages of all arrays, a piece at a time: rows do not change while the caller has the vectors turn. Then what
    /// comes before them, and its first byte last.
    async fn write_snapshot_file(&self, number: u32, mut header: Header, description: Vec<u8>) -> Result<()> {
        let file = FileName::Vectors(number);
        let changed = || Error::new(ErrorCode::Aborted, format!("the indexes were dropped while {file} was written"));
        let (begin, end) = header.bounds().ok_or_else(changed)?;
        self.storage.create(file).await?;
        let mut checksums = Vec::with_capacity(header.pages as usize * 4);
        let mut at = begin as u64;
        let mut room = Vec::with_capacity(WRITE_BYTES);
        for named in self.vector_names() {
            let arrays = self.with_index(&named, |index| index.arrays().len()).ok_or_else(changed)?;
            for array in 0..arrays {
                let mut written = 0;
                loop {
                    room.clear();
                    self.with_index(&named, |index| {
                        let arrays = index.arrays();
                        let Some(array) = arrays.get(array) else { return };
                        let rest = array.bytes.get(written..).unwrap_or_default();
                        room.extend_from_slice(rest.get(..WRITE_BYTES).unwrap_or(rest));
                        to_native(&mut room, array.width);
                    });
                    if room.is_empty() {
                        break;
                    }
                    written += room.len();
                    room.resize(room.len().next_multiple_of(PAGE), 0);
                    room.chunks(PAGE).for_each(|page| checksums.extend_from_slice(&crc::hash(page).to_le_bytes()));
                    self.storage.write_at(file, at, &room).await?;
                    at += room.len() as u64;
                }
            }
        }
        if at != end as u64 {
            return Err(changed());
        }
        let mut head = description;
        head.extend_from_slice(&checksums);
        head.resize(begin - HEADER_BYTES, 0);
        header.checksum = crc::hash(&head);
        let mut bytes = self.encode_header(&header);
        bytes.extend_from_slice(&head);
        let (first, rest) = bytes.split_at(1);
        self.storage.write_at(file, 1, rest).await?;
        self.storage.sync(file).await?;
        // A single byte is there or not, whatever happens: it says that all the others are.
        self.storage.write_at(file, 0, first).await?;
        self.storage.sync(file).await
    }

    fn encode_header(&self, header: &Header) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.database.0);
        let position = header.position;
        bytes.extend_from_slice(&position.segment.to_le_bytes());
        bytes.extend_from_slice(&position.offset.to_le_bytes());
        bytes.extend_from_slice(&position.sequence.to_le_bytes());
        bytes.extend_from_slice(&position.chain);
        bytes.extend_from_slice(&(header.description as u64).to_le_bytes());
        bytes.extend_from_slice(&header.pages.to_le_bytes());
        bytes.extend_from_slice(&header.checksum.to_le_bytes());
        let checksum = crc::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }
}
