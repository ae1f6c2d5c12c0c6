//! The memtable: an ordered map over the log's tail, with many readers and one writer.
//!
//! Invariant: the lock is held for lookups and copies only, never across I/O. Entries carry the sequence of their commit,
//! and a reader passes the last sequence that it may see, so that a writer can fill in a commit before it is published.

use crate::sync::RwLock;
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::{
    ops::Bound,
    sync::atomic::{AtomicUsize, Ordering},
};

/// What one entry costs beside its bytes: its share of a tree node, the headers of its allocations.
const ENTRY_OVERHEAD_BYTES: usize = 112;

/// One entry of the memtable.
#[derive(Clone, Debug)]
pub(crate) struct MemEntry {
    /// Of the commit that brought the key.
    pub sequence: u64,
    /// The index value.
    pub value: Box<[u8]>,
    /// The encoded document, so that recent data needs no I/O.
    pub payload: Option<Arc<[u8]>>,
}

/// A key and its entry.
pub(crate) type KeyedEntry = (Box<[u8]>, MemEntry);

/// The ordered map over the log's tail.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    map: RwLock<BTreeMap<Box<[u8]>, MemEntry>>,
    bytes: AtomicUsize,
}

fn cost(key: &[u8], entry: &MemEntry) -> usize {
    let payload = entry.payload.as_ref().map_or(0, |payload| payload.len());
    key.len() + entry.value.len() + payload + ENTRY_OVERHEAD_BYTES
}

impl Memtable {
    pub(crate) fn new() -> Self {
        Memtable::default()
    }

    /// Adds an entry. An equal key's value is replaced, but it keeps its older sequence: who saw the key goes on seeing it.
    pub(crate) fn insert(&self, key: impl Into<Box<[u8]>>, mut entry: MemEntry) {
        let key = key.into();
        let mut map = self.map.write();
        if let Some(present) = map.get_mut(&key) {
            entry.sequence = entry.sequence.min(present.sequence);
            let (old, new) = (cost(&key, present), cost(&key, &entry));
            *present = entry;
            self.bytes.fetch_add(new, Ordering::Relaxed);
            self.bytes.fetch_sub(old, Ordering::Relaxed);
        } else {
            self.bytes.fetch_add(cost(&key, &entry), Ordering::Relaxed);
            map.insert(key, entry);
        }
    }

    /// The entry of exactly `key`, visible or not.
    #[cfg(test)]
    pub(crate) fn get(&self, key: &[u8]) -> Option<MemEntry> {
        self.map.read().get(key).cloned()
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
            .range::<[u8], _>((Bound::Included(from), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .find(|(_, entry)| entry.sequence <= max_sequence)?;
        Some(visit(key, entry))
    }

    /// Up to `limit` visible entries at (if `inclusive`) or after `from`, ascending. Fewer mean that there are no more.
    pub(crate) fn seek(&self, from: &[u8], inclusive: bool, max_sequence: u64, limit: usize) -> Vec<KeyedEntry> {
        let start = if inclusive { Bound::Included(from) } else { Bound::Excluded(from) };
        let map = self.map.read();
        map.range::<[u8], _>((start, Bound::Unbounded))
            .filter(|(_, entry)| entry.sequence <= max_sequence)
            .take(limit)
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect()
    }

    /// The visible entry with the greatest key below `before`.
    pub(crate) fn seek_back(&self, before: &[u8], max_sequence: u64) -> Option<KeyedEntry> {
        let map = self.map.read();
        map.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(before)))
            .rev()
            .find(|(_, entry)| entry.sequence <= max_sequence)
            .map(|(key, entry)| (key.clone(), entry.clone()))
    }

    /// Drops every entry with a greater sequence: what was written for commits that did not become durable.
    pub(crate) fn remove_after(&self, sequence: u64) {
        let mut dropped = 0;
        self.map.write().retain(|key, entry| {
            let keep = entry.sequence <= sequence;
            dropped += if keep { 0 } else { cost(key, entry) };
            keep
        });
        self.bytes.fetch_sub(dropped, Ordering::Relaxed);
    }

    /// Memory held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Entries, visible or not.
    pub(crate) fn len(&self) -> usize {
        self.map.read().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64, value: &[u8]) -> MemEntry {
        MemEntry { sequence, value: value.into(), payload: Some(Arc::from(&b"payload"[..])) }
    }

    fn keys(batch: &[KeyedEntry]) -> Vec<&[u8]> {
        batch.iter().map(|(key, _)| &**key).collect()
    }

    #[test]
    fn later_sequences_are_invisible() {
        let table = Memtable::new();
        for (key, sequence) in [("a", 1), ("b", 5), ("c", 2), ("d", 9)] {
            table.insert(key.as_bytes(), entry(sequence, b""));
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
    fn a_replaced_entry_keeps_its_older_sequence_and_the_new_value() {
        let table = Memtable::new();
        table.insert(&b"a"[..], entry(3, b"old"));
        table.insert(&b"a"[..], entry(7, b"new"));
        let found = table.get(b"a").unwrap();
        assert_eq!((found.sequence, &*found.value), (3, &b"new"[..]));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn rolling_back_leaves_exactly_what_was_before() {
        let table = Memtable::new();
        table.insert(&b"a"[..], entry(1, b"1"));
        let bytes = table.bytes();
        table.insert(&b"b"[..], entry(2, b"2"));
        table.insert(&b"c"[..], entry(3, b"3"));
        table.remove_after(1);
        assert_eq!(keys(&table.seek(b"", true, u64::MAX, 10)), [b"a"]);
        assert_eq!(table.bytes(), bytes);
        table.remove_after(0);
        assert!(table.is_empty());
        assert_eq!(table.bytes(), 0);
    }
}
