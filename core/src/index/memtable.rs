//! The memtable: an ordered map over the log's tail, with many readers and one writer.
//!
//! Invariant: the lock is held for lookups and copies only, never across I/O. Entries carry the sequence of their commit,
//! and a reader passes the last sequence that it may see, so that a writer can fill in a commit before it is published.

use super::{
    payload::Payload,
    short::{Key, Value},
};
use crate::sync::RwLock;
use alloc::{collections::BTreeMap, collections::btree_map, vec::Vec};
use core::{
    ops::Bound,
    sync::atomic::{AtomicUsize, Ordering},
};
use hashbrown::HashTable;

/// What one entry costs beside its payload: its share of a tree node with key and value, of the table of parts, the header
/// of its payload's allocation.
const ENTRY_OVERHEAD_BYTES: usize = 192;

/// One entry of the memtable.
#[derive(Clone, Debug)]
pub(crate) struct MemEntry {
    /// Of the commit that brought the key.
    pub sequence: u64,
    /// The index value.
    pub value: Value,
    /// The encoded document, so that recent data needs no I/O.
    pub payload: Option<Payload>,
}

/// A key and its entry.
pub(crate) type KeyedEntry = (Key, MemEntry);

/// The ordered map over the log's tail.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    map: RwLock<Map>,
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Map {
    entries: BTreeMap<Key, MemEntry>,
    /// The hashes of the parts of keys that filters are asked about, of every entry there ever was: most questions are about
    /// documents that are not here, and this answers them without a walk through the tree.
    parts: HashTable<u64>,
}

/// Bytes of a key or value that is not held in place.
fn boxed<const N: usize>(bytes: &super::short::Short<N>) -> usize {
    if bytes.len() > N { bytes.len() } else { 0 }
}

fn cost(key: &Key, entry: &MemEntry) -> usize {
    let payload = entry.payload.as_ref().map_or(0, |payload| payload.len());
    boxed(key) + boxed(&entry.value) + payload + ENTRY_OVERHEAD_BYTES
}

impl Memtable {
    pub(crate) fn new() -> Self {
        Memtable::default()
    }

    /// Adds entries, under one lock. An equal key's value is replaced, but it keeps its older sequence: who saw the key goes
    /// on seeing it. With each entry comes the [hash](super::filter::filter_hash) of its key's filter part, if it has one.
    pub(crate) fn insert(&self, entries: impl IntoIterator<Item = (Key, MemEntry, Option<u64>)>) {
        let mut map = self.map.write();
        let Map { entries: tree, parts } = &mut *map;
        let (mut added, mut removed) = (0, 0);
        for (key, mut entry, part) in entries {
            added += cost(&key, &entry);
            if let Some(part) = part {
                parts.entry(part, |other| *other == part, |other| *other).or_insert(part);
            }
            match tree.entry(key) {
                btree_map::Entry::Vacant(vacant) => _ = vacant.insert(entry),
                btree_map::Entry::Occupied(mut present) => {
                    entry.sequence = entry.sequence.min(present.get().sequence);
                    removed += cost(present.key(), present.get());
                    present.insert(entry);
                }
            }
        }
        self.bytes.fetch_add(added, Ordering::Relaxed);
        self.bytes.fetch_sub(removed, Ordering::Relaxed);
    }

    /// The entry of exactly `key`, visible or not.
    #[cfg(test)]
    pub(crate) fn get(&self, key: &[u8]) -> Option<MemEntry> {
        self.map.read().entries.get(key).cloned()
    }

    /// Whether there may be a key whose filter part has this hash; no only if there is none.
    pub(crate) fn may_contain(&self, part: u64) -> bool {
        self.map.read().parts.find(part, |other| *other == part).is_some()
    }

    /// Shows `visit` the first visible entry at or after `from` whose key starts with `prefix`, without copying it.
    ///
    /// The lock is held while `visit` runs. Keys outside of the prefix end the search, so that a large commit that is not
    /// yet visible does not slow down everyone else.
    pub(crate) fn find_first<R>(
        &self,
        from: &[u8],
        prefix: &[u8],
        max_sequence: u64,
        visit: impl FnOnce(&[u8], &MemEntry) -> R,
    ) -> Option<R> {
        let map = self.map.read();
        let (key, entry) = map
            .entries
            .range::<[u8], _>((Bound::Included(from), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .find(|(_, entry)| entry.sequence <= max_sequence)?;
        Some(visit(key, entry))
    }

    /// Up to `limit` keys and values at the beginning or after `after`, ascending, visible or not. Fewer mean that there are
    /// no more.
    pub(crate) fn keys_and_values(&self, after: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let map = self.map.read();
        let entries = map.entries.range::<[u8], _>((start, Bound::Unbounded));
        entries.take(limit).map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
    }

    /// Up to `limit` visible entries at (if `inclusive`) or after `from`, ascending. Fewer mean that there are no more.
    pub(crate) fn seek(&self, from: &[u8], inclusive: bool, max_sequence: u64, limit: usize) -> Vec<KeyedEntry> {
        let start = if inclusive { Bound::Included(from) } else { Bound::Excluded(from) };
        let map = self.map.read();
        map.entries
            .range::<[u8], _>((start, Bound::Unbounded))
            .filter(|(_, entry)| entry.sequence <= max_sequence)
            .take(limit)
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect()
    }

    /// The visible entry with the greatest key below `before`.
    pub(crate) fn seek_back(&self, before: &[u8], max_sequence: u64) -> Option<KeyedEntry> {
        let map = self.map.read();
        map.entries
            .range::<[u8], _>((Bound::Unbounded, Bound::Excluded(before)))
            .rev()
            .find(|(_, entry)| entry.sequence <= max_sequence)
            .map(|(key, entry)| (key.clone(), entry.clone()))
    }

    /// Drops every entry with a greater sequence: what was written for commits that did not become durable.
    pub(crate) fn remove_after(&self, sequence: u64) {
        let mut dropped = 0;
        let mut map = self.map.write();
        // It hardly ever happens. Taking out of a tree would be more code than all else that is done with it.
        for (key, entry) in core::mem::take(&mut map.entries) {
            if entry.sequence > sequence {
                dropped += cost(&key, &entry);
            } else if let btree_map::Entry::Vacant(vacant) = map.entries.entry(key) {
                vacant.insert(entry);
            }
        }
        self.bytes.fetch_sub(dropped, Ordering::Relaxed);
    }

    /// Memory held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Entries, visible or not.
    pub(crate) fn len(&self) -> usize {
        self.map.read().entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{super::filter::filter_hash, *};
    use alloc::sync::Arc;

    fn entry(sequence: u64, value: &[u8]) -> MemEntry {
        MemEntry { sequence, value: value.into(), payload: Some(Arc::<[u8]>::from(&b"payload"[..]).into()) }
    }

    fn insert(table: &Memtable, key: &[u8], entry: MemEntry) {
        table.insert([(key.into(), entry, Some(filter_hash(key)))]);
    }

    fn keys(batch: &[KeyedEntry]) -> Vec<&[u8]> {
        batch.iter().map(|(key, _)| &**key).collect()
    }

    #[test]
    fn later_sequences_are_invisible() {
        let table = Memtable::new();
        for (key, sequence) in [("a", 1), ("b", 5), ("c", 2), ("d", 9)] {
            insert(&table, key.as_bytes(), entry(sequence, b""));
        }
        assert_eq!(keys(&table.seek(b"", true, 2, 10)), [b"a", b"c"]);
        assert_eq!(keys(&table.seek(b"a", false, 9, 2)), [b"b", b"c"]);
        assert_eq!(&*table.seek_back(b"c", 2).unwrap().0, b"a");
        assert_eq!(&*table.seek_back(b"c", 5).unwrap().0, b"b");
        assert!(table.seek_back(b"a", 9).is_none());
        assert_eq!(table.find_first(b"b", b"", 2, |key, _| key.to_vec()).unwrap(), b"c");
        assert!(table.find_first(b"b", b"b", 2, |_, _| ()).is_none(), "the prefix bounds the search");
    }

    #[test]
    fn a_part_that_was_added_is_found() {
        let table = Memtable::new();
        insert(&table, b"a", entry(3, b""));
        assert!(table.may_contain(filter_hash(b"a")) && !table.may_contain(filter_hash(b"b")));
    }

    #[test]
    fn a_replaced_entry_keeps_its_older_sequence_and_the_new_value() {
        let table = Memtable::new();
        insert(&table, b"a", entry(3, b"old"));
        insert(&table, b"a", entry(7, b"new"));
        let found = table.get(b"a").unwrap();
        assert_eq!((found.sequence, &*found.value), (3, &b"new"[..]));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn rolling_back_leaves_exactly_what_was_before() {
        let table = Memtable::new();
        insert(&table, b"a", entry(1, b"1"));
        let bytes = table.bytes();
        insert(&table, b"b", entry(2, b"2"));
        insert(&table, b"c", entry(3, b"3"));
        table.remove_after(1);
        assert_eq!(keys(&table.seek(b"", true, u64::MAX, 10)), [b"a"]);
        assert_eq!(table.bytes(), bytes);
        table.remove_after(0);
        assert!(table.is_empty());
        assert_eq!(table.bytes(), 0);
    }
}
