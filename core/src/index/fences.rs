//! Fences: which block of a table a key belongs to, found in memory.
//!
//! ```text
//! max key   varint length, bytes
//! fences    one a block: varint block length, varint fence length, fence bytes
//! ```
//!
//! Invariant: the fence of a block is above every key of the block before and not above its own first key; the first one is
//! the table's smallest key. So all entries at or after a key are in the last block whose fence is not above it, or later.
//!
//! One buffer holds all fences; their heads stand beside it and decide most searches.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::heads::{self, common_prefix};
use crate::{codec::varint, limits};
use alloc::{boxed::Box, vec::Vec};

/// The fences of a table, with the places of its blocks.
#[derive(Debug)]
pub(crate) struct Fences {
    bytes: Box<[u8]>,
    /// End of each fence in `bytes`.
    ends: Box<[u32]>,
    /// How many first bytes all fences have in common.
    common: usize,
    /// The head of each fence.
    heads: Box<[u64]>,
    /// Offset of each block in the file, and of the end of the last.
    offsets: Box<[u64]>,
    max_key: Box<[u8]>,
}

fn take<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint::read_u64(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(bytes)
}

/// Appends one block's row; the rows follow the maximal key.
pub(crate) fn encode_fence(out: &mut Vec<u8>, block_bytes: usize, fence: &[u8]) {
    varint::write_u64(out, block_bytes as u64);
    encode_key(out, fence);
}

/// Appends a key with its length.
pub(crate) fn encode_key(out: &mut Vec<u8>, key: &[u8]) {
    varint::write_u64(out, key.len() as u64);
    out.extend_from_slice(key);
}

/// The shortest key above `last` and not above `first`, which is above `last`.
pub(crate) fn separator<'a>(last: &[u8], first: &'a [u8]) -> &'a [u8] {
    first.get(..common_prefix(last, first) + 1).unwrap_or(first)
}

impl Fences {
    /// Reads the fences of `blocks` blocks that lie from `start` to `end` in the file.
    pub(crate) fn decode(mut input: &[u8], blocks: u32, start: u64, end: u64) -> Result<Fences, &'static str> {
        if u32::try_from(input.len()).is_err() || blocks == 0 || u64::from(blocks) > input.len() as u64 {
            return Err("the number of blocks and the size of the fences do not fit");
        }
        let max_key = take(&mut input).ok_or("the largest key is cut short")?;
        let mut bytes = Vec::with_capacity(input.len());
        let mut ends = Vec::with_capacity(blocks as usize);
        let mut offsets = Vec::with_capacity(blocks as usize + 1);
        let (mut offset, mut previous) = (start, None);
        for _ in 0..blocks {
            let length = varint::read_u64(&mut input).filter(|length| *length <= limits::TABLE_BLOCK_BYTES_MAX as u64);
            let length = length.ok_or("a block's length is not valid")?;
            let fence = take(&mut input).ok_or("a fence is cut short")?;
            if previous.is_some_and(|previous| previous >= fence) || fence > max_key {
                return Err("the fences are not in order");
            }
            previous = Some(fence);
            bytes.extend_from_slice(fence);
            ends.push(bytes.len() as u32);
            offsets.push(offset);
            offset = offset.saturating_add(length);
        }
        offsets.push(offset);
        if offset != end || !input.is_empty() {
            return Err("the lengths of the blocks do not make up the file");
        }
        let mut fences = Fences {
            bytes: bytes.into(),
            ends: ends.into(),
            common: 0,
            heads: Box::default(),
            offsets: offsets.into(),
            max_key: max_key.into(),
        };
        fences.common = common_prefix(fences.fence(0), fences.fence(fences.len() - 1));
        fences.heads = (0..fences.len()).map(|number| heads::head(fences.fence(number), fences.common)).collect();
        Ok(fences)
    }

    /// How many blocks there are: at least one.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The fence of a block.
    pub(crate) fn fence(&self, block: usize) -> &[u8] {
        let start = block.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let end = self.ends.get(block).map_or(start, |end| *end as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }

    pub(crate) fn min_key(&self) -> &[u8] {
        self.fence(0)
    }

    pub(crate) fn max_key(&self) -> &[u8] {
        &self.max_key
    }

    /// Offset and length of a block in the file.
    pub(crate) fn place(&self, block: usize) -> Option<(u64, usize)> {
        let (start, end) = (*self.offsets.get(block)?, *self.offsets.get(block + 1)?);
        Some((start, (end - start) as usize))
    }

    /// The last block whose fence is not above `key`; the first if there is none.
    pub(crate) fn block_of(&self, key: &[u8]) -> usize {
        let head = |number| self.heads.get(number).copied().unwrap_or_default();
        let rank = heads::rank(self.len(), self.common, head, |number| self.fence(number), key, true);
        rank.saturating_sub(1)
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + self.max_key.len() + self.len() * (4 + 8 + 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(fences: &[Vec<u8>]) -> Fences {
        let mut bytes = Vec::new();
        encode_key(&mut bytes, &[255; 20]);
        fences.iter().for_each(|fence| encode_fence(&mut bytes, 100, fence));
        let end = 36 + 100 * fences.len() as u64;
        Fences::decode(&bytes, fences.len() as u32, 36, end).unwrap()
    }

    proptest! {
        #[test]
        fn a_key_is_sent_to_the_block_that_may_hold_it(
            prefix in proptest::collection::vec(any::<u8>(), 0..5),
            fences in proptest::collection::btree_set(proptest::collection::vec(0u8..3, 0..14), 1..80),
            other in proptest::collection::vec(0u8..3, 0..14),
        ) {
            let with_prefix = |rest: &Vec<u8>| [&prefix[..], rest].concat();
            let list: Vec<_> = fences.iter().map(with_prefix).collect();
            let fences = decode(&list);
            for key in list.iter().cloned().chain([with_prefix(&other), other]) {
                let expected = list.partition_point(|fence| *fence <= key).saturating_sub(1);
                prop_assert_eq!(fences.block_of(&key), expected);
            }
        }

        #[test]
        fn a_separator_parts_two_keys(
            a in proptest::collection::vec(0u8..3, 0..8), b in proptest::collection::vec(0u8..3, 0..8)
        ) {
            prop_assume!(a < b);
            let between = separator(&a, &b);
            prop_assert!(&a[..] < between && between <= &b[..]);
        }

        #[test]
        fn random_fences_never_panic(bytes in proptest::collection::vec(0u8..20, 0..60), blocks in 0u32..9) {
            let _ = Fences::decode(&bytes, blocks, 36, 100);
        }
    }
}
