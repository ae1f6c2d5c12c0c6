//! The graph as bytes: numbers of 32 bits, little-endian. Format, parameters and number of rows come first, then the lists of
//! the lowest level, those above it, and the removed rows as bits. Levels and the entry follow from the rows' numbers.
//!
//! Invariant: whatever the bytes are, reading them ends with a graph on which every operation is safe and ends, or with what is
//! wrong. It allocates no more than the bytes justify. Whether a graph is *good* cannot be seen: bytes carry a checksum where
//! they are stored.

use super::{
    Graph, Params,
    bits::contains,
    level::level,
    links::{Links, NONE},
    pool::ROW_MAX,
};
use alloc::vec::Vec;

/// The number of this format.
const FORMAT: u32 = 1;

/// Numbers before the lists.
const HEAD: usize = 4;

/// Numbers that are written at once.
const AT_ONCE: usize = 4096;

impl Graph {
    /// Gives its bytes piece by piece: never a second graph in memory.
    pub(crate) fn write(&self, sink: &mut dyn FnMut(&[u8])) {
        let mut room = Vec::with_capacity(4 * AT_ONCE);
        let mut put = |numbers: &[u32]| {
            for numbers in numbers.chunks(AT_ONCE) {
                room.clear();
                room.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
                sink(&room);
            }
        };
        put(&[FORMAT, self.params.m, self.params.ef_construction, self.rows]);
        for lists in self.links.arrays() {
            put(lists);
        }
        let words = (self.rows as usize).div_ceil(64);
        for at in 0..words {
            // Rows that it does not reach to are known as removed by whoever removed them.
            let beyond = (self.rows as usize - at * 64).min(64);
            let word = self.removed.get(at).copied().unwrap_or(0) & u64::MAX >> (64 - beyond);
            put(&[word as u32, (word >> 32) as u32]);
        }
    }

    /// Reads what [`write`](Self::write) gave. The error says what is wrong with it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Graph, &'static str> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() || numbers.len() < HEAD {
            return Err("the graph is cut off");
        }
        let (head, mut numbers) = numbers.split_at(HEAD);
        let [format, m, ef_construction, rows] = [0, 1, 2, 3].map(|at: usize| u32::from_le_bytes(head[at]));
        let params = Params { m, ef_construction };
        if format != FORMAT {
            return Err("the graph has an unknown format");
        }
        if !params.are_valid() || rows > ROW_MAX {
            return Err("the graph has parameters beyond their ranges");
        }
        // Before anything is allocated: the rows have to be there.
        if (numbers.len() as u64) < u64::from(rows) * u64::from(m) * 2 {
            return Err("the graph is cut off");
        }
        let mut links = Links::unfilled(m, rows);
        for array in links.arrays_mut() {
            let Some((own, others)) = numbers.split_at_checked(array.len()) else {
                return Err("the graph is cut off");
            };
            for (to, from) in array.iter_mut().zip(own) {
                *to = u32::from_le_bytes(*from);
            }
            numbers = others;
        }
        if numbers.len() != (rows as usize).div_ceil(64) * 2 {
            return Err("the graph has another length than its rows need");
        }
        let halves = numbers.as_chunks::<2>().0.iter().map(|pair| pair.map(u32::from_le_bytes));
        let mut removed: Vec<u64> = halves.map(|[low, high]| u64::from(high) << 32 | u64::from(low)).collect();
        if removed.last().is_some_and(|word| rows % 64 != 0 && word >> (rows % 64) != 0) {
            return Err("the graph has removed rows that it never had");
        }
        if removed.iter().all(|word| *word == 0) {
            removed = Vec::new();
        }
        let mut graph = Graph { params, rows, links, entry: None, removed };
        if !graph.lists_are_sound() {
            return Err("the graph has links that lead nowhere");
        }
        graph.entry = graph.highest();
        Ok(graph)
    }

    fn lists_are_sound(&self) -> bool {
        let [lowest, _] = self.links.arrays();
        let rows = self.rows;
        let lists = (0..rows).zip(lowest.chunks_exact(self.links.places(0)));
        let sound = lists.map(|(row, list)| is_sound(row, list, rows)).fold(true, |all, one| all & one);
        let gone = |row: u32| contains(&self.removed, row);
        let kept = self.removed.is_empty()
            || (0..rows).zip(lowest.chunks_exact(self.links.places(0))).all(|(row, list)| {
                let mut links = list.iter().take_while(|link| **link != NONE);
                if gone(row) { links.next().is_none() } else { links.all(|link| !gone(*link)) }
            });
        let upper = || {
            self.links.rows_on(1).all(|row| {
                (1..=level(row, self.params.m)).all(|on| {
                    let list = self.links.list(row, on);
                    let stands = |link: &u32| *link == NONE || level(*link, self.params.m) >= on && !gone(*link);
                    is_sound(row, list, rows) && list.iter().all(stands) && (list[0] == NONE || !gone(row))
                })
            })
        };
        sound && kept && upper()
    }
}

/// Whether a list is filled from its front with rows that there are and not with the row itself. Without branches, because
/// all lists are looked at when a graph is opened.
fn is_sound(row: u32, list: &[u32], rows: u32) -> bool {
    let links = list.iter().fold(true, |all, link| all & ((*link < rows) & (*link != row) | (*link == NONE)));
    list.iter().zip(&list[1..]).fold(links, |all, (link, next)| all & ((*link != NONE) | (*next == NONE)))
}
