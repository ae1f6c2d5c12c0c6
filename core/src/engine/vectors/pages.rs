//! Reading a snapshot of the indexes of vectors as far as it is needed: each page is checked when it is read.
//!
//! What is asked of an index says which pages it misses; they are read with nothing locked, and taken in. Damage is found where
//! it is touched: then the indexes are dropped, the snapshot is passed over from then on, and they are made from the log.
//!
//! Invariant: pages go only into the indexes that were opened from the same file. What was wholly read is no longer dropped,
//! whatever becomes of the file.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::store::{Named, VectorStore};
use crate::{
    codec::crc,
    engine::Engine,
    error::{Error, ErrorCode, Result},
    storage::{AsyncStorage, FileName, read_full},
    vector::{
        entry::sort_numbers,
        index::Index,
        paged::{ArrayMut, PAGE, to_native},
    },
};
use alloc::{sync::Arc, vec, vec::Vec};
use core::sync::atomic::Ordering;

/// Bytes that are read at once: enough for the medium, and still in the cache when their checksums are made.
const READ_BYTES: usize = 64 * PAGE;

/// Pages that are read between two locks.
const PAGES_AT_ONCE: usize = 256;

/// Pages that are read, wanted or not, where wanted ones lie on both sides of them: sooner than with another call.
const GAP: u32 = 2;

/// A file that the indexes are not wholly read from.
pub(super) struct Source {
    pub(super) number: u32,
    /// Where its pages begin.
    pub(super) begin: u64,
    /// Of each page.
    pub(super) checksums: Vec<u32>,
}

/// What an index needs: the pages of it that are missing. `false` if what is there is not sound.
pub(super) type Need<'n> = dyn Fn(&Index, &mut Vec<u32>) -> bool + 'n;

/// Takes in pages by their numbers, and says whether they are sound.
pub(super) type TakeIn<'t> = dyn FnMut(&[(u32, &[u8])]) -> bool + 't;

impl Source {
    fn file(&self) -> FileName {
        FileName::Vectors(self.number)
    }

    fn offset(&self, page: u32) -> u64 {
        self.begin + u64::from(page) * PAGE as u64
    }

    /// Checks whole pages, from one on.
    fn check(&self, first: u32, bytes: &[u8]) -> Result<()> {
        for (page, bytes) in (first..).zip(bytes.chunks(PAGE)) {
            if self.checksums.get(page as usize) != Some(&crc::hash(bytes)) {
                let what = "a checksum of the snapshot does not match";
                return Err(Error::corrupt(self.file(), self.offset(page), what));
            }
        }
        Ok(())
    }
}

/// Whether an error says that a snapshot cannot be used.
pub(super) fn is_damage(e: &Error) -> bool {
    matches!(e.code(), ErrorCode::Corrupt | ErrorCode::NotFound | ErrorCode::UnsupportedFormat)
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Reads pages from one on, and checks them.
    async fn read_pages(&self, source: &Source, first: u32, to: &mut [u8]) -> Result<()> {
        if read_full(&self.storage, source.file(), source.offset(first), to).await? < to.len() {
            return Err(Error::corrupt(source.file(), source.offset(first), "the snapshot is cut off"));
        }
        source.check(first, to)
    }

    /// Reads those arrays that are read as a whole, right to where they belong, and returns the page behind all of them.
    pub(super) async fn read_arrays(&self, source: &Source, first: u32, arrays: Vec<ArrayMut<'_>>) -> Result<u32> {
        let mut page = first;
        for ArrayMut { bytes, width, whole } in arrays {
            let next = page + bytes.len().div_ceil(PAGE) as u32;
            if !whole {
                page = next;
                continue;
            }
            let (pages, rest) = bytes.split_at_mut(bytes.len() - bytes.len() % PAGE);
            for piece in pages.chunks_mut(READ_BYTES) {
                self.read_pages(source, page, piece).await?;
                to_native(piece, width);
                page += (piece.len() / PAGE) as u32;
            }
            if !rest.is_empty() {
                let mut last = vec![0; PAGE];
                self.read_pages(source, page, &mut last).await?;
                to_native(&mut last, width);
                rest.iter_mut().zip(&last).for_each(|(to, from)| *to = *from);
            }
            page = next;
        }
        Ok(page)
    }

    /// Reads pages, ascending, and gives them to `take_in`. `room` is to be used again.
    pub(super) async fn read_missing(
        &self,
        source: &Source,
        pages: &[u32],
        room: &mut Vec<u8>,
        take_in: &mut TakeIn<'_>,
    ) -> Result<()> {
        for pages in pages.chunks(PAGES_AT_ONCE) {
            let mut runs: Vec<(u32, u32)> = Vec::new();
            for page in pages {
                match runs.last_mut() {
                    Some((_, end)) if page - *end <= GAP => *end = page + 1,
                    _ => runs.push((*page, page + 1)),
                }
            }
            let count: u32 = runs.iter().map(|(first, end)| end - first).sum();
            let bytes = count as usize * PAGE;
            room.resize(room.len().max(bytes), 0);
            let mut rest = room.as_mut_slice();
            for (first, end) in &runs {
                let (to, others) = rest.split_at_mut((end - first) as usize * PAGE);
                rest = others;
                for (piece, to) in (0..).zip(to.chunks_mut(READ_BYTES)) {
                    self.read_pages(source, first + piece * (READ_BYTES / PAGE) as u32, to).await?;
                }
            }
            let numbers = runs.iter().flat_map(|(first, end)| *first..*end);
            let read: Vec<(u32, &[u8])> = numbers.zip(room.chunks(PAGE)).collect();
            if !take_in(&read) {
                let at = pages.first().map_or(0, |page| source.offset(*page));
                return Err(Error::corrupt(source.file(), at, "what the snapshot says does not fit together"));
            }
        }
        Ok(())
    }

    /// Reads what an index needs. `false` if it is not there to be had: the indexes were dropped, or there is no such one.
    pub(super) async fn bring(&self, named: &Named, need: &Need<'_>) -> Result<bool> {
        let mut room = Vec::new();
        // Each round reads at least one page, or finds that another has read it.
        loop {
            let (source, mut pages, mut sound) = (self.vector_source(), Vec::new(), true);
            let Some(()) = self.with_index(named, |index| sound = need(index, &mut pages)) else { return Ok(false) };
            let Some(source) = source else { return Ok(true) };
            if !sound {
                self.drop_vectors(&source);
                return Ok(false);
            }
            if pages.is_empty() {
                return Ok(true);
            }
            if !self.bring_pages(named, &source, pages, &mut room).await? {
                return Ok(false);
            }
        }
    }

    /// Reads pages into an index. `false` if the indexes were dropped.
    async fn bring_pages(
        &self,
        named: &Named,
        source: &Arc<Source>,
        mut pages: Vec<u32>,
        room: &mut Vec<u8>,
    ) -> Result<bool> {
        sort_numbers(&mut pages);
        let mut take_in = |read: &[(u32, &[u8])]| {
            self.with_vectors_of(source, |store| {
                let index = store.index(named);
                index.is_none_or(|index| read.iter().all(|(page, bytes)| index.take_in(*page, bytes)))
            })
            .unwrap_or(true)
        };
        let read = self.read_missing(source, &pages, room, &mut take_in).await;
        self.after_reading(source, read)
    }

    /// Reads the pages that a search has stopped at, or the codes as a whole. `false` if they are not to be had. `room` is to
    /// be used again.
    pub(super) async fn bring_missing(&self, named: &Named, pages: &mut Vec<u32>, room: &mut Vec<u8>) -> Result<bool> {
        let pages = core::mem::take(pages);
        match self.vector_source() {
            // Others have read it, or have dropped the indexes.
            None => Ok(self.vectors.read().is_some()),
            Some(_) if pages.is_empty() => self.bring_flat(named).await,
            Some(source) => self.bring_pages(named, &source, pages, room).await,
        }
    }

    /// Reads codes that are scanned, if that was not done yet. `false` if they are not to be had.
    pub(super) async fn bring_flat(&self, named: &Named) -> Result<bool> {
        let source = self.vector_source();
        let Some(unread) = self.with_index(named, Index::unread) else { return Ok(false) };
        let (Some(mut unread), Some(source)) = (unread, source) else { return Ok(true) };
        let first = unread.first;
        let read = self.read_arrays(&source, first, unread.arrays_mut()).await;
        let read = read.and_then(|_| {
            let sound = self
                .with_vectors_of(&source, |store| store.index(named).is_none_or(|index| index.take_in_flat(unread)));
            match sound {
                Some(false) => Err(Error::corrupt(source.file(), source.offset(first), "codes that are no numbers")),
                _ => Ok(()),
            }
        });
        self.after_reading(&source, read)
    }

    /// Reads the keys of all rows. `false` if they are not to be had.
    pub(super) async fn bring_keys(&self, named: &Named) -> Result<bool> {
        let need = |index: &Index, out: &mut Vec<u32>| {
            index.rows.need_keys(out);
            true
        };
        self.bring(named, &need).await
    }

    /// Reads everything of an index that is not there yet. `false` if it is not to be had.
    pub(super) async fn bring_all(&self, named: &Named) -> Result<bool> {
        let need = |index: &Index, out: &mut Vec<u32>| {
            index.need_all(out);
            true
        };
        Ok(self.bring_flat(named).await? && self.bring(named, &need).await?)
    }

    /// What the indexes are not wholly read from.
    fn vector_source(&self) -> Option<Arc<Source>> {
        self.vectors.read().as_ref()?.source.clone()
    }

    /// Changes the indexes, if they are still those of a file; and forgets it when they are wholly read.
    fn with_vectors_of<R>(&self, source: &Arc<Source>, change: impl FnOnce(&mut VectorStore) -> R) -> Option<R> {
        let mut vectors = self.vectors.write();
        let store =
            vectors.as_mut().filter(|store| store.source.as_ref().is_some_and(|own| Arc::ptr_eq(own, source)))?;
        let changed = change(store);
        if store.indexes.values().all(Index::is_there) {
            store.source = None;
        }
        Some(changed)
    }

    /// Drops the indexes where their file turned out to be damaged or gone. `false` if they were, and the failures that are
    /// none of the file's.
    fn after_reading(&self, source: &Arc<Source>, read: Result<()>) -> Result<bool> {
        match read {
            Ok(()) => Ok(true),
            Err(e) if is_damage(&e) => Ok(!self.drop_vectors(source)),
            Err(e) => Err(e),
        }
    }

    /// Drops the indexes if they are not wholly read from a file that cannot be used; whether they were.
    fn drop_vectors(&self, source: &Arc<Source>) -> bool {
        let mut vectors = self.vectors.write();
        let is_of_it = |store: &VectorStore| store.source.as_ref().is_some_and(|own| Arc::ptr_eq(own, source));
        let drops = vectors.as_ref().is_some_and(is_of_it);
        if drops {
            self.damaged_snapshots.lock().push(source.number);
            self.forget_vectors(&mut vectors);
        }
        drops
    }

    /// Drops the indexes. Searches that are under way begin anew, without them.
    pub(super) fn forget_vectors(&self, vectors: &mut Option<VectorStore>) {
        *vectors = None;
        self.vectors_applied.store(0, Ordering::Release);
        self.vectors_dropped.fetch_add(1, Ordering::AcqRel);
    }
}
