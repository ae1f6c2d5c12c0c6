//! The cache: decoded documents (the hot tier) and blocks of index tables, under one budget of bytes.
//!
//! Each of the two kinds is sure of half the budget and may use what the other leaves. Eviction is second chance ("clock":
//! Corbató 1968) in the order of the hash table: an item that was used since the hand last passed stays.

use crate::sync::RwLock;
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use hashbrown::HashTable;

/// Shards of each kind: writers of one shard do not stop readers of another.
const SHARDS: usize = 64;

/// Something that can be cached.
pub(crate) trait Item {
    /// Memory that it holds.
    fn bytes(&self) -> usize;
    /// The mark that it was used.
    fn used(&self) -> &AtomicBool;
}

struct Slot<T> {
    hash: u64,
    item: Arc<T>,
}

struct Shard<T> {
    table: HashTable<Slot<T>>,
    hand: usize,
    bytes: usize,
    /// The last sequence that changed a document of this shard: what was read before it must not be put in any more.
    changed: u64,
}

/// One kind of cached items.
pub(crate) struct Pool<T> {
    shards: Box<[RwLock<Shard<T>>]>,
    bytes: AtomicUsize,
    /// The shard that gives way next when another kind needs room.
    next: AtomicUsize,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
}

impl<T: Item> Pool<T> {
    pub(crate) fn new() -> Self {
        let shard = || Shard { table: HashTable::new(), hand: 0, bytes: 0, changed: 0 };
        let shards: Vec<_> = (0..SHARDS).map(|_| RwLock::new(shard())).collect();
        Pool {
            shards: shards.into_boxed_slice(),
            bytes: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    // Not the bits that the hash table itself tells items apart by.
    fn shard(&self, hash: u64) -> &RwLock<Shard<T>> {
        &self.shards[(hash >> 32) as usize % SHARDS]
    }

    /// The item with this hash for which `same` holds.
    pub(crate) fn get(&self, hash: u64, same: impl Fn(&T) -> bool) -> Option<Arc<T>> {
        let shard = self.shard(hash).read();
        let slot = shard.table.find(hash, |slot| slot.hash == hash && same(&slot.item))?;
        if !slot.item.used().load(Ordering::Relaxed) {
            slot.item.used().store(true, Ordering::Relaxed);
        }
        Some(slot.item.clone())
    }

    /// Puts an item in, unless what it was read from is older than a change of its shard.
    pub(crate) fn insert(&self, hash: u64, item: Arc<T>, read_at: u64, same: impl Fn(&T) -> bool) {
        let mut shard = self.shard(hash).write();
        if shard.changed > read_at && !crate::bug::active(crate::bug::Bug::StaleCache) {
            return;
        }
        self.put(&mut shard, hash, item, same);
    }

    /// Notes that a document changes with `sequence`: what is cached of it is replaced by what `fresh` makes, or dropped if
    /// that is nothing. A document that is not cached stays so.
    pub(crate) fn change(
        &self,
        hash: u64,
        sequence: u64,
        same: impl Fn(&T) -> bool,
        fresh: impl FnOnce() -> Option<Arc<T>>,
    ) {
        let mut shard = self.shard(hash).write();
        shard.changed = shard.changed.max(sequence);
        if crate::bug::active(crate::bug::Bug::StaleCache) {
            return;
        }
        let Ok(mut entry) = shard.table.find_entry(hash, |slot| slot.hash == hash && same(&slot.item)) else { return };
        let (mut added, removed) = (0, entry.get().item.bytes());
        match fresh() {
            Some(item) => {
                added = item.bytes();
                entry.get_mut().item = item;
            }
            None => drop(entry.remove()),
        }
        self.account(&mut shard, added, removed);
    }

    fn put(&self, shard: &mut Shard<T>, hash: u64, item: Arc<T>, same: impl Fn(&T) -> bool) {
        let added = item.bytes();
        let mut removed = 0;
        match shard.table.find_entry(hash, |slot| slot.hash == hash && same(&slot.item)) {
            Ok(mut entry) => removed = core::mem::replace(&mut entry.get_mut().item, item).bytes(),
            Err(_) => _ = shard.table.insert_unique(hash, Slot { hash, item }, |slot| slot.hash),
        }
        self.account(shard, added, removed);
    }

    fn account(&self, shard: &mut Shard<T>, added: usize, removed: usize) {
        shard.bytes = shard.bytes + added - removed;
        self.bytes.fetch_add(added, Ordering::Relaxed);
        self.bytes.fetch_sub(removed, Ordering::Relaxed);
    }

    /// Gives back about `need` bytes, from the shard of `hash` and then from the others in turn.
    fn evict(&self, need: usize, hash: Option<u64>) {
        let mut freed = hash.map_or(0, |hash| self.evict_shard(&mut self.shard(hash).write(), need));
        for _ in 0..2 * SHARDS {
            if freed >= need {
                return;
            }
            let next = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
            freed += self.evict_shard(&mut self.shards[next].write(), need - freed);
        }
    }

    fn evict_shard(&self, shard: &mut Shard<T>, need: usize) -> usize {
        let buckets = shard.table.num_buckets();
        let mut freed = 0;
        for _ in 0..buckets {
            if freed >= need {
                break;
            }
            shard.hand = (shard.hand + 1) % buckets;
            let Some(slot) = shard.table.get_bucket(shard.hand) else { continue };
            if slot.item.used().swap(false, Ordering::Relaxed) {
                continue;
            }
            if let Ok(entry) = shard.table.get_bucket_entry(shard.hand) {
                freed += entry.remove().0.item.bytes();
            }
        }
        shard.bytes -= freed;
        self.bytes.fetch_sub(freed, Ordering::Relaxed);
        freed
    }

    /// Drops everything, for when what was read may not be true any more.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.write();
            shard.table.clear();
            self.bytes.fetch_sub(core::mem::take(&mut shard.bytes), Ordering::Relaxed);
        }
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Makes room in `own` or `other` so that both together stay within `budget`, after something was put into `own`.
pub(crate) fn balance<A: Item, B: Item>(budget: usize, own: &Pool<A>, other: &Pool<B>, hash: u64) {
    let over = (own.bytes() + other.bytes()).saturating_sub(budget);
    if over == 0 {
        return;
    }
    if own.bytes() > budget / 2 || other.bytes() == 0 {
        own.evict(over, Some(hash));
    } else {
        other.evict(over, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing {
        key: u64,
        size: usize,
        used: AtomicBool,
    }

    impl Item for Thing {
        fn bytes(&self) -> usize {
            self.size
        }
        fn used(&self) -> &AtomicBool {
            &self.used
        }
    }

    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn thing(key: u64, size: usize) -> Arc<Thing> {
        Arc::new(Thing { key, size, used: AtomicBool::new(false) })
    }

    fn get(pool: &Pool<Thing>, key: u64) -> Option<Arc<Thing>> {
        pool.get(hash(key), |thing| thing.key == key)
    }

    #[test]
    fn the_budget_holds_and_used_items_stay() {
        let (own, other) = (Pool::new(), Pool::<Thing>::new());
        let put = |key| {
            own.insert(hash(key), thing(key, 100), 0, |t: &Thing| t.key == key);
            balance(100_000, &own, &other, hash(key));
        };
        put(0);
        for key in 1..10_000 {
            assert!(get(&own, 0).is_some(), "an item in constant use was dropped at {key}");
            put(key);
            assert!(own.bytes() <= 100_000);
        }
        assert!(own.bytes() > 90_000, "the budget is used: {}", own.bytes());
    }

    #[test]
    fn each_kind_is_sure_of_half() {
        let (documents, blocks) = (Pool::new(), Pool::new());
        for key in 0..2_000 {
            documents.insert(hash(key), thing(key, 100), 0, |t: &Thing| t.key == key);
            balance(100_000, &documents, &blocks, hash(key));
        }
        for key in 0..2_000 {
            blocks.insert(hash(key), thing(key, 100), 0, |t: &Thing| t.key == key);
            balance(100_000, &blocks, &documents, hash(key));
        }
        assert!(blocks.bytes() >= 49_000 && documents.bytes() >= 40_000, "{} {}", blocks.bytes(), documents.bytes());
        assert!(blocks.bytes() + documents.bytes() <= 100_000);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_put_in_after_it() {
        let pool = Pool::new();
        pool.change(hash(1), 7, |t: &Thing| t.key == 1, || None);
        pool.insert(hash(1), thing(1, 10), 6, |t: &Thing| t.key == 1);
        assert!(get(&pool, 1).is_none());
        pool.insert(hash(1), thing(1, 10), 7, |t: &Thing| t.key == 1);
        assert!(get(&pool, 1).is_some());
        pool.change(hash(1), 8, |t: &Thing| t.key == 1, || None);
        assert!(get(&pool, 1).is_none());
        assert_eq!(pool.bytes(), 0);
    }
}
