//! The graph as arrays of a file: the lists of the upper levels and the removed rows are read at once, and of the lowest level
//! only the lists that a walk comes to. Levels and the entry follow from the rows' numbers.
//!
//! Invariant: whatever a file holds, a list that was found sound leads only to rows that there are, and with that every
//! operation is safe and ends. Whether a graph is *good* cannot be seen: pages carry checksums where they are stored.

use super::{
    Graph, Params,
    bits::contains,
    links::{Links, NONE},
    pool::ROW_MAX,
};
use crate::{
    codec::{cursor::Cursor, varint::write_u64},
    vector::{
        kernel::int8::lines::bytes_of,
        paged::{Array, ArrayMut, PAGE, Pages, Paging},
    },
};
use alloc::{vec, vec::Vec};

impl Graph {
    /// Appends what is to be known before the arrays are read.
    pub(crate) fn describe(&self, out: &mut Vec<u8>) {
        let Params { m, ef_construction } = self.params;
        for number in [u64::from(m), u64::from(ef_construction), u64::from(self.rows), self.removed.len() as u64] {
            write_u64(out, number);
        }
    }

    /// A graph over rows of which there are `codes`, whose arrays are to be read. `None` if the file cannot have it.
    pub(crate) fn open(input: &mut Cursor<'_>, codes: usize, paging: &mut Paging) -> Option<Graph> {
        let mut number = |most: usize| input.length(most).map(|number| number as u32);
        let params = Params { m: number(u32::MAX as usize)?, ef_construction: number(u32::MAX as usize)? };
        let rows = number(codes.min(ROW_MAX as usize))?;
        let removed = number(codes.div_ceil(64))? as usize;
        if !params.are_valid() {
            return None;
        }
        // Before anything is made room for: the rows have to be there.
        let lowest = rows as usize * params.m as usize * 2;
        let last = |paging: &mut Paging| paging.give(lowest, 4);
        last(&mut paging.clone())?;
        let mut links = Links::stored(params.m, rows);
        paging.give(links.upper().len(), 4)?;
        paging.give(removed, 8)?;
        let first = last(paging)?;
        // Lists that lie across pages cannot be checked one page at a time.
        if PAGE.is_multiple_of(links.places(0) * 4) {
            links.there = Pages::none(first, lowest * 4);
        }
        Some(Graph { params, rows, links, entry: None, removed: vec![0; removed] })
    }

    /// The arrays, in the order in which they lie in the file.
    pub(crate) fn arrays<'s>(&'s self, out: &mut Vec<Array<'s>>) {
        out.extend([Array::of(self.links.upper()), Array::of(&self.removed), Array::of(self.links.all_lowest())]);
    }

    /// The same, to be read.
    pub(crate) fn arrays_mut<'s>(&'s mut self, out: &mut Vec<ArrayMut<'s>>) {
        let Links { lowest, upper, there, .. } = &mut self.links;
        out.extend([
            ArrayMut::of(upper, None),
            ArrayMut::of(&mut self.removed, None),
            ArrayMut::of(lowest, Some(there)),
        ]);
    }

    /// Whether what is read as a whole is sound; then walks can begin.
    pub(crate) fn check(&mut self, codes: usize) -> bool {
        let beyond = |word: &u64| !codes.is_multiple_of(64) && word >> (codes % 64) != 0;
        if self.removed.len() == codes.div_ceil(64) && self.removed.last().is_some_and(beyond) {
            return false;
        }
        if self.removed.iter().all(|word| *word == 0) {
            self.removed = Vec::new();
        }
        self.entry = self.highest();
        let whole = self.links.there.are_all();
        self.links.all_upper(|row, list| self.is_sound(row, list))
            && (!whole || (0..self.rows).all(|row| self.is_sound(row, self.links.list(row, 0))))
    }

    /// Takes in a page of the file. `None` if it is none of these, and else whether it is sound.
    pub(crate) fn take_in(&mut self, page: u32, bytes: &[u8]) -> Option<bool> {
        let Links { there, lowest, .. } = &mut self.links;
        let range = there.copy(page, bytes, ArrayMut::of(lowest, None))?;
        let list = self.links.places(0) * 4;
        let rows = (range.start / list) as u32..(range.end / list) as u32;
        let sound = rows.into_iter().all(|row| self.is_sound(row, self.links.list(row, 0)));
        if sound {
            self.links.there.add(page, bytes_of(&self.links.lowest));
        }
        Some(sound)
    }

    /// Adds all missing pages.
    pub(crate) fn need_all(&self, out: &mut Vec<u32>) {
        self.links.there.need(0..usize::MAX, out);
    }

    /// How many pages are missing, and how many there are.
    pub(crate) fn pages(&self) -> (usize, usize) {
        self.links.there.counts()
    }

    /// Whether no page is missing.
    pub(crate) fn is_there(&self) -> bool {
        self.links.there.are_all()
    }

    fn is_sound(&self, row: u32, list: &[u32]) -> bool {
        let gone = |row: u32| contains(&self.removed, row);
        let mut links = list.iter().take_while(|link| **link != NONE);
        is_filled(row, list, self.rows)
            && (self.removed.is_empty()
                || if gone(row) { links.next().is_none() } else { links.all(|link| !gone(*link)) })
    }
}

/// Whether a list is filled from its front with rows that there are and not with the row itself. Without branches, because
/// all lists are looked at sooner or later.
fn is_filled(row: u32, list: &[u32], rows: u32) -> bool {
    let links = list.iter().fold(true, |all, link| all & ((*link < rows) & (*link != row) | (*link == NONE)));
    list.iter().zip(list.iter().skip(1)).fold(links, |all, (link, next)| all & ((*link != NONE) | (*next == NONE)))
}
