//! A table: an immutable sorted file of the index, open for lookups.
//!
//! Invariant: the filter, the fences and the footer were verified when the table was opened, a block is verified whenever it
//! is read, and what is not right is `CORRUPT` with file and offset, never a wrong answer. Opening reads these parts only;
//! a lookup reads one block, or a second one when the key falls into the gap between two.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{
    block::{Block, Malformed},
    block_cursor::BlockCursor,
    builder::TableInfo,
    fences::Fences,
    filter::{Filter, Probe},
    layout::{self, FOOTER_BYTES, Footer, HEADER_BYTES},
};
use crate::{
    codec::crc,
    error::{Error, Result},
    id::DatabaseId,
    storage::{self, AsyncStorage, FileName},
};
use alloc::{format, sync::Arc, vec, vec::Vec};

/// Where verified blocks are kept; how many is its own affair.
pub(crate) trait BlockCache {
    /// A block that was inserted before.
    fn get(&self, table: u32, block: u32) -> Option<Arc<Block>>;
    /// Takes a block that was just read.
    fn insert(&self, table: u32, block: u32, data: &Arc<Block>);
}

/// Keeps nothing: for reads of whole tables, which would only push out what others use.
#[derive(Debug)]
pub(crate) struct NoCache;

impl BlockCache for NoCache {
    fn get(&self, _: u32, _: u32) -> Option<Arc<Block>> {
        None
    }
    fn insert(&self, _: u32, _: u32, _: &Arc<Block>) {}
}

/// Where blocks come from.
pub(crate) struct Blocks<'a, S> {
    pub storage: &'a S,
    /// No type of its own: the code that reads tables is there once.
    pub cache: &'a dyn BlockCache,
}

impl<S> Clone for Blocks<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Blocks<'_, S> {}

/// An entry that a lookup found, with the block it is in. Made once and used for many lookups, it costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(super) block: Option<Arc<Block>>,
    /// Number of that block.
    pub(super) number: usize,
    pub(super) cursor: BlockCursor,
}

impl Found {
    pub(crate) fn valid(&self) -> bool {
        self.cursor.valid()
    }

    /// The key of the entry; meaningless when not valid.
    pub(crate) fn key(&self) -> &[u8] {
        self.cursor.key()
    }

    /// The value of the entry; meaningless when not valid.
    pub(crate) fn value(&self) -> &[u8] {
        self.block.as_ref().map_or(&[], |block| self.cursor.value(block))
    }

    /// Moves within one block, which becomes the current one.
    pub(super) fn enter(
        &mut self,
        table: &Table,
        number: usize,
        block: Arc<Block>,
        step: impl FnOnce(&mut BlockCursor, &Block) -> core::result::Result<bool, Malformed>,
    ) -> Result<bool> {
        self.number = number;
        let found = step(&mut self.cursor, &block).map_err(|what| table.corrupt_block(number, what));
        self.block = Some(block);
        found
    }
}

/// An open table.
#[derive(Debug)]
pub(crate) struct Table {
    info: TableInfo,
    database: DatabaseId,
    salt: u32,
    max_stamp: u64,
    filter: Filter,
    fences: Fences,
}

#[driven]
async fn read_exactly<S: AsyncStorage>(storage: &S, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<()> {
    let length = storage::read_full(storage, name, offset, buffer).await?;
    if length == buffer.len() {
        return Ok(());
    }
    let what = format!("the file ends {} bytes early", buffer.len() - length);
    Err(Error::corrupt(name, offset.saturating_add(length as u64), what))
}

#[driven]
impl Table {
    /// Opens table `number`, whose file was `bytes` long when it was finished. Reads and verifies all but the blocks.
    ///
    /// # Errors
    /// `CORRUPT`, `UNSUPPORTED_FORMAT` for a newer format, and those of the storage.
    pub(crate) async fn open<S: AsyncStorage>(
        storage: &S,
        number: u32,
        database: DatabaseId,
        bytes: u64,
    ) -> Result<Table> {
        let name = FileName::Table(number);
        let salt = crc::file_salt(database, number);
        let footer_offset = bytes
            .checked_sub(FOOTER_BYTES as u64)
            .filter(|offset| *offset >= HEADER_BYTES as u64)
            .ok_or_else(|| Error::corrupt(name, 0, format!("{bytes} bytes are too few for a table")))?;
        let mut header = [0; HEADER_BYTES];
        read_exactly(storage, name, 0, &mut header).await?;
        layout::check_header(&header, database, number)?;
        let mut footer = [0; FOOTER_BYTES];
        read_exactly(storage, name, footer_offset, &mut footer).await?;
        let footer = Footer::decode(&footer, salt, bytes).map_err(|what| Error::corrupt(name, footer_offset, what))?;

        // The footer's numbers add up to the length of a file whose last byte was just read: that bounds the buffer.
        let filter_bytes = footer.filter_bytes as usize;
        let length = usize::try_from(footer.filter_bytes + footer.fences_bytes)
            .map_err(|_| Error::limit(format!("the index of {name} does not fit into memory")))?;
        let mut parts = vec![0; length];
        read_exactly(storage, name, footer.filter_offset, &mut parts).await?;
        let (filter, fences) = parts.split_at_checked(filter_bytes).unwrap_or_default();
        let fences_offset = footer.filter_offset + footer.filter_bytes;
        if crc::salted(salt, filter) != footer.filter_crc {
            return Err(Error::corrupt(name, footer.filter_offset, "the filter's checksum does not match"));
        }
        if crc::salted(salt, fences) != footer.fences_crc {
            return Err(Error::corrupt(name, fences_offset, "the fences' checksum does not match"));
        }
        let filter = Filter::decode(filter)
            .ok_or_else(|| Error::corrupt(name, footer.filter_offset, "the filter has an impossible length"))?;
        let fences = Fences::decode(fences, footer.blocks, HEADER_BYTES as u64, footer.filter_offset)
            .map_err(|what| Error::corrupt(name, fences_offset, what))?;
        let info = TableInfo { number, bytes, entries: footer.entries };
        Ok(Table { info, database, salt, max_stamp: footer.max_stamp, filter, fences })
    }

    /// Number, length and entries.
    pub(crate) fn info(&self) -> TableInfo {
        self.info
    }

    pub(crate) fn database(&self) -> DatabaseId {
        self.database
    }

    /// What the builder's caller passed to `finish`.
    pub(crate) fn max_stamp(&self) -> u64 {
        self.max_stamp
    }

    /// The smallest key.
    pub(crate) fn min_key(&self) -> &[u8] {
        self.fences.min_key()
    }

    /// The largest key.
    pub(crate) fn max_key(&self) -> &[u8] {
        self.fences.max_key()
    }

    /// Memory held while open.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.filter.bytes() + self.fences.bytes() + size_of::<Table>()
    }

    /// Whether a key with this filter part may be in the table.
    #[inline]
    pub(crate) fn may_contain(&self, part: &Probe) -> bool {
        self.filter.may_contain(part)
    }

    /// Asks for what [`Table::may_contain`] will look at.
    #[inline]
    pub(crate) fn touch_filter(&self, filter_hash: u64) {
        self.filter.touch(filter_hash);
    }

    /// Finds the first entry at or after `key`, and returns whether there is one. Reads a block or two.
    pub(crate) async fn find_first<S: AsyncStorage>(
        &self,
        blocks: Blocks<'_, S>,
        key: &[u8],
        found: &mut Found,
    ) -> Result<bool> {
        found.cursor.clear();
        if key > self.max_key() {
            return Ok(false);
        }
        let number = self.fences.block_of(key);
        let block = self.block(blocks, number).await?;
        if found.enter(self, number, block, |cursor, block| cursor.seek(block, key))? {
            return Ok(true);
        }
        self.first_of(blocks, number + 1, found).await
    }

    /// Moves to the first entry of a block, if there is such a block.
    pub(super) async fn first_of<S: AsyncStorage>(
        &self,
        blocks: Blocks<'_, S>,
        number: usize,
        found: &mut Found,
    ) -> Result<bool> {
        found.cursor.clear();
        if number >= self.fences.len() {
            return Ok(false);
        }
        let block = self.block(blocks, number).await?;
        found.enter(self, number, block, BlockCursor::first)
    }

    /// Finds the last entry before `bound`, and returns whether there is one. Reads a block or two.
    pub(crate) async fn find_last_before<S: AsyncStorage>(
        &self,
        blocks: Blocks<'_, S>,
        bound: &[u8],
        found: &mut Found,
    ) -> Result<bool> {
        found.cursor.clear();
        if bound <= self.min_key() {
            return Ok(false);
        }
        let number = self.fences.block_of(bound);
        let block = self.block(blocks, number).await?;
        if found.enter(self, number, block, |cursor, block| cursor.seek_back(block, Some(bound)))? {
            return Ok(true);
        }
        let Some(number) = number.checked_sub(1) else { return Ok(false) };
        let block = self.block(blocks, number).await?;
        found.enter(self, number, block, |cursor, block| cursor.seek_back(block, None))
    }

    pub(super) async fn block<S: AsyncStorage>(&self, blocks: Blocks<'_, S>, number: usize) -> Result<Arc<Block>> {
        if let Some(block) = blocks.cache.get(self.info.number, number as u32) {
            return Ok(block);
        }
        let block = Arc::new(self.read_block(blocks.storage, number).await?);
        blocks.cache.insert(self.info.number, number as u32, &block);
        Ok(block)
    }

    async fn read_block<S: AsyncStorage>(&self, storage: &S, number: usize) -> Result<Block> {
        let name = FileName::Table(self.info.number);
        let (offset, length) = self.fences.place(number).unwrap_or_default();
        let mut bytes = vec![0; length];
        read_exactly(storage, name, offset, &mut bytes).await?;
        let salt = crc::block_salt(self.salt, number as u32);
        Block::verify(bytes, salt).map_err(|what| self.corrupt_block(number, what))
    }

    fn corrupt_block(&self, number: usize, malformed: Malformed) -> Error {
        let offset = self.fences.place(number).map_or(0, |(offset, _)| offset);
        Error::corrupt(FileName::Table(self.info.number), offset + malformed.at as u64, malformed.what)
    }

    /// Reads the whole file again and checks every block, the order of the keys and the counts. Returns the entries.
    ///
    /// # Errors
    /// `CORRUPT` with file and offset of the first thing that is wrong; those of the storage.
    pub(crate) async fn verify<S: AsyncStorage>(&self, storage: &S) -> Result<u64> {
        let table = Table::open(storage, self.info.number, self.database, self.info.bytes).await?;
        let name = FileName::Table(self.info.number);
        let mut entries = 0u64;
        let mut last: Option<Vec<u8>> = None;
        let mut cursor = BlockCursor::default();
        for number in 0..table.fences.len() {
            let block = table.read_block(storage, number).await?;
            let corrupt = |at, what| table.corrupt_block(number, Malformed { at, what });
            let fence = table.fences.fence(number);
            if last.as_ref().is_some_and(|last| **last >= *fence) {
                return Err(corrupt(0, "the block's fence is not above the block before"));
            }
            let mut more = cursor.first(&block).map_err(|what| corrupt(what.at, what.what))?;
            if cursor.key() < fence {
                return Err(corrupt(0, "the block begins below its fence"));
            }
            while more {
                if last.as_ref().is_some_and(|last| **last >= *cursor.key()) {
                    return Err(corrupt(0, "the block's keys are not in order"));
                }
                let last = last.get_or_insert_default();
                last.clear();
                last.extend_from_slice(cursor.key());
                entries += 1;
                more = cursor.next(&block).map_err(|what| corrupt(what.at, what.what))?;
            }
        }
        let footer_offset = table.info.bytes - FOOTER_BYTES as u64;
        if entries != table.info.entries {
            let what = format!("the footer counts {} entries, and there are {entries}", table.info.entries);
            return Err(Error::corrupt(name, footer_offset, what));
        }
        if last.as_deref() != Some(table.max_key()) {
            return Err(Error::corrupt(name, footer_offset, "the largest key is not the one that the fences name"));
        }
        Ok(entries)
    }
}
