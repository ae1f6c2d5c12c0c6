//! Writes a table: keys in ascending order go in, blocks stream out.
//!
//! Invariant: memory is one chunk of output, the fences and eight bytes a document for the filter, whatever the size of the
//! table. The file is complete and durable when `finish` returns, and is no table before: the footer comes last.

use super::{
    block::BlockBuilder,
    fences,
    filter::FilterBuilder,
    layout::{self, Footer},
};
use crate::{
    codec::crc,
    error::{Error, Result},
    id::DatabaseId,
    limits,
    storage::{AsyncStorage, FileName},
};
use alloc::{format, vec::Vec};

/// The part of a key that the filter is asked about, or `None` for a key that is never asked for.
pub(crate) type FilterPart = fn(&[u8]) -> Option<&[u8]>;

/// A finished table, as a manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableInfo {
    /// It lies in `FileName::Table(number)`.
    pub number: u32,
    /// Length of the file.
    pub bytes: u64,
    pub entries: u64,
}

/// Writes one table. Dropped before `finish` it leaves an incomplete file, which the caller removes.
#[derive(Debug)]
pub(crate) struct TableBuilder {
    name: FileName,
    number: u32,
    salt: u32,
    filter_part: FilterPart,
    block: BlockBuilder,
    filter: FilterBuilder,
    fences: Vec<u8>,
    /// The fence of the block that is being filled.
    fence: Vec<u8>,
    blocks: u32,
    entries: u64,
    /// Bytes not yet written, which go to `offset`.
    output: Vec<u8>,
    offset: u64,
}

#[driven]
impl TableBuilder {
    /// Creates the file and begins the table.
    pub(crate) async fn create<S: AsyncStorage>(
        storage: &S,
        number: u32,
        database: DatabaseId,
        filter_part: FilterPart,
    ) -> Result<TableBuilder> {
        let name = FileName::Table(number);
        storage.create(name).await?;
        Ok(TableBuilder {
            name,
            number,
            salt: crc::file_salt(database, number),
            filter_part,
            block: BlockBuilder::default(),
            filter: FilterBuilder::default(),
            fences: Vec::new(),
            fence: Vec::new(),
            blocks: 0,
            entries: 0,
            output: layout::encode_header(database, number),
            offset: 0,
        })
    }

    /// Adds an entry with a key above all before it. Writes when a chunk is full.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a key out of order, `LIMIT_EXCEEDED` for an entry larger than a block may be. Neither harms
    /// the builder.
    pub(crate) async fn add<S: AsyncStorage>(&mut self, storage: &S, key: &[u8], value: &[u8]) -> Result<()> {
        if self.entries > 0 && key <= self.block.last_key() {
            return Err(Error::invalid(format!(
                "entry {} of {} does not come after the one before it",
                self.entries, self.name
            )));
        }
        if !BlockBuilder::fits_alone(key, value) {
            let (key, value, max) = (key.len(), value.len(), limits::TABLE_BLOCK_BYTES_MAX);
            let message = format!("an index entry of {key} and {value} bytes does not fit a block of {max} bytes");
            return Err(Error::limit(message));
        }
        if !self.block.is_empty() && !self.block.has_room(key, value) {
            self.end_block()?;
        }
        if self.block.is_empty() {
            let fence = if self.entries == 0 { key } else { fences::separator(self.block.last_key(), key) };
            self.fence.clear();
            self.fence.extend_from_slice(fence);
        }
        self.block.add(key, value);
        self.entries += 1;
        if let Some(part) = (self.filter_part)(key) {
            self.filter.add(part);
        }
        if self.output.len() >= limits::TABLE_WRITE_BYTES {
            self.write_output(storage).await?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        let salt = crc::block_salt(self.salt, self.blocks);
        let length = self.block.finish(salt, &mut self.output);
        fences::encode_fence(&mut self.fences, length, &self.fence);
        if self.fences.len() > u32::MAX as usize - limits::TABLE_BLOCK_BYTES_MAX * 4 {
            return Err(Error::limit(format!("{} would have more blocks than a table may have", self.name)));
        }
        self.blocks += 1;
        Ok(())
    }

    async fn write_output<S: AsyncStorage>(&mut self, storage: &S) -> Result<()> {
        storage.write_at(self.name, self.offset, &self.output).await?;
        self.offset += self.output.len() as u64;
        self.output.clear();
        Ok(())
    }

    /// Writes the rest of the file and makes it durable. `max_stamp` is kept for the caller.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a table without entries; those of the storage.
    pub(crate) async fn finish<S: AsyncStorage>(mut self, storage: &S, max_stamp: u64) -> Result<TableInfo> {
        if self.entries == 0 {
            return Err(Error::invalid(format!("{} would have no entries", self.name)));
        }
        self.end_block()?;
        let filter_offset = self.offset + self.output.len() as u64;
        let filter = self.filter.encode();
        let mut fences = Vec::new();
        fences::encode_key(&mut fences, self.block.last_key());
        fences.append(&mut self.fences);
        let footer = Footer {
            filter_offset,
            filter_bytes: filter.len() as u64,
            fences_bytes: fences.len() as u64,
            entries: self.entries,
            max_stamp,
            blocks: self.blocks,
            filter_crc: crc::salted(self.salt, &filter),
            fences_crc: crc::salted(self.salt, &fences),
        };
        for part in [filter, fences, footer.encode(self.salt)] {
            self.output.extend_from_slice(&part);
        }
        self.write_output(storage).await?;
        storage.sync(self.name).await?;
        Ok(TableInfo { number: self.number, bytes: self.offset, entries: self.entries })
    }
}
