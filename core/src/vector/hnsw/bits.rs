//! Sets of rows as bits.

use alloc::vec::Vec;

/// Whether a bit is set; what is beyond the words is not.
#[inline]
pub(super) fn contains(words: &[u64], at: u32) -> bool {
    words.get(at as usize / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
}

/// Sets a bit, with as many words as that takes.
pub(super) fn insert(words: &mut Vec<u64>, at: u32) {
    let word = at as usize / 64;
    if word >= words.len() {
        words.resize(word + 1, 0);
    }
    words[word] |= 1 << (at % 64);
}

/// Rows that a walk has seen. A bit each stays in the nearest cache where a mark of a byte or more would not; forgetting
/// them costs what was seen, not the size of the graph.
#[derive(Debug, Default)]
pub(super) struct Seen {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Seen {
    /// Forgets all, and makes room for rows below `count`.
    pub(super) fn reset(&mut self, count: usize) {
        for word in self.touched.drain(..) {
            self.words[word as usize] = 0;
        }
        self.words.resize(self.words.len().max(count.div_ceil(64)), 0);
    }

    /// Whether a row is marked.
    pub(super) fn contains(&self, row: u32) -> bool {
        contains(&self.words, row)
    }

    /// Marks a row; whether it is new.
    #[inline]
    pub(super) fn insert(&mut self, row: u32) -> bool {
        let word = &mut self.words[row as usize / 64];
        let bit = 1 << (row % 64);
        let new = *word & bit == 0;
        if new {
            *word |= bit;
            self.touched.push(row / 64);
        }
        new
    }
}
