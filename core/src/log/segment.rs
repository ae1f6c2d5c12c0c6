//! A segment of the log: a file with a header, then frames. It is complete before the next one is begun.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::Chain;
use crate::{
    codec::{crc, cursor::Cursor},
    error::{Error, ErrorCode, Result},
    id::DatabaseId,
    storage::FileName,
};
use alloc::{format, vec::Vec};

/// Bytes of a segment's header: the first frame begins here.
pub(crate) const HEADER_BYTES: u64 = 80;

const MAGIC: [u8; 8] = *b"KORULOG\n";
/// The format of segments and of everything in them.
pub(crate) const FORMAT: u32 = 1;

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) database: DatabaseId,
    pub(crate) number: u32,
    /// Sequence of the last frame before this segment.
    pub(crate) sequence: u64,
    /// The chain before this segment.
    pub(crate) chain: Chain,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES as usize);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.database.0);
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.chain);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&crc::hash(&out).to_le_bytes());
        out
    }

    /// Reads the header of segment `number` of `database`.
    ///
    /// # Errors
    /// `UNSUPPORTED_FORMAT` for a newer one, `CORRUPT` for anything else that is not what [`SegmentHeader::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8], database: DatabaseId, number: u32) -> Result<SegmentHeader> {
        let file = FileName::Segment(number);
        let corrupt = |what| Error::corrupt(file, 0, what);
        let cut = || corrupt("the header of the segment is cut short");
        let head = bytes.get(..HEADER_BYTES as usize - 4).ok_or_else(cut)?;
        let mut input = Cursor::new(bytes);
        if input.array().ok_or_else(cut)? != MAGIC {
            return Err(corrupt("this is not a segment of a log"));
        }
        let format = input.u32().ok_or_else(cut)?;
        let checksum = Cursor::new(bytes.get(head.len()..).unwrap_or_default()).u32().ok_or_else(cut)?;
        if checksum != crc::hash(head) {
            return Err(corrupt("the checksum of the segment's header does not match"));
        }
        if format != FORMAT {
            return Err(newer(file, format));
        }
        let read = |input: &mut Cursor<'_>| {
            Some(SegmentHeader {
                number: input.u32()?,
                database: DatabaseId(input.array()?),
                sequence: input.u64()?,
                chain: input.array()?,
            })
        };
        let header = read(&mut input).ok_or_else(cut)?;
        if header.database != database || header.number != number {
            return Err(corrupt("the segment belongs to another database or place"));
        }
        Ok(header)
    }
}

/// The error for a file of a format that this version does not know.
pub(crate) fn newer(file: FileName, format: u32) -> Error {
    Error::new(
        ErrorCode::UnsupportedFormat,
        format!("{file} has format {format}, and this version reads format {FORMAT}: use a newer koru-delta"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_damage_is_noticed() {
        let header = SegmentHeader { database: DatabaseId([1; 16]), number: 3, sequence: 99, chain: [4; 32] };
        let bytes = header.encode();
        assert_eq!(bytes.len() as u64, HEADER_BYTES);
        assert_eq!(SegmentHeader::decode(&bytes, header.database, 3).unwrap(), header);
        assert!(SegmentHeader::decode(&bytes, header.database, 4).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bytes, header.database, 3).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(SegmentHeader::decode(&bytes[..cut], header.database, 3).is_err());
        }
    }
}
