//! One frame of the log: a fixed header with a checksum of its own, then the body.
//!
//! The header's checksum is salted with the database, the segment and the place, so a frame is valid only where it was
//! written: bytes of a frame that a user stored as a value, or that an older write left behind, are never taken for one.
//! `unsynced` says how many frames before this one were not known to be durable when it was made; after damage, that is
//! what tells a torn write (nothing later relied on it) from corruption (something did).

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::Chain;
use crate::{
    bug::{self, Bug},
    codec::{crc, cursor::Cursor},
    id::DatabaseId,
    limits,
};
use alloc::vec::Vec;

/// Bytes of a frame's header.
pub(crate) const HEADER_BYTES: usize = 32;

/// Frames begin at multiples of this many bytes.
pub(crate) const ALIGNMENT: u64 = 4;

/// The kind of a frame whose body is one commit.
pub(crate) const COMMIT: u8 = 1;

/// What the checksums of one segment are salted with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Salt(u32);

impl Salt {
    pub(crate) fn new(database: DatabaseId, segment: u32) -> Salt {
        Salt(crc::salted(crc::hash(&database.0), &segment.to_le_bytes()))
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) body_bytes: u32,
    pub(crate) sequence: u64,
    /// First bytes of the chain before this frame.
    pub(crate) link: [u8; 8],
    pub(crate) body_checksum: u32,
    pub(crate) kind: u8,
    /// How the body is encoded: 0 as it is.
    pub(crate) codec: u8,
    /// Frames before this one that were not known to be durable, at most 65,535.
    pub(crate) unsynced: u16,
}

/// The first bytes of a chain, as frames carry them.
pub(crate) fn link(chain: &Chain) -> [u8; 8] {
    let mut link = [0; 8];
    link.iter_mut().zip(chain).for_each(|(to, from)| *to = *from);
    link
}

impl FrameHeader {
    /// The header's bytes at `offset` of the segment.
    pub(crate) fn encode(&self, salt: Salt, offset: u64) -> [u8; HEADER_BYTES] {
        let mut fields = Vec::with_capacity(HEADER_BYTES);
        fields.extend_from_slice(&self.body_bytes.to_le_bytes());
        fields.extend_from_slice(&self.sequence.to_le_bytes());
        fields.extend_from_slice(&self.link);
        fields.extend_from_slice(&self.body_checksum.to_le_bytes());
        fields.extend_from_slice(&[self.kind, self.codec]);
        fields.extend_from_slice(&self.unsynced.to_le_bytes());
        let mut bytes = [0; HEADER_BYTES];
        let (head, tail) = bytes.split_at_mut(4);
        head.copy_from_slice(&checksum(salt, offset, &fields).to_le_bytes());
        tail.copy_from_slice(&fields);
        bytes
    }

    /// Reads the header that was written at `offset`; `None` if these bytes are not one.
    pub(crate) fn decode(bytes: &[u8], salt: Salt, offset: u64) -> Option<FrameHeader> {
        let mut input = Cursor::new(bytes.get(..HEADER_BYTES)?);
        let expected = input.u32()?;
        if expected != checksum(salt, offset, input.rest()) {
            return None;
        }
        let header = FrameHeader {
            body_bytes: input.u32()?,
            sequence: input.u64()?,
            link: input.array()?,
            body_checksum: input.u32()?,
            kind: input.u8()?,
            codec: input.u8()?,
            unsynced: input.array().map(u16::from_le_bytes)?,
        };
        let fits = header.body_bytes as usize <= limits::COMMIT_BYTES_MAX;
        (fits && header.sequence > 0).then_some(header)
    }

    /// Whether `body` is what the header was written for.
    pub(crate) fn matches(&self, body: &[u8]) -> bool {
        self.body_bytes as usize == body.len()
            && (self.body_checksum == crc::hash(body) || bug::active(Bug::IgnoreFrameChecksum))
    }

    /// Bytes from this frame to the next.
    pub(crate) fn frame_bytes(&self) -> u64 {
        frame_bytes(u64::from(self.body_bytes))
    }

    /// The last sequence that was known to be durable when this frame was made.
    pub(crate) fn durable_sequence(&self) -> u64 {
        match self.unsynced {
            u16::MAX => 0,
            n => (self.sequence - 1).saturating_sub(u64::from(n)),
        }
    }
}

/// Bytes that a frame with a body of `body` bytes takes, with the padding behind it.
pub(crate) fn frame_bytes(body: u64) -> u64 {
    (HEADER_BYTES as u64 + body).next_multiple_of(ALIGNMENT)
}

fn checksum(salt: Salt, offset: u64, fields: &[u8]) -> u32 {
    let salt = salt.0 ^ (offset as u32).rotate_left(16);
    crc::salted(crc::salted(salt, &offset.to_le_bytes()), fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> FrameHeader {
        FrameHeader {
            body_bytes: 40,
            sequence: 9,
            link: [5; 8],
            body_checksum: 77,
            kind: COMMIT,
            codec: 0,
            unsynced: 3,
        }
    }

    #[test]
    fn a_header_is_valid_only_where_it_was_written() {
        let (here, there) = (Salt::new(DatabaseId([1; 16]), 1), Salt::new(DatabaseId([1; 16]), 2));
        let bytes = sample().encode(here, 96);
        assert_eq!(FrameHeader::decode(&bytes, here, 96), Some(sample()));
        assert_eq!(FrameHeader::decode(&bytes, here, 100), None);
        assert_eq!(FrameHeader::decode(&bytes, there, 96), None);
        assert_eq!(FrameHeader::decode(&bytes, Salt::new(DatabaseId([2; 16]), 1), 96), None);
        assert_eq!(sample().durable_sequence(), 5);
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let salt = Salt::new(DatabaseId([1; 16]), 1);
        let bytes = sample().encode(salt, 96);
        for bit in 0..HEADER_BYTES * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::decode(&bytes, salt, 96), None, "bit {bit}");
        }
        assert_eq!(FrameHeader::decode(&[0; HEADER_BYTES], salt, 96), None, "zeros written ahead are no frame");
    }
}
