//! Rows as arrays of a file. What a search of any moment needs is read at once; where a row's records stand and its key only
//! for rows that are hits, or that something is asked of.
//!
//! Invariant: whatever a file holds, what was found sound can be used. Rows with keys that overlap or are no text are not.

use super::{ALIVE, Rows, Stamp};
use crate::{
    codec::{cursor::Cursor, varint::write_u64},
    limits,
    vector::paged::{Array, ArrayMut, Pages, Paging},
};
use alloc::{vec, vec::Vec};
use core::mem::size_of;

impl Rows {
    /// Appends what is to be known before the arrays are read: how long they are.
    pub(crate) fn describe(&self, out: &mut Vec<u8>) {
        for length in [self.commits.len(), self.len(), self.keys.len(), self.expiring.len(), self.shared.len()] {
            write_u64(out, length as u64);
        }
    }

    /// Rows whose arrays are to be read. `None` if the file cannot have them.
    pub(crate) fn open(input: &mut Cursor<'_>, paging: &mut Paging) -> Option<Rows> {
        let commits = input.length(usize::MAX)?;
        let rows = input.length(limits::VECTOR_ROWS_MAX)?;
        let keys = input.length(u32::MAX as usize)?;
        let (expiring, shared) = (input.length(rows)?, input.length(rows)?);
        let paged = |count: usize, size: usize, paging: &mut Paging| {
            paging.give(count, size).map(|first| Pages::none(first, count * size))
        };
        paging.give(commits, size_of::<[u64; 3]>())?;
        paging.give(rows, 4)?;
        paging.give(rows, 4)?;
        let places_there = paged(rows, 16, paging)?;
        let key_ends_there = paged(rows, 4, paging)?;
        let keys_there = paged(keys, 1, paging)?;
        paging.give(expiring, 4)?;
        paging.give(expiring, 8)?;
        paging.give(shared, 4)?;
        Some(Rows {
            commits: vec![[0; 3]; commits],
            born: vec![0; rows],
            died: vec![0; rows],
            places: vec![[0; 4]; rows],
            places_there,
            key_ends: vec![0; rows],
            key_ends_there,
            keys: vec![0; keys],
            keys_there,
            expiring: vec![0; expiring],
            expire_at: vec![0; expiring],
            shared: vec![0; shared],
            ..Rows::default()
        })
    }

    /// The arrays, in the order in which they lie in the file.
    pub(crate) fn arrays<'s>(&'s self, out: &mut Vec<Array<'s>>) {
        out.extend([
            Array::of(&self.commits),
            Array::of(&self.born),
            Array::of(&self.died),
            Array::of(&self.places),
            Array::of(&self.key_ends),
            Array::of(&self.keys),
            Array::of(&self.expiring),
            Array::of(&self.expire_at),
            Array::of(&self.shared),
        ]);
    }

    /// The same, to be read.
    pub(crate) fn arrays_mut<'s>(&'s mut self, out: &mut Vec<ArrayMut<'s>>) {
        out.extend([
            ArrayMut::of(&mut self.commits, None),
            ArrayMut::of(&mut self.born, None),
            ArrayMut::of(&mut self.died, None),
            ArrayMut::of(&mut self.places, Some(&self.places_there)),
            ArrayMut::of(&mut self.key_ends, Some(&self.key_ends_there)),
            ArrayMut::of(&mut self.keys, Some(&self.keys_there)),
            ArrayMut::of(&mut self.expiring, None),
            ArrayMut::of(&mut self.expire_at, None),
            ArrayMut::of(&mut self.shared, None),
        ]);
    }

    /// Whether what is read as a whole fits together.
    pub(crate) fn check(&self) -> bool {
        let ascends = |a: &[u64; 3], b: &[u64; 3]| {
            let (a, b) = (Stamp::of(*a), Stamp::of(*b));
            a.sequence <= b.sequence && a.timestamp < b.timestamp && a.counter < b.counter
        };
        let commits = self.commits.len();
        let known = |number: &u32| *number as usize <= commits;
        let lives = self
            .born
            .iter()
            .zip(&self.died)
            .fold(true, |all, (born, died)| all & known(born) & ((*died == ALIVE) | (known(died) & (died > born))));
        let rows = self.len();
        let in_order = |rows_of: &[u32]| {
            rows_of.is_sorted_by(|a, b| a < b) && rows_of.last().is_none_or(|last| (*last as usize) < rows)
        };
        // Without pages nothing will be read that is checked then.
        let keys = !self.keys_there.are_all() || !self.key_ends_there.are_all() || self.keys_are_sound();
        self.commits.is_sorted_by(ascends) && lives && in_order(&self.expiring) && in_order(&self.shared) && keys
    }

    /// Takes in a page of the file. `None` if it is not one of these arrays', and else whether it is sound.
    pub(crate) fn take_in(&mut self, page: u32, bytes: &[u8]) -> Option<bool> {
        if self.places_there.take_in(page, bytes, ArrayMut::of(&mut self.places, None)) {
            return Some(true);
        }
        let taken = self.key_ends_there.take_in(page, bytes, ArrayMut::of(&mut self.key_ends, None))
            || self.keys_there.take_in(page, bytes, ArrayMut::of(&mut self.keys, None));
        taken.then(|| !self.keys_there.are_all() || !self.key_ends_there.are_all() || self.keys_are_sound())
    }

    /// Whether every row has a key, and all keys together are what there is of them.
    fn keys_are_sound(&self) -> bool {
        let mut start = 0;
        let text = |end: &u32| {
            let key = self.keys.get(start..*end as usize);
            start = *end as usize;
            key.is_some_and(|key| core::str::from_utf8(key).is_ok())
        };
        self.key_ends.iter().all(text) && start == self.keys.len()
    }

    /// Adds the missing pages of the place and the key of a row. `false` if what is there of them is not sound.
    pub(crate) fn need_row(&self, row: u32, out: &mut Vec<u32>) -> bool {
        let at = row as usize;
        self.need_place(row, out);
        if self.keys_there.are_all() && self.key_ends_there.are_all() {
            return true;
        }
        if !self.key_ends_there.need(at.saturating_sub(1) * 4..(at + 1) * 4, out) {
            return true;
        }
        let range = self.key_range(row);
        if range.start > range.end || range.end > self.keys.len() {
            return false;
        }
        !self.keys_there.need(range.clone(), out)
            || self.keys.get(range).is_some_and(|key| core::str::from_utf8(key).is_ok())
    }

    /// Adds the missing page of the place of a row.
    pub(crate) fn need_place(&self, row: u32, out: &mut Vec<u32>) {
        let at = row as usize;
        self.places_there.need(at * 16..(at + 1) * 16, out);
    }

    /// Adds the missing pages of the places of all rows.
    pub(crate) fn need_places(&self, out: &mut Vec<u32>) {
        self.places_there.need(0..usize::MAX, out);
    }

    /// Adds the missing pages of the keys of all rows.
    pub(crate) fn need_keys(&self, out: &mut Vec<u32>) {
        self.key_ends_there.need(0..usize::MAX, out);
        self.keys_there.need(0..usize::MAX, out);
    }

    /// Whether no page is missing.
    pub(crate) fn are_there(&self) -> bool {
        self.places_there.are_all() && self.key_ends_there.are_all() && self.keys_there.are_all()
    }
}
