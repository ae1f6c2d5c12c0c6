//! A set of rows: those that a search may return.
//!
//! Invariant: bits beyond the number of rows are never set.

use alloc::{sync::Arc, vec, vec::Vec};

const WORD: usize = u64::BITS as usize;

/// A set of rows below a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    words: Vec<u64>,
    rows: usize,
}

impl Mask {
    /// None of this many rows.
    pub(crate) fn none(rows: usize) -> Mask {
        Mask { words: vec![0; rows.div_ceil(WORD)], rows }
    }

    /// All of this many rows.
    pub(crate) fn all(rows: usize) -> Mask {
        let mut mask = Mask { words: vec![u64::MAX; rows.div_ceil(WORD)], rows };
        if let (Some(last), used @ 1..) = (mask.words.last_mut(), rows % WORD) {
            *last = (1 << used) - 1;
        }
        mask
    }

    /// The rows for which `bits` says so, in order from the first one.
    pub(crate) fn from_bits(mut bits: impl ExactSizeIterator<Item = bool>) -> Mask {
        let mut mask = Mask::none(bits.len());
        for word in &mut mask.words {
            for (at, bit) in bits.by_ref().take(WORD).enumerate() {
                *word |= u64::from(bit) << at;
            }
        }
        mask
    }

    /// Makes room for more rows, which are not in the set.
    pub(crate) fn grow(&mut self, rows: usize) {
        if rows > self.rows {
            self.words.resize(rows.div_ceil(WORD), 0);
            self.rows = rows;
        }
    }

    /// The rows of this set that are not in the other one.
    pub(crate) fn without(&self, other: &Mask) -> Mask {
        self.with_each(other, |word, other| word & !other)
    }

    /// The rows that are in both sets.
    pub(crate) fn and(&self, other: &Mask) -> Mask {
        self.with_each(other, |word, other| word & other)
    }

    fn with_each(&self, other: &Mask, make: impl Fn(u64, u64) -> u64) -> Mask {
        let others = other.words.iter().copied().chain(core::iter::repeat(0));
        Mask { words: self.words.iter().zip(others).map(|(word, other)| make(*word, other)).collect(), rows: self.rows }
    }

    /// How many rows there are, in the set or not.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Puts a row into the set. A row that is not there is passed over.
    pub(crate) fn insert(&mut self, row: u32) {
        if (row as usize) < self.rows {
            self.words[row as usize / WORD] |= 1 << (row as usize % WORD);
        }
    }

    /// Takes a row out of the set.
    pub(crate) fn remove(&mut self, row: u32) {
        if (row as usize) < self.rows {
            self.words[row as usize / WORD] &= !(1 << (row as usize % WORD));
        }
    }

    pub(crate) fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / WORD).is_some_and(|word| word >> (row as usize % WORD) & 1 == 1)
    }

    /// How many rows are in the set.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The rows of the set, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().enumerate().flat_map(|(at, word)| bits(*word).map(move |bit| (at * WORD) as u32 + bit))
    }

    /// The words that it is made of.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// How many rows from one on are in the set.
    pub(crate) fn count_from(&self, row: usize) -> usize {
        let (first, before) = (row / WORD, row % WORD);
        let counted = self.words.iter().skip(first + 1).map(|word| word.count_ones() as usize).sum::<usize>();
        counted + (self.word(first) >> before).count_ones() as usize
    }

    /// The 16 rows from `16 * block` on, the first one in the lowest bit.
    #[inline]
    pub(crate) fn sixteen(&self, block: usize) -> u16 {
        self.words.get(block / 4).map_or(0, |word| (word >> (block % 4 * 16)) as u16)
    }

    /// The first group of 16 rows from `block` on that has one in the set, or a number beyond them all.
    #[inline]
    pub(crate) fn next_sixteen(&self, block: usize) -> usize {
        let mut left = self.words.get(block / 4).map_or(0, |word| word >> (block % 4 * 16));
        let mut from = block;
        while left == 0 {
            from = (from / 4 + 1) * 4;
            match self.words.get(from / 4) {
                Some(word) => left = *word,
                None => return from,
            }
        }
        from + left.trailing_zeros() as usize / 16
    }

    /// How many groups of 16 rows have one in the set, and how many runs of such groups there are.
    pub(crate) fn sixteens(&self) -> (usize, usize) {
        // The highest bit of each group: set by the bits below it if there are any, or set already.
        const HIGHEST: u64 = 0x8000_8000_8000_8000;
        let (mut groups, mut runs, mut before) = (0, 0, 0);
        for word in &self.words {
            let any = (((word & !HIGHEST) + !HIGHEST) | word) & HIGHEST;
            groups += any.count_ones() as usize;
            // A run begins where the group before has none.
            runs += (any & !(any << 16 | before)).count_ones() as usize;
            before = any >> 48;
        }
        (groups, runs)
    }

    /// The 64 rows from `64 * word` on, the first one in the lowest bit.
    pub(crate) fn word(&self, word: usize) -> u64 {
        self.words.get(word).copied().unwrap_or(0)
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

/// A set that is shared, and how many rows are in it.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    rows: Arc<Mask>,
    count: usize,
}

impl Counted {
    pub(crate) fn new(rows: Mask) -> Counted {
        Counted { count: rows.count(), rows: Arc::new(rows) }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether it is one set with the other, and not only an equal one.
    pub(crate) fn is(&self, other: &Counted) -> bool {
        Arc::ptr_eq(&self.rows, &other.rows)
    }

    /// Changes this one; others that it is shared with stay as they are.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Mask)) {
        change(Arc::make_mut(&mut self.rows));
        self.count = self.rows.count();
    }
}

impl core::ops::Deref for Counted {
    type Target = Mask;

    fn deref(&self) -> &Mask {
        &self.rows
    }
}

/// The bits of a word that are set, in order.
pub(crate) fn bits(mut left: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = (left != 0).then(|| left.trailing_zeros())?;
        left &= left - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_mask_is_a_set_of_rows(
            rows in 0..400_usize,
            changes in proptest::collection::vec((any::<bool>(), 0..420_u32), 0..300),
            full in any::<bool>(),
        ) {
            let mut mask = if full { Mask::all(rows) } else { Mask::none(rows) };
            let mut set: BTreeSet<u32> = if full { (0..rows as u32).collect() } else { BTreeSet::new() };
            for (insert, row) in changes {
                if insert {
                    mask.insert(row);
                    if (row as usize) < rows { set.insert(row); }
                } else {
                    mask.remove(row);
                    set.remove(&row);
                }
            }
            prop_assert_eq!(mask.count(), set.len());
            for row in [0, 1, 63, 64, 65, 200, 399, 400, 900] {
                prop_assert_eq!(mask.count_from(row), set.range(row as u32..).count());
            }
            prop_assert!((0..500).all(|row| mask.contains(row) == set.contains(&row)));
            let some = |block: &usize| mask.sixteen(*block) != 0;
            let begins = |block: &usize| some(block) && block.checked_sub(1).is_none_or(|before| !some(&before));
            prop_assert_eq!(mask.sixteens(), ((0..40).filter(some).count(), (0..40).filter(begins).count()));
            for block in 0..40 {
                let next = (block..).find(|at| mask.sixteen(*at) != 0 || 16 * at >= rows).unwrap();
                let found = mask.next_sixteen(block);
                prop_assert!(found == next || 16 * next >= rows && 16 * found >= rows);
                let bits = mask.sixteen(block);
                prop_assert!((0..16).all(|bit| (bits >> bit & 1 == 1) == set.contains(&(block as u32 * 16 + bit))));
            }
            let half: Mask = {
                let mut half = Mask::none(rows);
                (0..rows as u32).step_by(2).for_each(|row| half.insert(row));
                half
            };
            prop_assert!(mask.iter().eq(set.iter().copied()));
            prop_assert!(mask.and(&half).iter().eq(set.iter().copied().filter(|row| row % 2 == 0)));
            prop_assert!(mask.without(&half).iter().eq(set.iter().copied().filter(|row| row % 2 == 1)));
        }
    }
}
