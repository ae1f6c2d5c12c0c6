//! Blocks of a table: a few kilobytes of sorted entries, the unit that is read, verified and cached.
//!
//! ```text
//! entries    varint shared, varint unshared, varint value length, unshared key bytes, value bytes
//! restarts   u16 each: offsets of the entries that share nothing with the one before, every 8th
//! count      u16: how many restarts
//! checksum   u32: CRC-32 of all that, seeded with the place of the block
//! ```
//!
//! Invariant: nothing in a block is believed before it was checked. The checksum is verified once, when the bytes are read;
//! every step of a cursor checks its bounds, so that even bytes with a right checksum give an error at worst.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::{
    bug::{self, Bug},
    codec::varint,
    index::heads::{self, common_prefix},
    limits,
};
use alloc::{boxed::Box, vec::Vec};
use core::{cmp::Ordering, hint, ops::Range};

/// Entries from one restart to the next: what a lookup steps over after its binary search, at most.
const RESTART_INTERVAL: usize = 8;
const CHECKSUM_BYTES: usize = 4;
const COUNT_BYTES: usize = 2;
const RESTART_BYTES: usize = 2;
/// Three lengths below `TABLE_BLOCK_BYTES_MAX`.
const ENTRY_HEADER_BYTES_MAX: usize = 9;

/// What is wrong with a block and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub at: usize,
    pub what: &'static str,
}

fn malformed<T>(at: usize, what: &'static str) -> Result<T, Malformed> {
    Err(Malformed { at, what })
}

fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// Fills one block after the other.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u16>,
    last_key: Vec<u8>,
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
        let unshared = key.get(shared..).unwrap_or_default();
        varint::write_u64(&mut self.bytes, shared as u64);
        varint::write_u64(&mut self.bytes, unshared.len() as u64);
        varint::write_u64(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(unshared);
        self.bytes.extend_from_slice(value);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(unshared);
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
        let checksum = checksum(salt, &self.bytes);
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
struct Entry {
    shared: usize,
    key: Range<usize>,
    value: Range<usize>,
}

impl Block {
    /// Verifies bytes that were read from a file.
    pub(crate) fn verify(bytes: impl Into<Box<[u8]>>, salt: u32) -> Result<Block, Malformed> {
        let bytes = bytes.into();
        let Some((body, stored)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return malformed(0, "the block is too short");
        };
        if checksum(salt, body) != u32::from_le_bytes(*stored) && !bug::active(Bug::IgnoreBlockChecksum) {
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
            if self.entry(offset)?.shared != 0 {
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

    fn restart(&self, number: usize) -> usize {
        self.restarts.as_slice().get(number).map_or(self.entries_end, |restart| usize::from(restart.at))
    }

    /// Asks for each cache line of a range at once, where a reader would wait for one after the other.
    fn touch(&self, from: usize, to: usize) {
        let range = self.bytes.get(from..to).unwrap_or_default();
        hint::black_box(range.iter().step_by(64).fold(0, |all, byte| all | byte));
    }

    /// The key of the restart at an offset that was checked.
    fn key_at(&self, at: u16) -> &[u8] {
        self.entry(usize::from(at)).map_or(&[], |entry| self.slice(entry.key))
    }

    /// How many restarts have keys below `key`, or not above it if `inclusive`.
    fn rank(&self, key: &[u8], inclusive: bool) -> usize {
        let restarts = self.restarts.as_slice();
        let head_of = |number| restarts.get(number).map_or(0, |restart: &Restart| u64::from_be_bytes(restart.head));
        let key_of = |number| restarts.get(number).map_or(&[][..], |restart: &Restart| self.key_at(restart.at));
        heads::rank(restarts.len(), self.common, head_of, key_of, key, inclusive)
    }

    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    #[inline]
    fn entry(&self, at: usize) -> Result<Entry, Malformed> {
        let bytes = self.bytes.get(at..self.entries_end).unwrap_or_default();
        let (shared, unshared, value, header) = match bytes.first_chunk::<3>() {
            // Nearly always the three lengths are a byte each.
            Some(&[a, b, c]) if (a | b | c) < 0x80 => (usize::from(a), usize::from(b), usize::from(c), 3),
            _ => {
                let mut rest = bytes;
                let mut length = || varint::read_u64(&mut rest).and_then(|length| u16::try_from(length).ok());
                let (Some(shared), Some(unshared), Some(value)) = (length(), length(), length()) else {
                    return malformed(at, "an entry has no valid lengths");
                };
                (usize::from(shared), usize::from(unshared), usize::from(value), bytes.len() - rest.len())
            }
        };
        let key_start = at + header;
        let value_start = key_start + unshared;
        let end = value_start + value;
        if end > self.entries_end {
            return malformed(at, "an entry is longer than its block");
        }
        Ok(Entry { shared, key: key_start..value_start, value: value_start..end })
    }
}

/// A place in a block. It holds no block, so that one cursor with its key buffer serves any number of them; every call
/// must be given the block that the cursor was last positioned in.
#[derive(Debug, Default)]
pub(crate) struct BlockCursor {
    key: Vec<u8>,
    value: Range<usize>,
    /// Offset of the entry after the current one.
    next: usize,
    valid: bool,
}

impl BlockCursor {
    pub(crate) fn valid(&self) -> bool {
        self.valid
    }

    /// The current key; meaningless when not valid.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The current value; meaningless when not valid.
    pub(crate) fn value<'b>(&self, block: &'b Block) -> &'b [u8] {
        block.slice(self.value.clone())
    }

    /// Moves to no entry.
    pub(crate) fn clear(&mut self) {
        self.valid = false;
    }

    fn restart_at(&mut self, block: &Block, number: usize) {
        self.key.clear();
        self.next = block.restart(number);
        self.valid = false;
    }

    /// Moves to the first entry.
    pub(crate) fn first(&mut self, block: &Block) -> Result<bool, Malformed> {
        self.restart_at(block, 0);
        self.next(block)
    }

    /// Moves to the next entry, and returns whether there is one.
    pub(crate) fn next(&mut self, block: &Block) -> Result<bool, Malformed> {
        self.valid = false;
        if self.next >= block.entries_end {
            return Ok(false);
        }
        let entry = block.entry(self.next)?;
        if entry.shared > self.key.len() {
            return malformed(self.next, "an entry shares more bytes than the key before it has");
        }
        self.key.truncate(entry.shared);
        self.stand_on(block, entry);
        Ok(true)
    }

    /// `self.key` holds what the entry shares.
    fn stand_on(&mut self, block: &Block, entry: Entry) {
        self.key.extend_from_slice(block.slice(entry.key));
        self.next = entry.value.end;
        self.value = entry.value;
        self.valid = true;
    }

    /// Moves to the first entry at or after `target`, and returns whether there is one.
    ///
    /// Keys on the way are not put together. It is enough to know how many bytes the one before has in common with the
    /// target: an entry that shares more with it is below the target too, one that shares less is above.
    pub(crate) fn seek(&mut self, block: &Block, target: &[u8]) -> Result<bool, Malformed> {
        self.valid = false;
        let below = block.rank(target, true);
        let mut at = block.restart(below.saturating_sub(1));
        block.touch(at, block.restart(below));
        let (mut common, mut previous_length) = (0, 0);
        while at < block.entries_end {
            let entry = block.entry(at)?;
            if entry.shared > previous_length {
                return malformed(at, "an entry shares more bytes than the key before it has");
            }
            if entry.shared <= common {
                let unshared = block.slice(entry.key.clone());
                let wanted = target.get(entry.shared..).unwrap_or_default();
                let more = common_prefix(unshared, wanted);
                let order = unshared.get(more).cmp(&wanted.get(more));
                if order != Ordering::Less {
                    self.key.clear();
                    self.key.extend_from_slice(target.get(..entry.shared).unwrap_or_default());
                    self.stand_on(block, entry);
                    return Ok(true);
                }
                common = entry.shared + more;
            }
            previous_length = entry.shared + entry.key.len();
            at = entry.value.end;
        }
        Ok(false)
    }

    /// Moves to the last entry, or to the last one before `bound`, and returns whether there is one.
    pub(crate) fn seek_back(&mut self, block: &Block, bound: Option<&[u8]>) -> Result<bool, Malformed> {
        self.valid = false;
        let before = |key: &[u8]| bound.is_none_or(|bound| key < bound);
        let below = bound.map_or(block.restarts.as_slice().len(), |bound| block.rank(bound, false));
        let Some(restart) = below.checked_sub(1) else { return Ok(false) };
        self.restart_at(block, restart);
        let mut steps = 0usize;
        while self.next(block)? && before(&self.key) {
            steps += 1;
        }
        self.restart_at(block, restart);
        for _ in 0..steps {
            self.next(block)?;
        }
        Ok(self.valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn build(keys: &[Vec<u8>]) -> Vec<u8> {
        let (mut builder, mut out) = (BlockBuilder::default(), Vec::new());
        keys.iter().for_each(|key| builder.add(key, &key[..key.len() / 2]));
        builder.finish(7, &mut out);
        out
    }

    /// Bytes with a right checksum.
    fn seal(mut body: Vec<u8>) -> Vec<u8> {
        let sum = checksum(7, &body);
        body.extend_from_slice(&sum.to_le_bytes());
        body
    }

    /// Everything a cursor can do: it may fail, but must end and not panic.
    fn exercise(bytes: Vec<u8>, target: &[u8]) {
        let Ok(block) = Block::verify(bytes, 7) else { return };
        let mut cursor = BlockCursor::default();
        let _ = cursor.seek_back(&block, Some(target));
        let _ = cursor.seek_back(&block, None);
        let _ = cursor.seek(&block, target);
        let _ = cursor.first(&block);
        while let Ok(true) = cursor.next(&block) {
            cursor.value(&block);
        }
    }

    proptest! {
        #[test]
        fn a_block_answers_as_a_sorted_list(
            keys in proptest::collection::btree_set(proptest::collection::vec(0u8..4, 0..12), 1..120),
            target in proptest::collection::vec(0u8..4, 0..12),
        ) {
            let keys: Vec<_> = keys.into_iter().collect();
            let block = Block::verify(build(&keys), 7).unwrap();
            let mut cursor = BlockCursor::default();
            for target in keys.iter().chain([&target]) {
                let at = keys.partition_point(|key| key < target);
                prop_assert_eq!(cursor.seek(&block, target).unwrap(), at < keys.len());
                for key in &keys[at..] {
                    prop_assert!(cursor.valid());
                    prop_assert_eq!(cursor.key(), &key[..]);
                    prop_assert_eq!(cursor.value(&block), &key[..key.len() / 2]);
                    cursor.next(&block).unwrap();
                }
                prop_assert!(!cursor.valid());
                prop_assert_eq!(cursor.seek_back(&block, Some(target)).unwrap(), at > 0);
                if at > 0 {
                    prop_assert_eq!(cursor.key(), &keys[at - 1][..]);
                    cursor.next(&block).unwrap();
                    prop_assert_eq!(cursor.valid().then(|| cursor.key()), keys.get(at).map(|key| &key[..]));
                }
            }
            prop_assert!(cursor.seek_back(&block, None).unwrap());
            prop_assert_eq!(cursor.key(), &keys[keys.len() - 1][..]);
        }

        #[test]
        fn bytes_with_a_right_checksum_never_panic(
            body in proptest::collection::vec(prop_oneof![0u8..6, any::<u8>()], 0..200),
            target in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            exercise(seal(body.clone()), &target);
            let mut with_restarts = body;
            with_restarts.extend_from_slice(&[0, 0, 1, 0]);
            exercise(seal(with_restarts), &target);
        }

        #[test]
        fn a_changed_block_with_a_right_checksum_never_panics(
            place in any::<proptest::sample::Index>(), byte in any::<u8>(),
            target in proptest::collection::vec(0u8..40, 0..6),
        ) {
            let mut bytes = build(&(0..40).map(|n| alloc::vec![n / 5, n, n]).collect::<Vec<_>>());
            bytes.truncate(bytes.len() - CHECKSUM_BYTES);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            exercise(seal(bytes), &target);
        }
    }

    #[test]
    fn every_flipped_bit_and_another_place_are_noticed() {
        let bytes = build(&[b"a".to_vec(), b"abc".to_vec()]);
        assert!(Block::verify(bytes.clone(), 8).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Block::verify(bytes, 7).unwrap_err().what, "the block's checksum does not match");
        }
    }
}
