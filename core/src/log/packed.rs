//! A packed segment: the bytes of a complete segment, compressed in blocks, so that a place in the segment is found with
//! one read and one block to decompress. Little endian:
//!
//! ```text
//! header   magic [8], format u32, number u32, database id [16], bytes of the segment u64, bytes of a block u32,
//!          CRC-32 of the table, CRC-32 of that
//! table    for each block: bytes in this file u32, CRC-32 of them
//! blocks   one after the other; as they were where LZ4 makes them little smaller
//! ```
//!
//! Invariant: checksums are seeded with the database and the number, and a block's also with its own number, so that bytes
//! of another file or another place do not pass. The header is written last: a file without one was never finished.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::segment::newer;
use crate::{
    codec::{crc, cursor::Cursor},
    error::{Error, Result},
    id::DatabaseId,
    limits,
    storage::FileName,
};
use alloc::{vec, vec::Vec};
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

const MAGIC: [u8; 8] = *b"KORUPACK";
const FORMAT: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 52;
/// Bytes of a block's entry in the table.
const ENTRY_BYTES: usize = 8;
/// The smallest block that is accepted from a file: bounds the table of what may be a large segment.
const BLOCK_BYTES_MIN: u32 = 1 << 10;
/// The longest that a segment can be: one of the usual size, or one frame in a segment of its own.
const SEGMENT_BYTES_MAX: u64 = limits::SEGMENT_BYTES + limits::COMMIT_BYTES_MAX as u64;

/// The header of a packed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedHeader {
    pub(crate) database: DatabaseId,
    pub(crate) number: u32,
    /// Bytes of the segment as it was.
    pub(crate) segment_bytes: u64,
    /// Bytes of the segment that are one block; the last one may be shorter.
    block_bytes: u32,
    table_checksum: u32,
}

impl PackedHeader {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.database.0);
        out.extend_from_slice(&self.segment_bytes.to_le_bytes());
        out.extend_from_slice(&self.block_bytes.to_le_bytes());
        out.extend_from_slice(&self.table_checksum.to_le_bytes());
        out.extend_from_slice(&crc::salted(crc::file_salt(self.database, self.number), &out).to_le_bytes());
        out
    }

    /// Reads the header of packed segment `number` of `database`.
    ///
    /// # Errors
    /// `UNSUPPORTED_FORMAT` for a newer one, `CORRUPT` for anything else that is not what was written.
    pub(crate) fn decode(bytes: &[u8], database: DatabaseId, number: u32) -> Result<PackedHeader> {
        let file = FileName::Packed(number);
        let corrupt = |what| Error::corrupt(file, 0, what);
        let cut = || corrupt("the header of the packed segment is cut short");
        let head = bytes.get(..HEADER_BYTES - 4).ok_or_else(cut)?;
        let mut input = Cursor::new(bytes);
        if input.array().ok_or_else(cut)? != MAGIC {
            return Err(corrupt("this is not a packed segment"));
        }
        let format = input.u32().ok_or_else(cut)?;
        let read = |input: &mut Cursor<'_>| {
            let header = PackedHeader {
                number: input.u32()?,
                database: DatabaseId(input.array()?),
                segment_bytes: input.u64()?,
                block_bytes: input.u32()?,
                table_checksum: input.u32()?,
            };
            Some((header, input.u32()?))
        };
        let (header, checksum) = read(&mut input).ok_or_else(cut)?;
        if checksum != crc::salted(crc::file_salt(header.database, header.number), head) {
            return Err(corrupt("the checksum of the packed segment's header does not match"));
        }
        if format != FORMAT {
            return Err(newer(file, format));
        }
        if header.database != database || header.number != number {
            return Err(corrupt("the packed segment belongs to another database or place"));
        }
        let fits = (BLOCK_BYTES_MIN..=limits::PACKED_BLOCK_BYTES_MAX as u32).contains(&header.block_bytes)
            && (1..=SEGMENT_BYTES_MAX).contains(&header.segment_bytes);
        if fits { Ok(header) } else { Err(corrupt("the packed segment is larger than a segment can be")) }
    }

    fn blocks(&self) -> usize {
        usize::try_from(self.segment_bytes.div_ceil(u64::from(self.block_bytes))).unwrap_or(usize::MAX)
    }

    /// Bytes of the table, which is right behind the header.
    pub(crate) fn table_bytes(&self) -> usize {
        self.blocks().saturating_mul(ENTRY_BYTES)
    }
}

/// Where a block is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) number: u32,
    /// First byte in the packed file.
    pub(crate) offset: u64,
    /// Bytes there.
    pub(crate) stored: usize,
    /// Bytes of the segment.
    pub(crate) bytes: usize,
    checksum: u32,
}

impl Block {
    /// Whether it stands in the file as it was in the segment.
    pub(crate) fn is_plain(&self) -> bool {
        self.stored == self.bytes
    }
}

/// The header and the table of a packed segment.
#[derive(Debug)]
pub(crate) struct PackedTable {
    pub(crate) header: PackedHeader,
    salt: u32,
    /// For each block: where it begins in the file, and the checksum of what is there.
    blocks: Vec<(u32, u32)>,
    /// Where the last block ends.
    end: u32,
}

impl PackedTable {
    /// Reads the table behind a header.
    ///
    /// # Errors
    /// `CORRUPT` for anything that is not what was written.
    pub(crate) fn decode(header: PackedHeader, bytes: &[u8]) -> Result<PackedTable> {
        let corrupt = |what| Error::corrupt(FileName::Packed(header.number), HEADER_BYTES as u64, what);
        let salt = crc::file_salt(header.database, header.number);
        if bytes.len() != header.table_bytes() || crc::salted(salt, bytes) != header.table_checksum {
            return Err(corrupt("the checksum of the table of blocks does not match"));
        }
        let mut input = Cursor::new(bytes);
        // All of it is far below 4 GiB: the header was checked.
        let mut end = (HEADER_BYTES + bytes.len()) as u32;
        let mut blocks = Vec::with_capacity(header.blocks());
        while let (Some(stored), Some(checksum)) = (input.u32(), input.u32()) {
            blocks.push((end, checksum));
            if stored > header.block_bytes {
                return Err(corrupt("a block is larger than it was before it was compressed"));
            }
            end += stored;
        }
        Ok(PackedTable { header, salt, blocks, end })
    }

    /// The block with byte `offset` of the segment, and at which of its bytes that is; `None` past the end.
    pub(crate) fn block_at(&self, offset: u64) -> Option<(Block, usize)> {
        let size = u64::from(self.header.block_bytes);
        let block = self.block(usize::try_from(offset / size).ok()?)?;
        let within = (offset % size) as usize;
        (within < block.bytes).then_some((block, within))
    }

    /// The block with a number.
    pub(crate) fn block(&self, number: usize) -> Option<Block> {
        let (offset, checksum) = *self.blocks.get(number)?;
        let end = self.blocks.get(number + 1).map_or(self.end, |next| next.0);
        let size = u64::from(self.header.block_bytes);
        let bytes = (self.header.segment_bytes - number as u64 * size).min(size) as usize;
        let (offset, stored) = (u64::from(offset), (end - offset) as usize);
        Some(Block { number: number as u32, offset, stored, bytes, checksum })
    }

    /// Checks what the file has of a block, and decompresses it into `out`, which is as long as the block was.
    ///
    /// # Errors
    /// `CORRUPT` where it is not what was written.
    pub(crate) fn unpack(&self, block: &Block, stored: &[u8], out: &mut [u8]) -> Result<()> {
        let corrupt = |what| Err(Error::corrupt(FileName::Packed(self.header.number), block.offset, what));
        let matches = crc::salted(crc::block_salt(self.salt, block.number), stored) == block.checksum;
        if stored.len() != block.stored || !matches {
            return corrupt("the checksum of a block does not match");
        }
        if block.is_plain() {
            out.copy_from_slice(stored);
            return Ok(());
        }
        match decompress_into(stored, out) {
            Ok(bytes) if bytes == out.len() => Ok(()),
            _ => corrupt("a block cannot be decompressed"),
        }
    }
}

/// Packs the blocks of a segment, one after the other.
pub(crate) struct Packer {
    database: DatabaseId,
    number: u32,
    segment_bytes: u64,
    salt: u32,
    table: Vec<u8>,
    room: Vec<u8>,
}

impl Packer {
    pub(crate) fn new(database: DatabaseId, number: u32, segment_bytes: u64) -> Packer {
        Packer {
            database,
            number,
            segment_bytes,
            salt: crc::file_salt(database, number),
            table: Vec::new(),
            room: vec![0; get_maximum_output_size(limits::PACKED_BLOCK_BYTES)],
        }
    }

    /// Where the first block goes: behind the header and the table.
    pub(crate) fn blocks_offset(&self) -> u64 {
        (HEADER_BYTES + self.header(0).table_bytes()) as u64
    }

    fn header(&self, table_checksum: u32) -> PackedHeader {
        PackedHeader {
            database: self.database,
            number: self.number,
            segment_bytes: self.segment_bytes,
            block_bytes: limits::PACKED_BLOCK_BYTES as u32,
            table_checksum,
        }
    }

    /// Packs what comes next of the segment, and appends it to `out`: whole blocks, unless it is the last of it.
    pub(crate) fn pack(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        bytes.chunks(limits::PACKED_BLOCK_BYTES).for_each(|block| self.pack_block(block, out));
    }

    fn pack_block(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let number = (self.table.len() / ENTRY_BYTES) as u32;
        // Blocks below 64 KiB are compressed alike on every platform.
        let packed =
            (block.len() <= limits::PACKED_BLOCK_BYTES).then(|| compress_into(block, &mut self.room).ok()).flatten();
        // A block that gets little smaller is read in parts, without the rest of it: worth an eighth of its room. And what
        // does not come back as it was is left as it is.
        let packed = packed.filter(|&bytes| bytes <= block.len() / 8 * 7).and_then(|bytes| self.room.get(..bytes));
        let mut back = vec![0; block.len()];
        let same = packed.is_some_and(|packed| decompress_into(packed, &mut back).is_ok() && back == block);
        let stored = packed.filter(|_| same).unwrap_or(block);
        self.table.extend_from_slice(&(stored.len() as u32).to_le_bytes());
        self.table.extend_from_slice(&crc::salted(crc::block_salt(self.salt, number), stored).to_le_bytes());
        out.extend_from_slice(stored);
    }

    /// The header and the table, once all blocks were packed: what the file begins with.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut out = self.header(crc::salted(self.salt, &self.table)).encode();
        out.extend_from_slice(&self.table);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DATABASE: DatabaseId = DatabaseId([7; 16]);

    fn packed(segment: &[u8]) -> Vec<u8> {
        let mut packer = Packer::new(DATABASE, 3, segment.len() as u64);
        let mut blocks = Vec::new();
        packer.pack(segment, &mut blocks);
        let mut file = packer.finish();
        assert_eq!(file.len() as u64, packer.blocks_offset());
        file.extend_from_slice(&blocks);
        file
    }

    fn unpacked(file: &[u8]) -> Result<Vec<u8>> {
        let header = PackedHeader::decode(file, DATABASE, 3)?;
        let cut = || Error::corrupt("file", 0, "cut");
        let table = file.get(HEADER_BYTES..HEADER_BYTES + header.table_bytes()).ok_or_else(cut)?;
        let table = PackedTable::decode(header, table)?;
        let mut segment = Vec::new();
        while let Some((block, within)) = table.block_at(segment.len() as u64) {
            assert_eq!(within, 0);
            let at = block.offset as usize;
            let stored = file.get(at..at + block.stored).ok_or_else(cut)?;
            let mut out = vec![0; block.bytes];
            table.unpack(&block, stored, &mut out)?;
            segment.extend_from_slice(&out);
        }
        Ok(segment)
    }

    /// Text that repeats itself, then noise: blocks of both kinds.
    fn segment(text: usize, noise: usize) -> Vec<u8> {
        let words =
            (0_u32..).flat_map(|n| alloc::format!("user:{:08} ", n.wrapping_mul(2_654_435_761) % 1000).into_bytes());
        let mut state = 1_u64;
        let random = core::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        words.take(text).chain(random.take(noise)).collect()
    }

    #[test]
    fn a_segment_comes_back_and_text_gets_smaller() {
        for (text, noise) in [(1, 0), (0, 1), (16_384, 0), (16_385, 0), (100_000, 50_000), (0, 40_000)] {
            let segment = segment(text, noise);
            let file = packed(&segment);
            assert_eq!(unpacked(&file).unwrap(), segment, "{text} {noise}");
            assert!(file.len() < text * 6 / 10 + noise + 100, "{text} {noise}: {}", file.len());
        }
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let file = packed(&segment(20_000, 5_000));
        for at in 0..file.len() {
            let mut file = file.clone();
            file[at] ^= 1 << (at % 8);
            assert!(unpacked(&file).is_err(), "byte {at}");
        }
        for cut in (0..file.len()).step_by(37) {
            assert!(unpacked(&file[..cut]).is_err(), "cut at {cut}");
        }
        assert!(PackedHeader::decode(&file, DATABASE, 4).is_err());
        assert!(PackedHeader::decode(&file, DatabaseId([8; 16]), 3).is_err());
    }

    #[test]
    fn a_header_asks_for_no_more_room_than_a_segment_needs() {
        let header = |segment_bytes, block_bytes| PackedHeader {
            database: DATABASE,
            number: 3,
            segment_bytes,
            block_bytes,
            table_checksum: 0,
        };
        for (segment_bytes, block_bytes) in
            [(u64::MAX, 16_384), (SEGMENT_BYTES_MAX + 1, 16_384), (0, 16_384), (9, 1_023), (9, 65_537)]
        {
            let refused = PackedHeader::decode(&header(segment_bytes, block_bytes).encode(), DATABASE, 3);
            assert!(refused.is_err(), "{segment_bytes} {block_bytes}");
        }
        assert!(PackedHeader::decode(&header(SEGMENT_BYTES_MAX, 1_024).encode(), DATABASE, 3).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(0_u8..4, 1..40_000)) {
            prop_assert_eq!(unpacked(&packed(&bytes)).unwrap(), bytes);
        }
    }
}
