//! Compaction: the log closed off where it is, its complete segments packed, and the tables of the index merged into one.
//! In bounded steps.
//!
//! A packed segment is whole and durable before the segment that it stands for is removed, and does not count before: a
//! crash leaves one or the other.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{Engine, maintain::Begin};
use crate::{
    bug::{self, Bug},
    error::{Error, ErrorCode, Result},
    limits,
    log::{packed::Packer, root::SegmentInfo, segment, writer},
    storage::{AsyncStorage, FileName, read_full},
};
use alloc::{collections::VecDeque, vec, vec::Vec};

/// Bytes of log that one step packs, on every platform: whole blocks.
const STEP_BYTES: usize = 128 * limits::PACKED_BLOCK_BYTES;

/// A last segment of less than this part of a full one is not closed off: many small files cost more than they save.
const SEAL_PART: u64 = 64;

/// What a compaction has yet to do: at most what was there when it was last begun, so that it ends while writing goes on.
#[derive(Default)]
pub(super) struct Compaction {
    merge: bool,
    /// Segments with their lengths.
    segments: VecDeque<(u32, u64)>,
    packing: Option<Packing>,
}

/// A segment that is being packed.
pub(super) struct Packing {
    number: u32,
    bytes: u64,
    /// Bytes of the segment that are packed.
    done: u64,
    /// Where the next block goes.
    to: u64,
    /// The packed segment is there, whole and durable: the segment may be gone.
    is_whole: bool,
    packer: Packer,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Makes everything durable, begins a new segment unless the last one is short, and notes what there is to compact: all
    /// that is there now. What another compaction has begun to pack goes on. The caller holds the gate, and no flush and no
    /// other maintenance is under way.
    ///
    /// # Errors
    /// `STORAGE_FULL` when there is no room for another segment, and nothing has changed. Any other failure poisons the
    /// engine.
    pub(crate) async fn begin_compaction(&self) -> Result<()> {
        self.flush(true).await?;
        let end = self.end_of_log();
        // Whoever follows the log goes on to the next segment to find a commit there: none but the last may be empty.
        if end.offset > segment::HEADER_BYTES && end.offset >= self.options.segment_bytes / SEAL_PART {
            let busy = || Error::new(ErrorCode::Io, "a flush is under way: the driver of the engine broke its rule");
            let mut medium = self.medium.lock().take().ok_or_else(busy)?;
            let (header, next) = self.writer.lock().log.next_segment();
            let begun = writer::enter_segment(&self.storage, next.segment, end.offset, &header, &mut medium).await;
            let begun = match begun {
                Err(e) if e.is(ErrorCode::StorageFull) => {
                    // As after a commit that had no room: the file must not come back as the end of the log.
                    medium.filled = end.offset;
                    self.cut_back(end).await.inspect_err(|e| self.poison(e)).and(Err(e))
                }
                begun => begun.inspect_err(|e| self.poison(e)),
            };
            *self.medium.lock() = Some(medium);
            begun?;
            self.writer.lock().log.enter(next);
            self.segments.write().push(SegmentInfo { number: next.segment, sequence: next.sequence });
        }
        let last = self.end_of_log().segment;
        let files = self.storage.list().await?;
        let mut compaction = self.compaction.lock();
        let packing = compaction.packing.as_ref().map(|packing| packing.number);
        let numbers = self.segments.read().iter().map(|s| s.number).collect::<Vec<_>>();
        let is_left = |&number: &u32| number < last && Some(number) != packing;
        // Oldest first, whichever order the medium lists them in. Those that are packed already are not there.
        let named = |number| files.iter().find(|info| info.name == FileName::Segment(number));
        let left = numbers.into_iter().filter(is_left).filter_map(|number| Some((number, named(number)?.bytes)));
        compaction.segments = left.collect();
        compaction.merge = true;
        Ok(())
    }

    /// Takes one step of the compaction that was begun. Returns whether there is more to do. No other maintenance may be
    /// under way.
    ///
    /// # Errors
    /// `STORAGE_FULL` when there is no room for the smaller files beside what they replace; nothing is lost then, as with
    /// any other failure.
    pub(crate) async fn compact_step(&self) -> Result<bool> {
        // A merge that is under way first, and then the one of all tables.
        let mut begin = Begin::None;
        loop {
            if self.merge_step(begin).await? {
                return Ok(true);
            }
            if !core::mem::take(&mut self.compaction.lock().merge) {
                break;
            }
            begin = Begin::All;
        }
        let Some(mut packing) = self.next_packing() else { return Ok(false) };
        if let Err(e) = self.pack(&mut packing).await {
            if !packing.is_whole {
                self.discard(FileName::Packed(packing.number)).await;
            }
            return Err(e);
        }
        let mut compaction = self.compaction.lock();
        compaction.packing = Some(packing).filter(|packing| !packing.is_whole);
        Ok(compaction.packing.is_some() || !compaction.segments.is_empty())
    }

    /// What is being packed, or the next segment that is to be.
    fn next_packing(&self) -> Option<Packing> {
        let mut compaction = self.compaction.lock();
        compaction.packing.take().or_else(|| {
            let (number, bytes) = compaction.segments.pop_front()?;
            let packer = Packer::new(self.database, number, bytes);
            Some(Packing { number, bytes, done: 0, to: packer.blocks_offset(), is_whole: false, packer })
        })
    }

    /// Packs some blocks more, and when all of them are packed, removes the segment.
    async fn pack(&self, packing: &mut Packing) -> Result<()> {
        let (segment, packed) = (FileName::Segment(packing.number), FileName::Packed(packing.number));
        if packing.done == 0 {
            // Left by a compaction that failed.
            self.discard(packed).await;
            self.storage.create(packed).await?;
        }
        if packing.done < packing.bytes {
            let left = usize::try_from(packing.bytes - packing.done).unwrap_or(usize::MAX);
            let mut bytes = vec![0; left.min(STEP_BYTES)];
            let read = read_full(&self.storage, segment, packing.done, &mut bytes).await?;
            if read < bytes.len() {
                let at = packing.done + read as u64;
                return Err(Error::corrupt(segment, at, "the segment is shorter than it was"));
            }
            let mut out = Vec::with_capacity(bytes.len() / 2);
            packing.packer.pack(&bytes, &mut out);
            self.storage.write_at(packed, packing.to, &out).await?;
            packing.done += bytes.len() as u64;
            packing.to += out.len() as u64;
            return Ok(());
        }
        self.storage.write_at(packed, 0, &packing.packer.finish()).await?;
        if !bug::active(Bug::PackedWithoutSync) {
            self.storage.sync(packed).await?;
        }
        packing.is_whole = true;
        self.storage.remove(segment).await
    }

    /// Gives up a compaction. Returns the file of what it had begun to pack.
    pub(super) fn abandon_compaction(&self) -> Option<FileName> {
        let compaction = core::mem::take(&mut *self.compaction.lock());
        compaction.packing.map(|packing| FileName::Packed(packing.number))
    }
}
