//! The hash table of the cache: open addressing in lines of memory.
//!
//! Invariant: an item stands in the line that its hash chooses or behind it, with no empty slot between, so a search ends at
//! the first empty slot, and there always is one. A hash, a mark and a pointer are 16 bytes and a search begins where a line
//! of memory does: in a table that is far larger than the processor's caches it waits for one line in nearly all cases,
//! where a table with separate control bytes waits for two.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::vector::memory::prefetch;
use alloc::{boxed::Box, vec::Vec};
use core::sync::atomic::{AtomicBool, Ordering};

/// Slots of a line, as many as are 64 bytes with an item of one pointer.
const LINE_SLOTS: usize = 4;

struct Slot<T> {
    hash: u32,
    /// Whether the item was used since the hand of the clock passed.
    used: AtomicBool,
    item: Option<T>,
}

#[repr(align(64))]
struct Line<T>([Slot<T>; LINE_SLOTS]);

impl<T> Line<T> {
    fn empty() -> Self {
        Line(core::array::from_fn(|_| Slot { hash: 0, used: AtomicBool::new(false), item: None }))
    }
}

/// A hash table of items.
pub(crate) struct Slots<T> {
    lines: Box<[Line<T>]>,
    items: usize,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Slots { lines: Box::default(), items: 0 }
    }

    /// Places there are, with an item or without.
    pub(crate) fn len(&self) -> usize {
        self.lines.len() * LINE_SLOTS
    }

    /// The line in which the search for a hash begins.
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.lines.len() as u64) >> 32) as usize
    }

    fn slot(&self, place: usize) -> Option<&Slot<T>> {
        self.lines.get(place / LINE_SLOTS)?.0.get(place % LINE_SLOTS)
    }

    fn slot_mut(&mut self, place: usize) -> Option<&mut Slot<T>> {
        self.lines.get_mut(place / LINE_SLOTS)?.0.get_mut(place % LINE_SLOTS)
    }

    /// Asks for the memory that [`find`](Self::find) begins at.
    pub(crate) fn prefetch(&self, hash: u32) {
        prefetch(self.lines.get(self.home(hash)).map_or(&[][..], core::slice::from_ref));
    }

    /// The place of the item with this hash for which `same` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u32, same: impl Fn(&T) -> bool) -> Option<usize> {
        let mut number = self.home(hash);
        for _ in 0..self.lines.len() {
            for (slot, place) in self.lines.get(number)?.0.iter().zip(number * LINE_SLOTS..) {
                let item = slot.item.as_ref()?;
                if slot.hash == hash && same(item) {
                    return Some(place);
                }
            }
            number = if number + 1 < self.lines.len() { number + 1 } else { 0 };
        }
        None
    }

    pub(crate) fn item(&self, place: usize) -> Option<&T> {
        self.slot(place)?.item.as_ref()
    }

    /// Marks an item as used, and returns it.
    #[inline]
    pub(crate) fn use_item(&self, place: usize) -> Option<&T> {
        let slot = self.slot(place)?;
        // Reading first leaves the line as it is in other processors' caches.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        slot.item.as_ref()
    }

    /// Takes the mark off a place, and returns whether it was there. `None` where there is no item.
    pub(crate) fn take_mark(&self, place: usize) -> Option<bool> {
        let slot = self.slot(place)?;
        slot.item.as_ref()?;
        let used = slot.used.load(Ordering::Relaxed);
        if used {
            slot.used.store(false, Ordering::Relaxed);
        }
        Some(used)
    }

    /// Puts another item in an item's place, with its hash and its mark.
    pub(crate) fn replace(&mut self, place: usize, item: T) -> Option<T> {
        self.slot_mut(place)?.item.replace(item)
    }

    /// Adds an item that is not there.
    pub(crate) fn insert(&mut self, hash: u32, item: T) {
        if (self.items + 1) * 4 > self.len() * 3 {
            self.grow();
        }
        self.items += 1;
        self.enter(Slot { hash, used: AtomicBool::new(false), item: Some(item) });
    }

    /// Takes an item out. Those behind it that may stand in its place move up, and the next one may now be there.
    pub(crate) fn remove(&mut self, mut place: usize) -> Option<T> {
        let removed = self.slot_mut(place)?.item.take()?;
        self.items -= 1;
        let mut next = place;
        loop {
            next = if next + 1 < self.len() { next + 1 } else { 0 };
            let Some(Slot { hash, item: Some(_), .. }) = self.slot(next) else { break };
            let home = self.home(*hash) * LINE_SLOTS;
            // It may move unless its search begins behind the empty place, going round.
            let begins_behind = if place < next { place < home && home <= next } else { place < home || home <= next };
            if begins_behind {
                continue;
            }
            let moved = self.slot_mut(next).map(|slot| Slot {
                hash: slot.hash,
                used: AtomicBool::new(*slot.used.get_mut()),
                item: slot.item.take(),
            });
            if let (Some(moved), Some(empty)) = (moved, self.slot_mut(place)) {
                *empty = moved;
            }
            place = next;
        }
        Some(removed)
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        *self = Slots::new();
    }

    fn enter(&mut self, slot: Slot<T>) {
        let mut place = self.home(slot.hash) * LINE_SLOTS;
        while self.item(place).is_some() {
            place = if place + 1 < self.len() { place + 1 } else { 0 };
        }
        if let Some(empty) = self.slot_mut(place) {
            *empty = slot;
        }
    }

    fn grow(&mut self) {
        let count = (self.lines.len() * 2).max(1);
        let lines: Vec<_> = (0..count).map(|_| Line::empty()).collect();
        for line in core::mem::replace(&mut self.lines, lines.into()) {
            line.0.into_iter().filter(|slot| slot.item.is_some()).for_each(|slot| self.enter(slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_pointers_is_a_line_of_memory() {
        assert_eq!(size_of::<Line<alloc::sync::Arc<u64>>>(), 64);
    }

    proptest! {
        /// Hashes from few values, at the ends of the range too, so that runs are long and go round.
        #[test]
        fn it_holds_what_a_map_holds(
            work in proptest::collection::vec((0u8..3, prop_oneof![0u32..6, u32::MAX - 6..=u32::MAX, any::<u32>()], 0u8..4), 1..400)
        ) {
            let (mut slots, mut map) = (Slots::new(), BTreeMap::new());
            for (number, (what, hash, key)) in work.into_iter().enumerate() {
                let found = slots.find(hash, |item: &(u32, u8, usize)| (item.0, item.1) == (hash, key));
                match (what, found) {
                    (0, Some(place)) => prop_assert_eq!(slots.remove(place).map(|i| i.2), map.remove(&(hash, key))),
                    (0, None) => prop_assert!(!map.contains_key(&(hash, key))),
                    (_, Some(place)) => {
                        let old = slots.replace(place, (hash, key, number)).map(|i| i.2);
                        prop_assert_eq!(old, map.insert((hash, key), number));
                    }
                    (_, None) => {
                        slots.insert(hash, (hash, key, number));
                        prop_assert_eq!(map.insert((hash, key), number), None);
                    }
                }
                prop_assert_eq!(slots.items, map.len());
            }
            for (&(hash, key), &number) in &map {
                let place = slots.find(hash, |item| (item.0, item.1) == (hash, key));
                prop_assert_eq!(place.and_then(|place| slots.item(place)).map(|item| item.2), Some(number));
            }
            prop_assert_eq!((0..slots.len()).filter(|place| slots.item(*place).is_some()).count(), map.len());
        }

        /// A mark goes with its item.
        #[test]
        fn a_mark_stays_with_its_item(hashes in proptest::collection::btree_set(prop_oneof![0u32..20, any::<u32>()], 2..60)) {
            let mut slots = Slots::new();
            for &hash in &hashes {
                slots.insert(hash, hash);
                if hash % 2 == 0 {
                    let place = slots.find(hash, |item| *item == hash).unwrap();
                    prop_assert_eq!(slots.use_item(place), Some(&hash));
                }
            }
            for &hash in hashes.iter().filter(|hash| *hash % 3 == 0) {
                let place = slots.find(hash, |item| *item == hash).unwrap();
                slots.remove(place);
            }
            for &hash in hashes.iter().filter(|hash| *hash % 3 != 0) {
                let place = slots.find(hash, |item| *item == hash).unwrap();
                prop_assert_eq!(slots.take_mark(place), Some(hash % 2 == 0));
                prop_assert_eq!(slots.take_mark(place), Some(false));
            }
        }
    }
}
