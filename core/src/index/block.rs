//! Blocks of a table: a few kilobytes of sorted entries, the unit that is read, verified and cached.
//!
//! ```text
//! entries    varint shared, varint unshared, varint tail, varint value length, unshared key bytes, value bytes
//! restarts   u16 each: offsets of the entries that share nothing with the one before, every 8th
//! count      u16: how many restarts
//! checksum   u32: CRC-32 of all that, seeded with the place of the block
//! ```
//!
//! A key is the first `shared` bytes of the key before, the unshared bytes, and the last `tail` bytes of the last key before
//! that shared nothing: keys of documents end in a time and an actor, which are those of many.
//!
//! Invariant: nothing in a block is believed before it was checked. The checksum and the restarts are verified once, when the
//! bytes are read; the entries between restarts at each step of a cursor, see block_cursor.rs.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::heads::{self, common_prefix, common_suffix};
use crate::{
    bug::{self, Bug},
    codec::{crc, varint},
    limits,
};
use alloc::{boxed::Box, vec::Vec};
use core::{hint, ops::Range};

/// Entries from one restart to the next: what a lookup steps over after its binary search, at most.
const RESTART_INTERVAL: usize = 8;
const CHECKSUM_BYTES: usize = 4;
const COUNT_BYTES: usize = 2;
const RESTART_BYTES: usize = 2;
/// Four lengths below `TABLE_BLOCK_BYTES_MAX`.
const ENTRY_HEADER_BYTES_MAX: usize = 12;

/// What is wrong with a block and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub at: usize,
    pub what: &'static str,
}

pub(super) fn malformed<T>(at: usize, what: &'static str) -> Result<T, Malformed> {
    Err(Malformed { at, what })
}

/// Fills one block after the other.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u16>,
    last_key: Vec<u8>,
    /// The last key that shared nothing with the one before.
    base: Vec<u8>,
    entries: usize,
}

impl BlockBuilder {
    /// Whether an entry fits into a block of its own.
    pub(crate) fn fits_alone(key: &[u8], value: &[u8]) -> bool {
        let rest = ENTRY_HEADER_BYTES_MAX + RESTART_BYTES + COUNT_BYTES + CHECKSUM_BYTES;
        key.len().saturating_add(value.len()).saturating_add(rest) <= limits::TABLE_BLOCK_BYTES_MAX
    }

    /// How many bytes the next entry takes from the one before.
    fn shared(&self, key: &[u8]) -> usize {
        if self.entries.is_multiple_of(RESTART_INTERVAL) { 0 } else { common_prefix(&self.last_key, key) }
    }

    /// Whether the block stays within its target size with this entry.
    pub(crate) fn has_room(&self, key: &[u8], value: &[u8]) -> bool {
        let shared = self.shared(key);
        let entry = ENTRY_HEADER_BYTES_MAX + key.len() - shared + value.len();
        let trailer = (self.restarts.len() + 1) * RESTART_BYTES + COUNT_BYTES + CHECKSUM_BYTES;
        self.bytes.len() + entry + trailer <= limits::TABLE_BLOCK_BYTES
    }

    /// Adds an entry that [`fits_alone`](Self::fits_alone) in an empty block or [`has_room`](Self::has_room) in this one.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        let shared = self.shared(key);
        if self.entries.is_multiple_of(RESTART_INTERVAL) {
            self.restarts.push(self.bytes.len() as u16);
        }
        let rest = key.get(shared..).unwrap_or_default();
        let tail = if shared == 0 { 0 } else { common_suffix(&self.base, rest) };
        let unshared = rest.get(..rest.len() - tail).unwrap_or_default();
        for length in [shared, unshared.len(), tail, value.len()] {
            varint::write_u64(&mut self.bytes, length as u64);
        }
        self.bytes.extend_from_slice(unshared);
        self.bytes.extend_from_slice(value);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(rest);
        if shared == 0 {
            self.base.clone_from(&self.last_key);
        }
        self.entries += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The key added last, also after [`finish`](Self::finish); empty before the first.
    pub(crate) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Appends the finished block to `out`, returns its length, and begins the next.
    pub(crate) fn finish(&mut self, salt: u32, out: &mut Vec<u8>) -> usize {
        for restart in &self.restarts {
            self.bytes.extend_from_slice(&restart.to_le_bytes());
        }
        self.bytes.extend_from_slice(&(self.restarts.len() as u16).to_le_bytes());
        let checksum = crc::salted(salt, &self.bytes);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&self.bytes);
        let length = self.bytes.len();
        self.bytes.clear();
        self.restarts.clear();
        self.entries = 0;
        length
    }
}

/// Restarts that are kept within the `Block` itself: those of 160 entries.
const RESTARTS_INLINE: usize = 20;

/// An entry that shares nothing with the one before: where it is, and the head of its key.
#[derive(Clone, Copy, Debug, Default)]
struct Restart {
    /// As bytes, because those need no padding.
    head: [u8; 8],
    at: u16,
}

/// The restarts of a block, at least one. A search for a block that is not in the processor's caches waits for memory at
/// each reference that it follows, so the usual number of them needs none.
#[derive(Debug)]
enum Restarts {
    Inline([Restart; RESTARTS_INLINE], usize),
    Many(Box<[Restart]>),
}

impl Restarts {
    fn as_slice(&self) -> &[Restart] {
        match self {
            Restarts::Inline(restarts, length) => restarts.get(..*length).unwrap_or_default(),
            Restarts::Many(restarts) => restarts,
        }
    }
}

impl From<Vec<Restart>> for Restarts {
    fn from(restarts: Vec<Restart>) -> Self {
        let mut inline = [Restart::default(); RESTARTS_INLINE];
        match inline.get_mut(..restarts.len()) {
            Some(part) => {
                part.copy_from_slice(&restarts);
                Restarts::Inline(inline, restarts.len())
            }
            None => Restarts::Many(restarts.into()),
        }
    }
}

/// A block whose checksum, outline and restarts were verified.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Box<[u8]>,
    /// Where the entries end and the restarts begin.
    entries_end: usize,
    /// How many first bytes the keys of all restarts have in common.
    common: usize,
    restarts: Restarts,
}

/// Where the parts of an entry are.
pub(super) struct Entry {
    pub(super) shared: usize,
    pub(super) key: Range<usize>,
    pub(super) tail: usize,
    pub(super) value: Range<usize>,
}

impl Block {
    /// Verifies bytes that were read from a file.
    pub(crate) fn verify(bytes: impl Into<Box<[u8]>>, salt: u32) -> Result<Block, Malformed> {
        let bytes = bytes.into();
        let Some((body, stored)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return malformed(0, "the block is too short");
        };
        if crc::salted(salt, body) != u32::from_le_bytes(*stored) && !bug::active(Bug::IgnoreBlockChecksum) {
            return malformed(0, "the block's checksum does not match");
        }
        let Some((rest, count)) = body.split_last_chunk::<COUNT_BYTES>() else {
            return malformed(0, "the block is too short");
        };
        let count = usize::from(u16::from_le_bytes(*count));
        let Some(entries_end) = rest.len().checked_sub(count * RESTART_BYTES).filter(|end| *end > 0 && count > 0)
        else {
            return malformed(rest.len(), "the block has no room for its restarts");
        };
        let offsets: Vec<u16> = rest
            .get(entries_end..)
            .unwrap_or_default()
            .as_chunks::<RESTART_BYTES>()
            .0
            .iter()
            .map(|bytes| u16::from_le_bytes(*bytes))
            .collect();
        let mut block = Block { bytes, entries_end, common: 0, restarts: Restarts::Many(Box::default()) };
        block.check_restarts(&offsets)?;
        if let [first, .., last] = &*offsets {
            block.common = common_prefix(block.key_at(*first), block.key_at(*last));
        }
        let restart = |at: &u16| Restart { head: heads::head(block.key_at(*at), block.common).to_be_bytes(), at: *at };
        block.restarts = offsets.iter().map(restart).collect::<Vec<_>>().into();
        Ok(block)
    }

    /// Restarts begin at zero, ascend in place and key, and share nothing.
    fn check_restarts(&self, offsets: &[u16]) -> Result<(), Malformed> {
        let mut last: Option<u16> = None;
        for &at in offsets {
            let offset = usize::from(at);
            if last.map_or(at != 0, |last| last >= at) || offset >= self.entries_end {
                return malformed(self.entries_end, "a restart does not point to an entry");
            }
            let entry = self.entry(offset)?;
            if entry.shared != 0 || entry.tail != 0 {
                return malformed(offset, "an entry at a restart shares bytes with the one before");
            }
            if last.is_some_and(|last| self.key_at(last) >= self.key_at(at)) {
                return malformed(offset, "the restarts are not in order");
            }
            last = Some(at);
        }
        Ok(())
    }

    /// Memory held, for the cache's budget.
    pub(crate) fn memory_bytes(&self) -> usize {
        let restarts = match &self.restarts {
            Restarts::Inline(..) => 0,
            Restarts::Many(restarts) => size_of_val(&**restarts),
        };
        self.bytes.len() + restarts + size_of::<Block>()
    }

    pub(super) fn restart(&self, number: usize) -> usize {
        self.restarts.as_slice().get(number).map_or(self.entries_end, |restart| usize::from(restart.at))
    }

    /// Asks for each cache line of a range at once, where a reader would wait for one after the other.
    pub(super) fn touch(&self, from: usize, to: usize) {
        let range = self.bytes.get(from..to).unwrap_or_default();
        hint::black_box(range.iter().step_by(64).fold(0, |all, byte| all | byte));
    }

    /// The same for the restarts, before their block is held on to.
    pub(crate) fn touch_restarts(&self) {
        let restarts = self.restarts.as_slice().iter().step_by(64 / size_of::<Restart>());
        hint::black_box(restarts.fold(0, |all, restart| all | restart.at));
    }

    /// The key of the restart at an offset that was checked.
    fn key_at(&self, at: u16) -> &[u8] {
        self.entry(usize::from(at)).map_or(&[], |entry| self.slice(entry.key))
    }

    pub(super) fn entries_end(&self) -> usize {
        self.entries_end
    }

    pub(super) fn restart_count(&self) -> usize {
        self.restarts.as_slice().len()
    }

    /// How many restarts have keys below `key`, or not above it if `inclusive`.
    pub(super) fn rank(&self, key: &[u8], inclusive: bool) -> usize {
        let restarts = self.restarts.as_slice();
        let head_of = |number| restarts.get(number).map_or(0, |restart: &Restart| u64::from_be_bytes(restart.head));
        let key_of = |number| restarts.get(number).map_or(&[][..], |restart: &Restart| self.key_at(restart.at));
        heads::rank(restarts.len(), self.common, head_of, key_of, key, inclusive)
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    #[inline]
    pub(super) fn entry(&self, at: usize) -> Result<Entry, Malformed> {
        let bytes = self.bytes.get(at..self.entries_end).unwrap_or_default();
        let (shared, unshared, tail, value, header) = match bytes.first_chunk::<4>() {
            // Nearly always the four lengths are a byte each.
            Some(&[a, b, c, d]) if (a | b | c | d) < 0x80 => {
                (usize::from(a), usize::from(b), usize::from(c), usize::from(d), 4)
            }
            _ => {
                let mut rest = bytes;
                let mut length = || varint::read_u64(&mut rest).and_then(|length| u16::try_from(length).ok());
                let (Some(shared), Some(unshared), Some(tail), Some(value)) = (length(), length(), length(), length())
                else {
                    return malformed(at, "an entry has no valid lengths");
                };
                let header = bytes.len() - rest.len();
                (usize::from(shared), usize::from(unshared), usize::from(tail), usize::from(value), header)
            }
        };
        let key_start = at + header;
        let value_start = key_start + unshared;
        let end = value_start + value;
        if end > self.entries_end {
            return malformed(at, "an entry is longer than its block");
        }
        Ok(Entry { shared, key: key_start..value_start, tail, value: value_start..end })
    }
}
