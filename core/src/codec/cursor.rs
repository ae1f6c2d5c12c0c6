//! A bounds-checked reader over bytes that may be anything.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::varint;
use core::str;

/// What is left of an input. Every call takes from the front, or returns `None` and the input counts as malformed.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Cursor(input)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        varint::read_u64(&mut self.0)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// A length, at most `max`.
    pub(crate) fn length(&mut self, max: usize) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|&n| n <= max)
    }

    /// A number of items of at least `item_bytes` each: never more than the rest of the input can hold.
    pub(crate) fn count(&mut self, max: usize, item_bytes: usize) -> Option<usize> {
        let count = self.length(max)?;
        (count <= self.0.len() / item_bytes.max(1)).then_some(count)
    }

    /// UTF-8 text with its length in front, at most `max` bytes.
    pub(crate) fn text(&mut self, max: usize) -> Option<&'a str> {
        let length = self.length(max)?;
        str::from_utf8(self.bytes(length)?).ok()
    }
}
