//! The cache: decoded documents (the hot tier), and blocks of index tables with vectors, under one budget of bytes.
//!
//! Each of the two kinds is sure of its share of the budget and may use what the other leaves. Eviction is second chance
//! ("clock": Corbató 1968) in the order of the hash table: an item that was used since the hand last passed stays.

use super::slots::Slots;
use crate::sync::RwLock;
use alloc::{boxed::Box, vec::Vec};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shards of each kind: writers of one shard do not stop readers of another.
const SHARDS: usize = 64;

/// Something that can be cached. Cheap to clone.
pub(crate) trait Item: Clone {
    /// Memory that it holds.
    fn bytes(&self) -> usize;
}

struct Shard<T> {
    slots: Slots<T>,
    hand: usize,
    bytes: usize,
    /// The last sequence that changed a document of this shard: what was read before it must not be put in any more.
    changed: u64,
    /// What was found. Here, and not one for all, so that readers of different shards do not wait for each other's count.
    hits: AtomicU64,
}

/// A shard in lines of memory of its own.
#[repr(align(128))]
struct Lines<T>(RwLock<Shard<T>>);

/// One kind of cached items.
pub(crate) struct Pool<T> {
    shards: Box<[Lines<T>]>,
    bytes: AtomicUsize,
    /// What the other kind cannot push out.
    sure_bytes: usize,
    /// The shard that gives way next when another kind needs room.
    next: AtomicUsize,
    pub(crate) misses: AtomicU64,
}

impl<T: Item> Pool<T> {
    pub(crate) fn new(sure_bytes: usize) -> Self {
        let shard = || Shard { slots: Slots::new(), hand: 0, bytes: 0, changed: 0, hits: AtomicU64::new(0) };
        let shards: Vec<_> = (0..SHARDS).map(|_| Lines(RwLock::new(shard()))).collect();
        Pool {
            shards: shards.into_boxed_slice(),
            bytes: AtomicUsize::new(0),
            sure_bytes,
            next: AtomicUsize::new(0),
            misses: AtomicU64::new(0),
        }
    }

    // Not the bits that the hash table itself chooses slots by.
    fn shard(&self, hash: u64) -> &RwLock<Shard<T>> {
        &self.shards[(hash >> 32) as usize % SHARDS].0
    }

    /// The item with this hash for which `same` holds.
    #[inline]
    pub(crate) fn get(&self, hash: u64, same: impl Fn(&T) -> bool) -> Option<T> {
        self.with(hash, same, T::clone)
    }

    /// What `use_it` makes of that item, which it must not keep from others for long.
    #[inline]
    pub(crate) fn with<R>(&self, hash: u64, same: impl Fn(&T) -> bool, use_it: impl FnOnce(&T) -> R) -> Option<R> {
        let shard = self.shard(hash).read();
        let place = shard.slots.find(hash as u32, same)?;
        shard.hits.fetch_add(1, Ordering::Relaxed);
        shard.slots.use_item(place).map(use_it)
    }

    /// Asks for the memory that [`get`](Self::get) begins at.
    pub(crate) fn prefetch(&self, hash: u64) {
        self.shard(hash).read().slots.prefetch(hash as u32);
    }

    /// How often something was found.
    pub(crate) fn hits(&self) -> u64 {
        self.shards.iter().map(|shard| shard.0.read().hits.load(Ordering::Relaxed)).sum()
    }

    /// Puts an item in, unless what it was read from is older than a change of its shard.
    pub(crate) fn insert(&self, hash: u64, item: T, read_at: u64, same: impl Fn(&T) -> bool) {
        let mut shard = self.shard(hash).write();
        if shard.changed > read_at && !crate::bug::active(crate::bug::Bug::StaleCache) {
            return;
        }
        let added = item.bytes();
        let mut removed = 0;
        match shard.slots.find(hash as u32, same) {
            Some(place) => removed = shard.slots.replace(place, item).map_or(0, |old| old.bytes()),
            None => shard.slots.insert(hash as u32, item),
        }
        self.account(&mut shard, added, removed);
    }

    /// Notes that a document changes with `sequence`: what is cached of it is replaced by what `fresh` makes, or dropped if
    /// that is nothing. A document that is not cached stays so.
    pub(crate) fn change(
        &self,
        hash: u64,
        sequence: u64,
        same: impl Fn(&T) -> bool,
        fresh: impl FnOnce() -> Option<T>,
    ) {
        let mut shard = self.shard(hash).write();
        shard.changed = shard.changed.max(sequence);
        if crate::bug::active(crate::bug::Bug::StaleCache) {
            return;
        }
        let Some(place) = shard.slots.find(hash as u32, same) else { return };
        let fresh = fresh();
        let added = fresh.as_ref().map_or(0, Item::bytes);
        let old = match fresh {
            Some(item) => shard.slots.replace(place, item),
            None => shard.slots.remove(place),
        };
        self.account(&mut shard, added, old.map_or(0, |old| old.bytes()));
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
            freed += self.evict_shard(&mut self.shards[next].0.write(), need - freed);
        }
    }

    fn evict_shard(&self, shard: &mut Shard<T>, need: usize) -> usize {
        let mut freed = 0;
        for _ in 0..shard.slots.len() {
            if freed >= need {
                break;
            }
            if shard.hand >= shard.slots.len() {
                shard.hand = 0;
            }
            match shard.slots.take_mark(shard.hand) {
                // The hand stays: another item may have moved up.
                Some(false) => freed += shard.slots.remove(shard.hand).map_or(0, |item| item.bytes()),
                _ => shard.hand += 1,
            }
        }
        self.account(shard, 0, freed);
        freed
    }

    /// Drops the items of which nobody will ask again.
    pub(crate) fn remove_all(&self, which: impl Fn(&T) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.0.write();
            let (mut place, mut freed) = (0, 0);
            while place < shard.slots.len() {
                if shard.slots.item(place).is_some_and(&which) {
                    // The place stays: another item may have moved up.
                    freed += shard.slots.remove(place).map_or(0, |item| item.bytes());
                } else {
                    place += 1;
                }
            }
            self.account(&mut shard, 0, freed);
        }
    }

    /// Drops everything, for when what was read may not be true any more.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.0.write();
            shard.slots.clear();
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
    if own.bytes() > own.sure_bytes || other.bytes() == 0 {
        own.evict(over, Some(hash));
    } else {
        other.evict(over, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Thing {
        key: u64,
        size: usize,
    }

    impl Item for Thing {
        fn bytes(&self) -> usize {
            self.size
        }
    }

    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn thing(key: u64, size: usize) -> Thing {
        Thing { key, size }
    }

    fn get(pool: &Pool<Thing>, key: u64) -> Option<Thing> {
        pool.get(hash(key), |thing| thing.key == key)
    }

    #[test]
    fn the_budget_holds_and_used_items_stay() {
        let (own, other) = (Pool::new(50_000), Pool::<Thing>::new(50_000));
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
    fn each_kind_is_sure_of_its_share() {
        let (documents, blocks) = (Pool::new(25_000), Pool::new(75_000));
        for key in 0..2_000 {
            documents.insert(hash(key), thing(key, 100), 0, |t: &Thing| t.key == key);
            balance(100_000, &documents, &blocks, hash(key));
        }
        for key in 0..2_000 {
            blocks.insert(hash(key), thing(key, 100), 0, |t: &Thing| t.key == key);
            balance(100_000, &blocks, &documents, hash(key));
        }
        assert!(blocks.bytes() >= 74_000 && documents.bytes() >= 24_000, "{} {}", blocks.bytes(), documents.bytes());
        assert!(blocks.bytes() + documents.bytes() <= 100_000);
    }

    #[test]
    fn what_nobody_asks_for_again_goes_as_a_whole() {
        let pool = Pool::new(0);
        (0..2_000).for_each(|key| pool.insert(hash(key), thing(key, 10), 0, |t: &Thing| t.key == key));
        pool.remove_all(|thing| thing.key % 3 == 0);
        assert!((0..2_000).all(|key| get(&pool, key).is_some() == (key % 3 != 0)));
        assert_eq!(pool.bytes(), (0..2_000).filter(|key| key % 3 != 0).count() * 10);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_put_in_after_it() {
        let pool = Pool::new(0);
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
