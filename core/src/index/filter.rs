//! A filter that tells most tables that do not hold a document apart, at one cache line a question.
//!
//! Invariant: no false negatives. A part that was added is always reported; another one is in about 1 of 100 cases.
//! A blocked Bloom filter (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007): the hash
//! picks one 64-byte line and seven bits in it. Bytes and answers are the same on every platform.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::{
    bug::{self, Bug},
    codec::hash::spread,
};
use alloc::{boxed::Box, vec::Vec};
use core::hint;

const LINE_BYTES: usize = 64;
const LINE_BITS: u64 = 512;
const BITS_PER_PART: u64 = 10;
const PROBES: u32 = 7;

/// The hash of the part of a key that filters are asked about. Part of the file format.
pub(crate) use crate::codec::hash::hash as filter_hash;

/// One cache line of the filter.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([u64; 8]);

/// The line of a hash and the bits in it.
fn line_of(hash: u64, lines: usize) -> usize {
    (((hash >> 32) * lines as u64) >> 32) as usize
}

/// A question to filters: a hash and the bits that it sets in its line, which are the same in every filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    hash: u64,
    bits: Line,
}

impl Probe {
    pub(crate) fn new(hash: u64) -> Probe {
        let places = spread(hash);
        let mut bits = Line([0; 8]);
        for probe in 0..PROBES {
            let bit = (places >> (probe * 9)) % LINE_BITS;
            bits.0.get_mut((bit / 64) as usize).into_iter().for_each(|word| *word |= 1 << (bit % 64));
        }
        Probe { hash, bits }
    }
}

/// Collects parts while a table is written.
#[derive(Debug, Default)]
pub(crate) struct FilterBuilder {
    hashes: Vec<u64>,
}

impl FilterBuilder {
    /// Adds a part. Repeating the last one costs nothing: versions of one document stand together.
    pub(crate) fn add(&mut self, part: &[u8]) {
        let hash = filter_hash(part);
        if self.hashes.last() != Some(&hash) {
            self.hashes.push(hash);
        }
    }

    /// The filter's bytes; none when nothing was added.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let lines = (self.hashes.len() as u64 * BITS_PER_PART).div_ceil(LINE_BITS).min(u64::from(u32::MAX)) as usize;
        let mut filter = alloc::vec![Line([0; 8]); lines];
        for &hash in &self.hashes {
            if let Some(line) = filter.get_mut(line_of(hash, lines)) {
                line.0.iter_mut().zip(Probe::new(hash).bits.0).for_each(|(word, bits)| *word |= bits);
            }
        }
        filter.iter().flat_map(|line| line.0).flat_map(u64::to_le_bytes).collect()
    }
}

/// A filter as read from a table.
#[derive(Debug)]
pub(crate) struct Filter {
    lines: Box<[Line]>,
}

impl Filter {
    /// The filter of bytes made by [`FilterBuilder::encode`], or `None` when their length is not that of a filter.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Filter> {
        let (lines, rest) = bytes.as_chunks::<LINE_BYTES>();
        if !rest.is_empty() || u32::try_from(lines.len()).is_err() {
            return None;
        }
        let line = |bytes: &[u8; LINE_BYTES]| {
            let mut line = Line([0; 8]);
            for (word, bytes) in line.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            line
        };
        Some(Filter { lines: lines.iter().map(line).collect() })
    }

    /// Whether a part with this hash may have been added.
    #[inline]
    pub(crate) fn may_contain(&self, probe: &Probe) -> bool {
        if bug::active(Bug::FilterFalseNegative) && probe.hash.is_multiple_of(16) {
            return false;
        }
        let Some(line) = self.lines.get(line_of(probe.hash, self.lines.len())) else { return false };
        // All words at once: where to stop early would be guessed wrongly more often than it pays.
        line.0.iter().zip(&probe.bits.0).fold(0, |missing, (word, bits)| missing | (!word & bits)) == 0
    }

    /// Asks for the line of a hash, so that the lines of several filters are waited for together.
    #[inline]
    pub(crate) fn touch(&self, hash: u64) {
        hint::black_box(self.lines.get(line_of(hash, self.lines.len())).map(|line| line.0[0]));
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.len() * LINE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter_of(count: u32) -> Filter {
        let mut builder = FilterBuilder::default();
        for n in 0..count {
            builder.add(&n.to_be_bytes());
        }
        Filter::decode(&builder.encode()).unwrap()
    }

    #[test]
    fn what_was_added_is_always_found_and_little_else_is() {
        for count in [1, 2, 50, 51, 52, 1000, 100_000] {
            let filter = filter_of(count);
            assert!((0..count).all(|n| filter.may_contain(&Probe::new(filter_hash(&n.to_be_bytes())))), "{count}");
            let may_contain = |n: &u32| filter.may_contain(&Probe::new(filter_hash(&n.to_be_bytes())));
            let wrong = (count..count + 100_000).filter(may_contain).count();
            assert!(wrong < 2_500, "{wrong} of 100,000 false positives among {count}");
        }
        assert!(!filter_of(0).may_contain(&Probe::new(filter_hash(b""))));
    }

    /// Tables move between machines: the hash and the bits are part of the format.
    #[test]
    fn the_hash_never_changes() {
        let parts: [&[u8]; 4] = [b"", b"a", b"sixteen bytes ok", b"something of more than sixteen bytes"];
        let hashes = parts.map(filter_hash);
        let expected = [0x3056_c134_c5d8_2d4b, 0xc5e3_e715_6c69_5b24, 0xfbcd_e141_5f8b_94ee, 0x0a61_d64c_5d88_db77];
        assert_eq!(hashes, expected, "{hashes:#x?}");
        let mut builder = FilterBuilder::default();
        parts.iter().for_each(|part| builder.add(part));
        assert_eq!(crate::codec::crc::hash(&builder.encode()), 0x75d7_1c56);
    }

    #[test]
    fn parts_that_differ_in_trailing_zeros_differ() {
        let zeros = [0u8; 40];
        let mut hashes: Vec<u64> = (0..=40).map(|n| filter_hash(&zeros[..n])).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 41);
    }

    #[test]
    fn bytes_that_are_no_filter_are_refused() {
        assert!(Filter::decode(&[0; 63]).is_none());
        assert!(Filter::decode(&[0; 65]).is_none());
    }
}
