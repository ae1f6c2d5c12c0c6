//! The fixed parts of a table file, little endian:
//!
//! ```text
//! header   magic [8], version u32, number u32, database id [16], CRC-32 of that
//! blocks   one after the other, see block.rs
//! filter   see filter.rs
//! fences   see fences.rs
//! footer   filter offset u64, filter bytes u64, fences bytes u64, entries u64, max stamp u64, blocks u32,
//!          filter CRC-32, fences CRC-32, magic [8], CRC-32 of that
//! ```
//!
//! Invariant: every byte of the file is under a checksum that is seeded with the database and the table, and a block's also
//! with its number, so that bytes of another file or another place do not pass.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::{
    codec::crc,
    error::{Error, ErrorCode, Result},
    id::DatabaseId,
    storage::FileName,
};
use alloc::{format, vec::Vec};

const MAGIC: [u8; 8] = *b"koru-idx";
const FOOTER_MAGIC: [u8; 8] = *b"koru-end";
const VERSION: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 36;
pub(crate) const FOOTER_BYTES: usize = 64;

/// Takes numbers off the front of bytes whose length is known to be right.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk() else { return [0; N] };
        self.0 = rest;
        *field
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

/// The header of a table.
pub(crate) fn encode_header(database: DatabaseId, number: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&database.0);
    let crc = crc::salted(crc::file_salt(database, number), &out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Checks that a header is that of this table of this database in a format that this engine reads.
pub(crate) fn check_header(bytes: &[u8; HEADER_BYTES], database: DatabaseId, number: u32) -> Result<()> {
    let corrupt = |what| Err(Error::corrupt(FileName::Table(number), 0, what));
    let mut fields = Fields(bytes);
    let (magic, version, found) = (fields.take(), fields.u32(), fields.u32());
    let found_database = DatabaseId(fields.take());
    let crc = fields.u32();
    if magic != MAGIC {
        return corrupt("this is not an index table");
    }
    let body = bytes.get(..HEADER_BYTES - 4).unwrap_or_default();
    if crc != crc::salted(crc::file_salt(found_database, found), body) {
        return corrupt("the header's checksum does not match");
    }
    if version != VERSION {
        let name = FileName::Table(number);
        let message = format!("{name} has table format {version}, and this engine reads format {VERSION}: update it");
        return Err(Error::new(ErrorCode::UnsupportedFormat, message));
    }
    if found != number || found_database != database {
        let what = format!("the file is table {found} of database {found_database}, not {number} of {database}");
        return Err(Error::corrupt(FileName::Table(number), 0, what));
    }
    Ok(())
}

/// The footer of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Where the blocks end and the filter begins; the fences follow it, then the footer.
    pub filter_offset: u64,
    pub filter_bytes: u64,
    pub fences_bytes: u64,
    pub entries: u64,
    pub max_stamp: u64,
    pub blocks: u32,
    pub filter_crc: u32,
    pub fences_crc: u32,
}

impl Footer {
    pub(crate) fn encode(&self, salt: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        for field in [self.filter_offset, self.filter_bytes, self.fences_bytes, self.entries, self.max_stamp] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.blocks, self.filter_crc, self.fences_crc] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&FOOTER_MAGIC);
        let crc = crc::salted(salt, &out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// The footer at the end of a file of `file_bytes`, or what is wrong with it.
    pub(crate) fn decode(
        bytes: &[u8; FOOTER_BYTES],
        salt: u32,
        file_bytes: u64,
    ) -> core::result::Result<Footer, &'static str> {
        let mut fields = Fields(bytes);
        let footer = Footer {
            filter_offset: fields.u64(),
            filter_bytes: fields.u64(),
            fences_bytes: fields.u64(),
            entries: fields.u64(),
            max_stamp: fields.u64(),
            blocks: fields.u32(),
            filter_crc: fields.u32(),
            fences_crc: fields.u32(),
        };
        if fields.take() != FOOTER_MAGIC {
            return Err("the table has no footer where it should end");
        }
        if fields.u32() != crc::salted(salt, bytes.get(..FOOTER_BYTES - 4).unwrap_or_default()) {
            return Err("the footer's checksum does not match");
        }
        let end = [footer.filter_bytes, footer.fences_bytes, FOOTER_BYTES as u64]
            .iter()
            .try_fold(footer.filter_offset, |sum, part| sum.checked_add(*part));
        if end != Some(file_bytes) || footer.filter_offset < HEADER_BYTES as u64 {
            return Err("the parts that the footer names do not make up the file");
        }
        Ok(footer)
    }
}
