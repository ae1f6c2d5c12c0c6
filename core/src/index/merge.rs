//! One ordered view over several sources, newest first.
//!
//! Invariant: keys come out in strict order, and of equal keys only the newest source's entry. `order` lists the sources that
//! stand on an entry, sorted by their keys and then by age; moving on re-sorts only what moved, which is one comparison an
//! entry while one source is ahead.

use super::{cursor::Source, payload::Payload, table::Blocks};
use crate::{
    bug::{self, Bug},
    error::Result,
    storage::AsyncStorage,
};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A cursor over the union of its sources.
#[derive(Debug)]
pub(crate) struct MergeCursor {
    sources: Vec<Source>,
    order: Vec<usize>,
    /// The bound of the last call when that was [`seek_back`](Self::seek_back): the sources then stand before it, and only
    /// the winner is in `order`.
    bound: Option<Vec<u8>>,
}

#[driven]
impl MergeCursor {
    /// A cursor that is not yet on an entry.
    pub(crate) fn new(newest_first: Vec<Source>) -> Self {
        MergeCursor { sources: newest_first, order: Vec::new(), bound: None }
    }

    fn current(&self) -> Option<&Source> {
        self.order.first().and_then(|source| self.sources.get(*source))
    }

    pub(crate) fn valid(&self) -> bool {
        !self.order.is_empty()
    }

    /// The current key; empty when not valid.
    pub(crate) fn key(&self) -> &[u8] {
        self.current().map_or(&[], Source::key)
    }

    /// The current value; empty when not valid.
    pub(crate) fn value(&self) -> &[u8] {
        self.current().map_or(&[], Source::value)
    }

    /// The document that came with the entry, if it is from a memtable that kept it.
    pub(crate) fn payload(&self) -> Option<&Payload> {
        self.current().and_then(Source::payload)
    }

    fn key_of(&self, source: usize) -> &[u8] {
        self.sources.get(source).map_or(&[], Source::key)
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let by_age = if bug::active(Bug::MergeKeepsWrongDuplicate) { b.cmp(&a) } else { a.cmp(&b) };
        self.key_of(a).cmp(self.key_of(b)).then(by_age)
    }

    /// Moves to the first entry at or after `key`, and returns whether there is one.
    pub(crate) async fn seek<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>, key: &[u8]) -> Result<bool> {
        self.order.clear();
        self.bound = None;
        for source in &mut self.sources {
            source.seek(blocks, key).await?;
        }
        // One by one to its place: there are few, and a sort is more code than all of this file.
        for number in 0..self.sources.len() {
            if self.sources.get(number).is_some_and(Source::valid) {
                let place = self.order.partition_point(|other| self.compare(*other, number) == Ordering::Less);
                self.order.insert(place, number);
            }
        }
        Ok(self.valid())
    }

    /// Moves to the next entry, and returns whether there is one. On a cursor that is not valid it stays so.
    pub(crate) async fn next<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>) -> Result<bool> {
        if !self.valid() {
            return Ok(false);
        }
        if self.bound.is_some() {
            let mut after = self.key().to_vec();
            after.push(0);
            return self.seek(blocks, &after).await;
        }
        let key = self.key();
        let equal = self.order.iter().take_while(|source| self.key_of(**source) == key).count();
        // From the back, so that everything behind the one that moves is in order.
        for place in (0..equal).rev() {
            if let Err(error) = self.advance(blocks, place).await {
                self.order.clear();
                return Err(error);
            }
        }
        Ok(self.valid())
    }

    /// Moves the source at a place of `order` on, and itself to its new place.
    async fn advance<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>, mut place: usize) -> Result<()> {
        let Some(&moved) = self.order.get(place) else { return Ok(()) };
        let Some(source) = self.sources.get_mut(moved) else { return Ok(()) };
        if !source.next(blocks).await? {
            self.order.remove(place);
            return Ok(());
        }
        while let Some(&other) = self.order.get(place + 1) {
            if self.compare(moved, other) == Ordering::Less {
                break;
            }
            self.order.swap(place, place + 1);
            place += 1;
        }
        Ok(())
    }

    /// Moves to the last entry before `bound`, and returns whether there is one. `next` goes on upwards from there; calling
    /// it again with the key that it found goes on downwards, and moves only the sources that stand on that key.
    pub(crate) async fn seek_back<S: AsyncStorage>(&mut self, blocks: Blocks<'_, S>, bound: &[u8]) -> Result<bool> {
        self.order.clear();
        // Sources that already stand before a lower bound stand right: nothing lies between them and the old bound.
        let downwards = self.bound.take().is_some_and(|last| bound <= &*last);
        for source in &mut self.sources {
            let stands = if source.valid() { source.key() < bound } else { true };
            if !(downwards && stands) {
                source.seek_back(blocks, bound).await?;
            }
        }
        let winner = self.sources.iter().enumerate().filter(|(_, source)| source.valid());
        let winner = winner.reduce(|best, other| if other.1.key() > best.1.key() { other } else { best });
        self.order.extend(winner.map(|(number, _)| number));
        self.bound = Some(bound.to_vec());
        Ok(self.valid())
    }
}
