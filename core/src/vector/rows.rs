//! The rows of one named vector of a collection: which version each is of, and from when until when it is alive.
//!
//! A row is a version with a vector, in the order of the log, and never changes but for the commit that ends it. So what a
//! moment shows is a set of rows that is found without the index of documents: those begun by the moment's last commit or
//! before and not ended by then. That holds for commits of the database's own actor, which have seen everything before them.
//! Where another actor had a part in a document, its rows are *shared*: there the index of documents has to be asked.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod stored;

use super::{
    kernel::memory::{prefetch_anywhere, prefetch_items},
    mask::Mask,
    paged::Pages,
};
use crate::{clock::Timestamp, limits};
use alloc::vec::Vec;
use core::ops::Range;
use hashbrown::HashTable;

/// Where the records of a row's version stand: the value's, and right behind it the vectors'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    /// Bytes of the value's record.
    pub(crate) value_bytes: u32,
    /// Bytes of the vectors' record.
    pub(crate) vectors_bytes: u32,
}

/// A commit of the database's own actor that began or ended a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) sequence: u64,
    pub(crate) timestamp: Timestamp,
    pub(crate) counter: u64,
}

/// The last commit that a moment shows, by each of the ways to say it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    pub(crate) sequence: u64,
    pub(crate) time: Timestamp,
    pub(crate) counter: u64,
}

/// What is said of a row when it begins.
pub(crate) struct Begin<'a> {
    pub(crate) key: &'a str,
    pub(crate) place: Place,
    pub(crate) expires_at: Option<i64>,
    /// `None` if another actor's commit began it.
    pub(crate) stamp: Option<Stamp>,
}

impl Stamp {
    fn of([sequence, timestamp, counter]: [u64; 3]) -> Stamp {
        Stamp { sequence, timestamp: Timestamp::from_bits(timestamp as i64), counter }
    }

    fn numbers(self) -> [u64; 3] {
        [self.sequence, self.timestamp.to_bits() as u64, self.counter]
    }
}

/// No commit has ended the row. Other commits are counted from 1; 0 stands for those of other actors.
const ALIVE: u32 = u32::MAX;

/// There is no row.
const NONE: u32 = u32::MAX;

/// The rows of one named vector.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Of each commit the sequence, the bits of the timestamp, the counter.
    commits: Vec<[u64; 3]>,
    born: Vec<u32>,
    died: Vec<u32>,
    /// Of each row the numbers of its [`Place`], in their order.
    places: Vec<[u32; 4]>,
    places_there: Pages,
    /// Where each row's key ends in `keys`.
    key_ends: Vec<u32>,
    key_ends_there: Pages,
    keys: Vec<u8>,
    keys_there: Pages,
    /// Rows whose version expires, ascending, and when, in milliseconds since 1970.
    expiring: Vec<u32>,
    expire_at: Vec<i64>,
    /// Ascending.
    shared: Vec<u32>,
    /// The newest row of each document, ended or not, of the rows that `before` has.
    newest: HashTable<u32>,
    /// The row before of the same document, or [`NONE`]. It has the first rows, and all once a row begins or ends: searches do
    /// without it.
    before: Vec<u32>,
    hasher: KeyHasher,
}

/// Hashes keys, with a seed that whoever chooses keys does not know. In a module for browsers there is nothing to make one of,
/// and the code that looks for it would be a kilobyte of the download.
#[derive(Debug, Default)]
struct KeyHasher(#[cfg(not(target_arch = "wasm32"))] hashbrown::DefaultHashBuilder);

impl KeyHasher {
    fn hash(&self, key: &[u8]) -> u64 {
        #[cfg(not(target_arch = "wasm32"))]
        return core::hash::BuildHasher::hash_one(&self.0, key);
        #[cfg(target_arch = "wasm32")]
        return crate::codec::hash::hash(key);
    }
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.born.len()
    }

    /// The memory that they take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let of_rows = self.born.capacity() * (4 + 4 + size_of::<Place>() + 4 + 4);
        of_rows + self.commits.capacity() * size_of::<[u64; 3]>() + self.keys.capacity() + self.newest.capacity() * 6
    }

    pub(crate) fn key(&self, row: u32) -> &str {
        let key = self.keys.get(self.key_range(row)).unwrap_or_default();
        core::str::from_utf8(key).unwrap_or_default()
    }

    /// Where the key of a row lies.
    fn key_range(&self, row: u32) -> Range<usize> {
        let end_of = |row: usize| self.key_ends.get(row).map_or(0, |&end| end as usize);
        (row as usize).checked_sub(1).map_or(0, end_of)..end_of(row as usize)
    }

    /// Asks for the memory of what is to be known of rows.
    pub(crate) fn prefetch(&self, rows: impl Iterator<Item = u32> + Clone) {
        prefetch_items(&self.key_ends, rows.clone());
        prefetch_items(&self.places, rows.clone());
        prefetch_items(&self.born, rows);
    }

    /// Asks for the memory of a row's key.
    pub(crate) fn prefetch_key(&self, row: u32) {
        prefetch_anywhere(self.keys.get(self.key_range(row)).unwrap_or_default());
    }

    pub(crate) fn place(&self, row: u32) -> Option<Place> {
        let [segment, offset, value_bytes, vectors_bytes] = *self.places.get(row as usize)?;
        Some(Place { segment, offset, value_bytes, vectors_bytes })
    }

    /// The commit that began a row; `None` if it is another actor's.
    pub(crate) fn stamp(&self, row: u32) -> Option<Stamp> {
        let born = self.born.get(row as usize)?.checked_sub(1)?;
        self.commits.get(born as usize).copied().map(Stamp::of)
    }

    pub(crate) fn expires_at(&self, row: u32) -> Option<i64> {
        let at = self.expiring.binary_search(&row).ok()?;
        self.expire_at.get(at).copied()
    }

    /// Rows of which the index of documents has to be asked whether a moment shows them.
    pub(crate) fn shared(&self) -> &[u32] {
        &self.shared
    }

    /// Whether there is no room for another row with such a key.
    pub(crate) fn is_full(&self, key: &str) -> bool {
        self.len() >= limits::VECTOR_ROWS_MAX || self.keys.len() + key.len() > u32::MAX as usize
    }

    /// The number of a commit, which is the last one or a later one.
    fn number(&mut self, stamp: Stamp) -> u32 {
        if self.commits.last() != Some(&stamp.numbers()) {
            self.commits.push(stamp.numbers());
        }
        self.commits.len() as u32
    }

    /// Ends the row of a document, if there is one. `stamp` is `None` for the commit of another actor, which may or may not
    /// have ended it. All keys have to be there.
    pub(crate) fn end(&mut self, key: &str, stamp: Option<Stamp>) {
        self.remember();
        let found = self.newest.find(self.hasher.hash(key.as_bytes()), |&row| self.key(row) == key).copied();
        let Some(mut row) = found else { return };
        let Some(stamp) = stamp else {
            // It may be about a time of which any of the document's rows was alive. Behind one that is shared all are.
            while row != NONE && self.share(row) {
                row = self.before.get(row as usize).copied().unwrap_or(NONE);
            }
            return;
        };
        let number = self.number(stamp);
        if let Some(died) = self.died.get_mut(row as usize).filter(|died| **died == ALIVE) {
            *died = number;
        }
    }

    /// Marks a row as shared; `false` if it was.
    fn share(&mut self, row: u32) -> bool {
        let place = self.shared.binary_search(&row);
        if let Err(at) = place {
            self.shared.insert(at, row);
        }
        place.is_err()
    }

    /// Adds a row. That of the version before was ended. All keys have to be there.
    pub(crate) fn begin(&mut self, begin: &Begin<'_>) {
        let row = self.len() as u32;
        let born = begin.stamp.map_or(0, |stamp| self.number(stamp));
        self.born.push(born);
        self.died.push(ALIVE);
        let Place { segment, offset, value_bytes, vectors_bytes } = begin.place;
        self.places.push([segment, offset, value_bytes, vectors_bytes]);
        self.keys.extend_from_slice(begin.key.as_bytes());
        self.key_ends.push(self.keys.len() as u32);
        if let Some(at) = begin.expires_at {
            self.expiring.push(row);
            self.expire_at.push(at);
        }
        if born == 0 {
            // Those before it were shared when it was said to end them.
            self.share(row);
        }
        self.remember();
    }

    /// Finds the documents of the rows that are not in `newest` yet.
    fn remember(&mut self) {
        let known = self.before.len();
        if self.len() - known > 1 {
            self.before.reserve_exact(self.len() - known);
            if self.newest.is_empty() {
                self.newest = HashTable::with_capacity(self.len());
            }
        }
        (known as u32..self.len() as u32).for_each(|row| self.remember_row(row));
    }

    fn remember_row(&mut self, row: u32) {
        let hash = self.hasher.hash(self.key(row).as_bytes());
        let same = self.newest.find(hash, |&each| self.key(each) == self.key(row)).copied();
        self.before.push(same.unwrap_or(NONE));
        if let Some(same) = same {
            if let Some(newest) = self.newest.find_mut(hash, |&each| each == same) {
                *newest = row;
            }
            return;
        }
        let Rows { newest, keys, key_ends, hasher, .. } = self;
        let rehash = |&row: &u32| {
            let end_of = |row: usize| key_ends.get(row).map_or(0, |&end| end as usize);
            let start = (row as usize).checked_sub(1).map_or(0, end_of);
            hasher.hash(keys.get(start..end_of(row as usize)).unwrap_or_default())
        };
        newest.insert_unique(hash, row, rehash);
    }

    /// How many of the own commits a moment shows.
    pub(crate) fn cutoff(&self, until: Until) -> u32 {
        let shows = |stamp: &[u64; 3]| {
            let stamp = Stamp::of(*stamp);
            stamp.sequence <= until.sequence && stamp.timestamp <= until.time && stamp.counter <= until.counter
        };
        self.commits.partition_point(shows) as u32
    }

    /// The rows that are alive when so many commits are shown, as far as they are not shared or expired.
    pub(crate) fn alive(&self, cutoff: u32) -> Mask {
        let alive = |(&born, &died): (&u32, &u32)| born <= cutoff && died > cutoff;
        let mut mask = Mask::from_bits(self.born.iter().zip(&self.died).map(alive));
        self.shared.iter().for_each(|&row| mask.remove(row));
        mask
    }

    /// Whether some row has expired.
    pub(crate) fn expires_before(&self, clock_ms: i64) -> bool {
        self.expire_at.iter().any(|at| *at <= clock_ms)
    }

    /// Takes the rows that have expired out of a set.
    pub(crate) fn remove_expired(&self, mask: &mut Mask, clock_ms: i64) {
        let expired = self.expiring.iter().zip(&self.expire_at).filter(|(_, at)| **at <= clock_ms);
        expired.for_each(|(row, _)| mask.remove(*row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::cursor::Cursor,
        vector::paged::{PAGE, files},
    };
    use alloc::{collections::BTreeMap, format, string::String};
    use proptest::{collection::vec, prelude::*};

    fn stamp(n: u64) -> Stamp {
        Stamp { sequence: 2 * n, timestamp: Timestamp::from_bits(100 + 3 * n as i64), counter: n }
    }

    fn place(n: u32) -> Place {
        Place { segment: 1, offset: n, value_bytes: 5, vectors_bytes: 6 }
    }

    const EVERYTHING: Until = Until { sequence: u64::MAX, time: Timestamp::MAX, counter: u64::MAX };

    fn write(rows: &mut Rows, n: u64, key: &str, vector: bool, expires_at: Option<i64>) {
        rows.end(key, Some(stamp(n)));
        if vector {
            rows.begin(&Begin { key, place: place(n as u32), expires_at, stamp: Some(stamp(n)) });
        }
    }

    proptest! {
        #[test]
        fn the_rows_of_every_moment_are_those_of_a_map_replayed_to_it(
            writes in vec(("[a-e]", any::<bool>(), proptest::option::of(0i64..10)), 1..60),
            damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            cut: prop::sample::Index,
        ) {
            let mut rows = Rows::default();
            for (n, (key, vector, expires_at)) in writes.iter().enumerate() {
                write(&mut rows, n as u64 + 1, key, *vector, *expires_at);
            }
            let written = written(&rows);
            let read_back = read(&written).unwrap();
            for until in 0..=writes.len() as u64 {
                let mut map: BTreeMap<&str, Option<u32>> = BTreeMap::new();
                for (n, (key, vector, expires_at)) in writes.iter().enumerate().take(until as usize) {
                    map.insert(key, (*vector && expires_at.is_none_or(|at| at > 5)).then_some(n as u32 + 1));
                }
                let mut wanted: Vec<u32> = map.values().flatten().copied().collect();
                wanted.sort_unstable();
                let by_time = Until { time: Timestamp::from_bits(101 + 3 * until as i64), ..EVERYTHING };
                for until in [by_time, Until { sequence: 2 * until + 1, ..EVERYTHING }, Until { counter: until, ..EVERYTHING }] {
                    for rows in [&rows, &read_back] {
                        let mut mask = rows.alive(rows.cutoff(until));
                        rows.remove_expired(&mut mask, 5);
                        let found: Vec<u32> = mask.iter().map(|row| rows.place(row).unwrap().offset).collect();
                        prop_assert_eq!(&found, &wanted);
                        for row in mask.iter() {
                            let n = rows.place(row).unwrap().offset as usize - 1;
                            prop_assert_eq!(rows.key(row), &writes[n].0);
                            prop_assert_eq!(rows.expires_at(row), writes[n].2);
                            prop_assert_eq!(rows.stamp(row), Some(stamp(n as u64 + 1)));
                        }
                    }
                }
            }
            for (at, to) in damage {
                let mut damaged = written.clone();
                let bytes = if to % 4 == 0 { &mut damaged.0 } else { &mut damaged.1 };
                let at = at.index(bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = to;
                }
                if let Some(mut rows) = read(&damaged) {
                    rows.end("a", Some(stamp(1000)));
                    prop_assert!((0..rows.len() as u32).all(|row| rows.place(row).is_some() && rows.key(row).len() < 9));
                }
            }
            let pages = cut.index(written.1.len().max(1)) / PAGE * PAGE;
            prop_assert!(pages == written.1.len() || read(&(written.0, written.1[..pages].to_vec())).is_none());
        }
    }

    fn written(rows: &Rows) -> (Vec<u8>, Vec<u8>) {
        let (mut description, mut arrays) = (Vec::new(), Vec::new());
        rows.describe(&mut description);
        rows.arrays(&mut arrays);
        (description, files::written(&arrays))
    }

    fn opened((description, pages): &(Vec<u8>, Vec<u8>)) -> Option<Rows> {
        let mut input = Cursor::new(description);
        let mut paging = files::paging(pages);
        let mut rows = Rows::open(&mut input, &mut paging)?;
        if !input.is_empty() || !paging.is_used_up() {
            return None;
        }
        let mut arrays = Vec::new();
        rows.arrays_mut(&mut arrays);
        files::read(arrays, pages);
        rows.check().then_some(rows)
    }

    fn read(bytes: &(Vec<u8>, Vec<u8>)) -> Option<Rows> {
        let mut rows = opened(bytes)?;
        files::pages(&bytes.1).all(|(page, bytes)| rows.take_in(page, bytes) != Some(false)).then_some(rows)
    }

    #[test]
    fn a_row_is_read_with_the_few_pages_that_it_lies_on() {
        let mut rows = Rows::default();
        for n in 1..=3000 {
            write(&mut rows, n, &format!("a key of some length {n}"), true, None);
        }
        let written = written(&rows);
        for row in [0, 1, 1023, 1024, 2999] {
            let mut read = opened(&written).unwrap();
            assert!(!read.are_there());
            let (mut missing, mut taken) = (Vec::new(), 0);
            loop {
                assert!(read.need_row(row, &mut missing));
                if missing.is_empty() {
                    break;
                }
                for page in missing.drain(..) {
                    taken += 1;
                    assert_eq!(read.take_in(page, &written.1[page as usize * PAGE..][..PAGE]), Some(true));
                }
            }
            assert!(taken <= 6, "{taken}");
            assert_eq!((read.key(row), read.place(row)), (rows.key(row), rows.place(row)));
        }
    }

    #[test]
    fn keys_that_are_no_text_or_overlap_are_found_where_they_are_read() {
        let mut rows = Rows::default();
        for n in 1..=20 {
            write(&mut rows, n, &format!("key{n:03}"), true, None);
        }
        let (description, pages) = written(&rows);
        // Commits, born, died, places; then where keys end, and keys.
        for (at, byte) in [(4 * PAGE + 9 * 4, 0), (4 * PAGE + 9 * 4, 200), (5 * PAGE + 55, 0xff)] {
            let mut damaged = (description.clone(), pages.clone());
            damaged.1[at] = byte;
            let mut one = opened(&damaged).unwrap();
            for (page, bytes) in files::pages(&damaged.1).filter(|(page, _)| *page == at as u32 / 4096 || *page == 5) {
                // A single row looks at its own key alone.
                let _ = one.take_in(page, bytes);
            }
            assert!(read(&damaged).is_none(), "{at}");
        }
    }

    #[test]
    fn what_another_actor_says_of_the_past_is_about_every_row_of_the_document() {
        let mut rows = Rows::default();
        write(&mut rows, 1, "k", true, None);
        write(&mut rows, 2, "k", true, None);
        write(&mut rows, 3, "k", false, None);
        write(&mut rows, 4, "other", true, None);
        rows.end("k", None);
        assert_eq!(rows.shared(), [0, 1], "also those that were ended");
        write(&mut rows, 5, "k", true, None);
        rows.end("k", None);
        assert_eq!(rows.shared(), [0, 1, 3]);
    }

    #[test]
    fn rows_in_which_another_actor_had_a_part_are_left_to_the_index_of_documents() {
        let mut rows = Rows::default();
        for n in 1..=3 {
            write(&mut rows, n, &format!("k{n}"), true, None);
        }
        rows.end("k2", None);
        rows.begin(&Begin { key: "other", place: place(9), expires_at: None, stamp: None });
        let mask = rows.alive(rows.cutoff(EVERYTHING));
        assert_eq!(mask.iter().map(|row| String::from(rows.key(row))).collect::<Vec<_>>(), ["k1", "k3"]);
        assert_eq!(rows.shared(), [1, 3]);
        assert_eq!(rows.stamp(3), None);
    }
}
