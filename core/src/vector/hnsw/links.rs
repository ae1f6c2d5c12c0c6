//! The links of the graph: flat arrays, no allocation for each node.
//!
//! The lowest level has one list of `2 m` places for every row. The levels above hold few rows and are compact: the rows are
//! listed in order, and each has one list of `m` places for every level that it stands on. Which of them a row is follows from
//! a bit for every row, and how many stand before each 64.
//!
//! Invariant: a list is filled from its front and the rest is `NONE`; it names rows of its own level only, none twice and
//! never the row itself.

use super::level::{level, stands_higher};
use crate::vector::{kernel::int8::lines::Lines, paged::Pages};
use alloc::vec::Vec;
use core::ops::Range;

/// Which of 64 rows stand on higher levels.
#[derive(Clone, Copy)]
struct Standing {
    rows: u64,
    /// How many do so before these.
    before: u32,
}

/// An empty place.
pub(super) const NONE: u32 = u32::MAX;

/// The filled places of a list.
#[inline]
pub(super) fn filled(list: &[u32]) -> &[u32] {
    let length = list.iter().position(|row| *row == NONE).unwrap_or(list.len());
    &list[..length]
}

/// Writes a list over another.
pub(super) fn write(list: &mut [u32], rows: &[u32]) {
    list[..rows.len()].copy_from_slice(rows);
    list[rows.len()..].fill(NONE);
}

/// All lists.
#[derive(Clone)]
pub(super) struct Links {
    m: u32,
    pub(super) lowest: Lines<u32>,
    /// Of the lowest level.
    pub(super) there: Pages,
    /// The rows that stand on higher levels, ascending.
    rows: Vec<u32>,
    standing: Vec<Standing>,
    /// The number of the first list of each, and behind the last that of the next.
    starts: Vec<u32>,
    pub(super) upper: Vec<u32>,
}

impl Links {
    pub(super) fn new(m: u32) -> Links {
        let (lowest, there) = (Lines::new(), Pages::default());
        let (rows, standing, upper) = Default::default();
        Links { m, lowest, there, rows, standing, starts: alloc::vec![0], upper }
    }

    /// Places of a list of a level.
    pub(super) fn places(&self, level: u8) -> usize {
        self.m as usize * if level == 0 { 2 } else { 1 }
    }

    /// Appends rows without links, and the lists of those that stand on higher levels.
    pub(super) fn grow(&mut self, rows: Range<u32>) {
        self.lowest.resize(rows.end as usize * self.places(0), NONE);
        self.grow_higher(rows);
    }

    /// So many rows, whose lists are to be read.
    pub(super) fn stored(m: u32, rows: u32) -> Links {
        let mut links = Links::new(m);
        links.lowest = Lines::zeroed(rows as usize * links.places(0));
        links.grow_higher(0..rows);
        links
    }

    fn grow_higher(&mut self, rows: Range<u32>) {
        let stands_higher = stands_higher(self.m);
        for row in rows.filter(|row| stands_higher(*row)) {
            let level = level(row, self.m);
            let none = Standing { rows: 0, before: self.rows.len() as u32 };
            self.standing.resize((row / u64::BITS) as usize + 1, none);
            if let Some(standing) = self.standing.last_mut() {
                standing.rows |= 1 << (row % u64::BITS);
            }
            self.rows.push(row);
            self.upper.resize(self.upper.len() + usize::from(level) * self.m as usize, NONE);
            self.starts.push((self.upper.len() / self.m as usize) as u32);
        }
    }

    /// Where the list of a row on a level above the lowest is.
    fn place(&self, row: u32, level: u8) -> Range<usize> {
        let m = self.m as usize;
        let bit = 1 << (row % u64::BITS);
        match self.standing.get((row / u64::BITS) as usize) {
            Some(standing) if standing.rows & bit != 0 => {
                let at = (standing.before + (standing.rows & (bit - 1)).count_ones()) as usize;
                let (start, end) = (self.starts[at], self.starts[at + 1]);
                let list = start + u32::from(level) - 1;
                if list < end { list as usize * m..(list as usize + 1) * m } else { 0..0 }
            }
            // It does not stand there: no links.
            _ => 0..0,
        }
    }

    /// The list of a row on any level.
    pub(super) fn list(&self, row: u32, level: u8) -> &[u32] {
        if level == 0 {
            &self.lowest[row as usize * self.places(0)..][..self.places(0)]
        } else {
            &self.upper[self.place(row, level)]
        }
    }

    /// The list of a row, to be changed.
    pub(super) fn list_mut(&mut self, row: u32, level: u8) -> &mut [u32] {
        if level == 0 {
            let places = self.places(0);
            &mut self.lowest[row as usize * places..][..places]
        } else {
            let place = self.place(row, level);
            &mut self.upper[place]
        }
    }

    /// One level, to be read.
    pub(super) fn lowest(&self) -> Lowest<'_> {
        Lowest { lists: &self.lowest, places: self.places(0), there: &self.there }
    }

    /// One level above the lowest, to be read.
    pub(super) fn higher(&self, level: u8) -> Higher<'_> {
        Higher { links: self, level }
    }

    /// The rows that stand on a level above the lowest.
    pub(super) fn rows_on(&self, level: u8) -> impl Iterator<Item = u32> {
        let levels = self.starts.windows(2).map(|pair| pair[1] - pair[0]);
        self.rows.iter().zip(levels).filter(move |(_, levels)| *levels >= u32::from(level)).map(|(row, _)| *row)
    }

    /// The lists of the lowest level, one after the other. What else there is follows from the number of rows and
    /// [`upper`](Self::upper).
    pub(super) fn all_lowest(&self) -> &[u32] {
        &self.lowest
    }

    /// The lists of the levels above it.
    pub(super) fn upper(&self) -> &[u32] {
        &self.upper
    }

    /// The same, each with its row.
    pub(super) fn upper_lists(&self) -> impl Iterator<Item = (u32, &[u32])> {
        let counts = self.starts.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
        let rows = self.rows.iter().zip(counts).flat_map(|(row, count)| core::iter::repeat_n(*row, count));
        rows.zip(self.upper.chunks_exact(self.m as usize))
    }

    pub(super) fn bytes(&self) -> usize {
        let numbers = [&self.rows, &self.starts, &self.upper].map(Vec::capacity);
        let standing = self.standing.capacity() * size_of::<Standing>();
        self.lowest.bytes() + standing + numbers.iter().sum::<usize>() * size_of::<u32>()
    }
}

/// One level of the graph.
pub(super) trait Layer: Sync {
    /// The list of a row.
    fn list(&self, row: u32) -> &[u32];

    /// Whether it is there. If not, adds its pages to those that are missing.
    #[inline]
    fn need(&self, row: u32, missing: &mut Vec<u32>) -> bool {
        let _ = (row, missing);
        true
    }

    /// Whether every list is there.
    #[inline]
    fn is_whole(&self) -> bool {
        true
    }
}

pub(super) struct Lowest<'a> {
    lists: &'a Lines<u32>,
    places: usize,
    there: &'a Pages,
}

impl Layer for Lowest<'_> {
    #[inline]
    fn list(&self, row: u32) -> &[u32] {
        &self.lists[row as usize * self.places..][..self.places]
    }

    #[inline]
    fn need(&self, row: u32, missing: &mut Vec<u32>) -> bool {
        let list = self.places * size_of::<u32>();
        self.there.are_all() || self.there.need(row as usize * list..(row as usize + 1) * list, missing)
    }

    #[inline]
    fn is_whole(&self) -> bool {
        self.there.are_all()
    }
}

pub(super) struct Higher<'a> {
    links: &'a Links,
    level: u8,
}

impl Layer for Higher<'_> {
    fn list(&self, row: u32) -> &[u32] {
        &self.links.upper[self.links.place(row, self.level)]
    }
}
