//! Moving within a block.
//!
//! Invariant: every step checks what it reads, so that bytes that are wrong in spite of a right checksum give an error, and
//! each step goes on by at least one byte, so that all of them end.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{
    block::{Block, Entry, Malformed, malformed},
    heads::common_prefix,
};
use alloc::vec::Vec;
use core::{cmp::Ordering, ops::Range};

/// A place in a block. It holds no block, so that one cursor with its key buffer serves any number of them; every call
/// must be given the block that the cursor was last positioned in.
#[derive(Debug, Default)]
pub(crate) struct BlockCursor {
    key: Vec<u8>,
    /// The last key that shared nothing with the one before it, whose end others share.
    base: Range<usize>,
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
        self.base = 0..0;
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
        if self.next >= block.entries_end() {
            return Ok(false);
        }
        let entry = block.entry(self.next)?;
        let tail = tail_of(&entry, self.key.len(), &mut self.base, self.next)?;
        self.key.truncate(entry.shared);
        self.stand_on(block, entry, tail);
        Ok(true)
    }

    /// `self.key` holds what the entry shares.
    #[inline]
    fn stand_on(&mut self, block: &Block, entry: Entry, tail: Range<usize>) {
        self.key.extend_from_slice(block.slice(entry.key));
        if !tail.is_empty() {
            self.key.extend_from_slice(block.slice(tail));
        }
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
        self.base = 0..0;
        while at < block.entries_end() {
            let entry = block.entry(at)?;
            let tail = tail_of(&entry, previous_length, &mut self.base, at)?;
            if entry.shared <= common {
                let unshared = block.slice(entry.key.clone());
                let wanted = target.get(entry.shared..).unwrap_or_default();
                let mut more = common_prefix(unshared, wanted);
                let mut order = unshared.get(more).cmp(&wanted.get(more));
                if more == unshared.len() && !tail.is_empty() {
                    let (end, wanted) = (block.slice(tail.clone()), wanted.get(more..).unwrap_or_default());
                    let as_many = common_prefix(end, wanted);
                    order = end.get(as_many).cmp(&wanted.get(as_many));
                    more += as_many;
                }
                if order != Ordering::Less {
                    self.key.clear();
                    self.key.extend_from_slice(target.get(..entry.shared).unwrap_or_default());
                    self.stand_on(block, entry, tail);
                    return Ok(true);
                }
                common = entry.shared + more;
            }
            previous_length = entry.shared + entry.key.len() + entry.tail;
            at = entry.value.end;
        }
        Ok(false)
    }

    /// Moves to the last entry, or to the last one before `bound`, and returns whether there is one.
    pub(crate) fn seek_back(&mut self, block: &Block, bound: Option<&[u8]>) -> Result<bool, Malformed> {
        self.valid = false;
        let before = |key: &[u8]| bound.is_none_or(|bound| key < bound);
        let below = bound.map_or(block.restart_count(), |bound| block.rank(bound, false));
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

/// Where the tail of an entry's key is, the key before which has `previous_length` bytes. An entry that shares nothing
/// becomes the base.
fn tail_of(
    entry: &Entry,
    previous_length: usize,
    base: &mut Range<usize>,
    at: usize,
) -> Result<Range<usize>, Malformed> {
    if entry.shared == 0 {
        *base = entry.key.clone();
    }
    let has_tail = entry.tail <= base.len() && (entry.shared > 0 || entry.tail == 0);
    if entry.shared > previous_length || !has_tail {
        return malformed(at, "an entry shares more bytes than the keys before it have");
    }
    Ok(base.end - entry.tail..base.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{codec::crc, index::block::BlockBuilder};
    use proptest::prelude::*;

    fn build(keys: &[Vec<u8>]) -> Vec<u8> {
        let (mut builder, mut out) = (BlockBuilder::default(), Vec::new());
        keys.iter().for_each(|key| builder.add(key, &key[..key.len() / 2]));
        builder.finish(7, &mut out);
        out
    }

    /// Bytes with a right checksum.
    fn seal(mut body: Vec<u8>) -> Vec<u8> {
        let sum = crc::salted(7, &body);
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
            bytes.truncate(bytes.len() - 4);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            exercise(seal(bytes), &target);
        }
    }

    #[test]
    fn what_keys_have_in_common_at_either_end_is_stored_once() {
        let stamp = [9_u8; 16];
        let keys: Vec<_> = (0..100_u32).map(|n| [&b"user:"[..], &n.to_be_bytes(), &stamp].concat()).collect();
        let whole: usize = keys.iter().map(Vec::len).sum();
        let mut builder = BlockBuilder::default();
        keys.iter().for_each(|key| builder.add(key, b""));
        let mut bytes = Vec::new();
        builder.finish(7, &mut bytes);
        // Of each 25 bytes seven eighths of the keys store one and four lengths.
        assert!(bytes.len() < whole * 2 / 5, "{} of {whole} bytes", bytes.len());
        let block = Block::verify(bytes, 7).unwrap();
        let mut cursor = BlockCursor::default();
        for key in &keys {
            assert!(cursor.seek(&block, &key[..9]).unwrap() && cursor.key() == key);
            let behind = [key, &[0][..]].concat();
            assert_eq!(cursor.seek(&block, &behind).unwrap(), key != keys.last().unwrap());
        }
    }

    #[test]
    fn an_entry_that_shares_what_is_not_there_is_malformed() {
        // Lengths, key, value; then the restarts and their number.
        let block = |second: &[u8]| {
            let entries = [&[0, 3, 0, 0][..], b"abc", second].concat();
            Block::verify(seal([&entries[..], &[0, 0, 1, 0]].concat()), 7).unwrap()
        };
        let step = |second: &[u8]| {
            let (block, mut cursor) = (block(second), BlockCursor::default());
            let found = cursor.seek(&block, b"abd").map(|found| found.then(|| cursor.key().to_vec()));
            cursor.first(&block).unwrap();
            let stepped = cursor.next(&block).map(|there| there.then(|| cursor.key().to_vec()));
            assert_eq!(found, stepped);
            found.map_err(|e| e.what)
        };
        let refused = Err("an entry shares more bytes than the keys before it have");
        assert_eq!(step(&[2, 1, 1, 0, b'd']), Ok(Some(b"abdc".to_vec())));
        assert_eq!(step(&[4, 1, 0, 0, b'd']), refused);
        assert_eq!(step(&[2, 1, 4, 0, b'd']), refused);
        assert_eq!(step(&[0, 1, 1, 0, b'd']), refused);
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
