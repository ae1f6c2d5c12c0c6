//! A storage that shows packed segments as the segments that they were, so that nobody else has to tell them apart.
//!
//! A segment counts as it is for as long as it is there; where it is not, the packed one stands in its place.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::packed::{self, PackedHeader, PackedTable};
use crate::{
    error::{Error, ErrorCode, Result},
    id::DatabaseId,
    limits,
    storage::{AsyncStorage, FileInfo, FileName, read_full},
    sync::Mutex,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec, vec::Vec};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that are read to open a packed segment: the header, and the table of all but the largest.
const OPEN_BYTES: usize = 4 << 10;

/// Blocks that are read at once when much is read.
const BLOCKS_AT_ONCE: usize = 64;

/// A decompressed block.
struct Unpacked {
    segment: u32,
    block: u32,
    bytes: Arc<Vec<u8>>,
}

/// A storage with the packed segments among its files unpacked.
pub(crate) struct Unpacking<S> {
    inner: S,
    database: DatabaseId,
    /// The packed segments that were read from last, the very last one at the end.
    open: Mutex<Vec<Arc<PackedTable>>>,
    /// How many these are, for those who only want to know that there are none.
    opened: AtomicUsize,
    /// Blocks that were read from, each in the one place where it can be.
    blocks: Mutex<Vec<Option<Unpacked>>>,
    bytes: AtomicUsize,
}

impl<S> Unpacking<S> {
    /// Over the storage of `database`; at most `bytes` of decompressed blocks are kept, and one block at least.
    pub(crate) fn new(inner: S, database: DatabaseId, bytes: usize) -> Self {
        let places = (bytes / limits::PACKED_BLOCK_BYTES).max(1);
        Unpacking {
            inner,
            database,
            open: Mutex::new(Vec::new()),
            opened: AtomicUsize::new(0),
            blocks: Mutex::new((0..places).map(|_| None).collect()),
            bytes: AtomicUsize::new(0),
        }
    }

    pub(crate) fn inner(&self) -> &S {
        &self.inner
    }

    /// Memory of decompressed blocks.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn opened(&self, number: u32) -> Option<Arc<PackedTable>> {
        if self.opened.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut open = self.open.lock();
        let at = open.iter().rposition(|table| table.header.number == number)?;
        if let Some(moved) = open.get_mut(at..) {
            moved.rotate_left(1);
        }
        open.last().cloned()
    }

    fn unpacked(&self, segment: u32, block: u32) -> Option<Arc<Vec<u8>>> {
        let blocks = self.blocks.lock();
        let kept = blocks.get(place(segment, block, blocks.len()))?.as_ref()?;
        (kept.segment == segment && kept.block == block).then(|| kept.bytes.clone())
    }

    fn keep(&self, segment: u32, block: u32, bytes: Arc<Vec<u8>>) {
        let mut blocks = self.blocks.lock();
        let at = place(segment, block, blocks.len());
        if let Some(kept) = blocks.get_mut(at) {
            self.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
            let before = kept.replace(Unpacked { segment, block, bytes });
            self.bytes.fetch_sub(before.map_or(0, |b| b.bytes.len()), Ordering::Relaxed);
        }
    }
}

/// Where a block is kept: those that follow each other are beside each other.
fn place(segment: u32, block: u32, places: usize) -> usize {
    (segment.wrapping_mul(0x9e37_79b9).wrapping_add(block)) as usize % places.max(1)
}

#[driven]
impl<S: AsyncStorage> Unpacking<S> {
    /// The packed segment with a number.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none, `CORRUPT` where it is not what was written.
    pub(crate) async fn packed(&self, number: u32) -> Result<Arc<PackedTable>> {
        if let Some(table) = self.opened(number) {
            return Ok(table);
        }
        let file = FileName::Packed(number);
        let mut bytes = vec![0; OPEN_BYTES];
        let read = read_full(&self.inner, file, 0, &mut bytes).await?;
        bytes.truncate(read);
        let header = PackedHeader::decode(&bytes, self.database, number)?;
        let begin = packed::HEADER_BYTES + header.table_bytes();
        bytes.resize(begin, 0);
        if let Some(rest) = bytes.get_mut(read..) {
            read_full(&self.inner, file, read as u64, rest).await?;
        }
        let table = Arc::new(PackedTable::decode(header, bytes.get(packed::HEADER_BYTES..).unwrap_or_default())?);
        let mut open = self.open.lock();
        open.retain(|other| other.header.number != number);
        if open.len() >= limits::PACKED_OPEN_MAX {
            open.remove(0);
        }
        open.push(table.clone());
        self.opened.store(open.len(), Ordering::Release);
        Ok(table)
    }

    /// Reads of a packed segment as [`read_at`](AsyncStorage::read_at) does of a file: of `opened`, or of one that is yet to
    /// be opened, and if there is none either fails as the read of the segment did.
    async fn read_packed(
        &self,
        number: u32,
        opened: Result<Arc<PackedTable>>,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize> {
        let table = match opened {
            Ok(table) => table,
            Err(missing) => match self.packed(number).await {
                Err(e) if e.is(ErrorCode::NotFound) => return Err(missing),
                table => table?,
            },
        };
        let Some((block, within)) = table.block_at(offset) else { return Ok(0) };
        if block.is_plain() && within + buffer.len() <= block.bytes {
            // Whatever is in it has a checksum of its own.
            return self.inner.read_at(FileName::Packed(number), block.offset + within as u64, buffer).await;
        }
        if let Some(bytes) = self.unpacked(number, block.number) {
            return Ok(copy(&bytes, within, buffer));
        }
        // This one and as many behind it as there is room for.
        let (first, mut last, mut count, mut bytes) = (block, block, 1, block.bytes);
        while bytes < within + buffer.len() && count < BLOCKS_AT_ONCE {
            let Some(next) = table.block(first.number as usize + count) else { break };
            (last, count, bytes) = (next, count + 1, bytes + next.bytes);
        }
        let mut stored = vec![0; (last.offset - first.offset) as usize + last.stored];
        let read = read_full(&self.inner, FileName::Packed(number), first.offset, &mut stored).await?;
        if read < stored.len() {
            let at = first.offset + read as u64;
            return Err(Error::corrupt(FileName::Packed(number), at, "the packed segment is cut short"));
        }
        let (mut rest, mut within, mut done) = (stored.as_slice(), within, 0);
        for block in (first.number as usize..).take(count).map_while(|at| table.block(at)) {
            let Some((stored, behind)) = rest.split_at_checked(block.stored) else { break };
            rest = behind;
            let into = buffer.get_mut(done..).unwrap_or_default();
            match into.get_mut(..block.bytes).filter(|_| within == 0) {
                Some(whole) => {
                    table.unpack(&block, stored, whole)?;
                    done += block.bytes;
                }
                None => {
                    let mut bytes = vec![0; block.bytes];
                    table.unpack(&block, stored, &mut bytes)?;
                    done += copy(&bytes, within, into);
                    self.keep(number, block.number, Arc::new(bytes));
                }
            }
            within = 0;
        }
        Ok(done)
    }
}

#[driven]
impl<S: AsyncStorage> AsyncStorage for Unpacking<S> {
    fn list(&self) -> impl Future<Output = Result<Vec<FileInfo>>> {
        self.inner.list()
    }

    fn create(&self, name: FileName) -> impl Future<Output = Result<()>> {
        self.inner.create(name)
    }

    async fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let FileName::Segment(number) = name else { return self.inner.read_at(name, offset, buffer).await };
        let table = match self.opened(number) {
            Some(table) => Ok(table),
            None => match self.inner.read_at(name, offset, buffer).await {
                Err(e) if e.is(ErrorCode::NotFound) => Err(e),
                other => return other,
            },
        };
        // On the heap: every read would have to have room for it.
        Box::pin(self.read_packed(number, table, offset, buffer)).await
    }

    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> impl Future<Output = Result<()>> {
        self.inner.write_at(name, offset, data)
    }

    fn sync(&self, name: FileName) -> impl Future<Output = Result<()>> {
        self.inner.sync(name)
    }

    fn truncate(&self, name: FileName, bytes: u64) -> impl Future<Output = Result<()>> {
        self.inner.truncate(name, bytes)
    }

    fn remove(&self, name: FileName) -> impl Future<Output = Result<()>> {
        self.inner.remove(name)
    }

    fn close(&self) -> impl Future<Output = Result<()>> {
        self.inner.close()
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    fn wants_preallocation(&self) -> bool {
        self.inner.wants_preallocation()
    }

    fn wants_block_reads(&self) -> bool {
        self.inner.wants_block_reads()
    }
}

/// Copies from `from` on what fits, and returns how much that is.
fn copy(bytes: &[u8], from: usize, buffer: &mut [u8]) -> usize {
    let bytes = bytes.get(from..).unwrap_or_default();
    let count = bytes.len().min(buffer.len());
    if let (Some(to), Some(bytes)) = (buffer.get_mut(..count), bytes.get(..count)) {
        to.copy_from_slice(bytes);
    }
    count
}
