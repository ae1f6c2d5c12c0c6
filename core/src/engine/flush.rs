//! Writing what was appended, making it durable, publishing it; and taking it back when there is no room for it.

use super::{Appended, Engine};
use crate::{
    bug::{self, Bug},
    error::{Error, ErrorCode, Result},
    log::{
        Position,
        writer::{self, Medium},
    },
    storage::{AsyncStorage, FileName},
};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

/// Takings-back that are remembered, for writers that have not asked yet.
const ROLLED_BACK_KEPT: usize = 256;

/// Commits that were taken back: those of an epoch behind what was published.
pub(crate) struct RolledBack {
    epoch: u64,
    published: u64,
    /// What their writers are told; `None` while it is being found out whether they are gone from the medium.
    error: Option<Error>,
}

/// What became of an appended commit.
pub(crate) enum Outcome {
    /// It waits for a flush.
    Pending,
    /// Readers see it, and it is as durable as was asked for.
    Published,
    /// It was taken back, or nothing is known of it because the engine is poisoned.
    Failed(Error),
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// What became of a commit.
    pub(crate) fn outcome(&self, appended: &Appended) -> Outcome {
        // The sequence first: if nothing has been taken back by then, it was reached by this very commit.
        let published = self.published() >= appended.sequence;
        if self.epoch() != appended.epoch {
            let writer = self.writer.lock();
            return match writer.rolled_back.iter().find(|r| r.epoch == appended.epoch) {
                Some(back) if appended.sequence <= back.published => Outcome::Published,
                Some(back) => back.error.as_ref().map_or(Outcome::Pending, |e| Outcome::Failed(e.duplicate())),
                None => Outcome::Failed(Error::new(ErrorCode::Aborted, "the commit could not be written")),
            };
        }
        if published {
            return Outcome::Published;
        }
        if self.is_poisoned.load(Ordering::Acquire) {
            if self.published() >= appended.sequence {
                // Between the two looks, and it was a later flush that failed.
                return Outcome::Published;
            }
            return Outcome::Failed(self.unknown());
        }
        Outcome::Pending
    }

    /// What a writer is told whose commit may or may not be there after the next opening.
    fn unknown(&self) -> Error {
        let why = self.poisoned.lock().clone().unwrap_or_default();
        let message = alloc::format!("it is not known whether the commit is durable ({why}); reopen the database");
        Error::new(ErrorCode::Poisoned, message)
    }

    /// The last commit that was appended.
    pub(crate) fn appended(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }

    /// Whether something was written that no sync has covered, or is being written right now.
    pub(crate) fn has_unsynced(&self) -> bool {
        self.medium.lock().as_ref().is_none_or(|medium| medium.dirty)
    }

    /// Writes everything that was appended, syncs it if asked to, and publishes it. One flush runs at a time.
    ///
    /// # Errors
    /// `STORAGE_FULL` when there was no room: what was not published is taken back, and the engine goes on. Any other
    /// failure, and every failed sync, poisons the engine.
    pub(crate) async fn flush(&self, sync: bool) -> Result<()> {
        self.check_writable()?;
        let Some(mut medium) = self.medium.lock().take() else {
            return Err(Error::new(ErrorCode::Io, "two flushes at a time: the driver of the engine broke its rule"));
        };
        let result = self.write(&mut medium, sync).await;
        *self.medium.lock() = Some(medium);
        result
    }

    async fn write(&self, medium: &mut Medium, sync: bool) -> Result<()> {
        let (batch, end) = {
            let mut writer = self.writer.lock();
            (writer.log.take(), writer.log.end())
        };
        if bug::active(Bug::AcknowledgeBeforeSync) && medium.dirty {
            writer::sync_log(&self.storage, end.segment, medium).await.inspect_err(|e| self.poison(e))?;
        }
        let written = match &batch {
            Some(batch) => writer::write_batch(&self.storage, batch, medium).await,
            None => Ok(()),
        };
        match written {
            Err(e) if bug::active(Bug::IgnoreWriteError) => drop(e),
            Err(e) if e.is(ErrorCode::StorageFull) => {
                self.take_back(medium, &e).await?;
                return Err(e);
            }
            Err(e) => {
                self.poison(&e);
                return Err(e);
            }
            Ok(()) => {}
        }
        let synced = sync && medium.dirty && !bug::active(Bug::AcknowledgeBeforeSync);
        if synced {
            if let Err(e) = writer::sync_log(&self.storage, end.segment, medium).await {
                self.poison(&e);
                return Err(e);
            }
            self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        }
        let mut writer = self.writer.lock();
        if sync {
            writer.log.set_durable(end.sequence);
        }
        if batch.is_some() {
            self.counters.flushes.fetch_add(1, Ordering::Relaxed);
            self.published.store(end.sequence, Ordering::Release);
            writer.undo.retain(|undo| undo.sequence > end.sequence);
        }
        Ok(())
    }

    /// Takes back everything that is appended and not published, in memory and on the medium.
    async fn take_back(&self, medium: &mut Medium, error: &Error) -> Result<()> {
        let published = self.published();
        let epoch = self.epoch();
        let end = {
            let mut guard = self.writer.lock();
            let writer = &mut *guard;
            let mut end = writer.log.end();
            while let Some(undo) = writer.undo.pop_if(|undo| undo.sequence > published) {
                end = undo.before;
                writer.clock = undo.clock;
                self.tail_bytes.fetch_sub(undo.bytes, Ordering::Relaxed);
                match undo.state {
                    Some(state) => writer.actors.insert(undo.actor, state),
                    None => writer.actors.remove(&undo.actor),
                };
            }
            writer.log.roll_back(end);
            self.appended.store(end.sequence, Ordering::Relaxed);
            writer.unnamed = writer.actors.keys().map(|actor| (*actor, ())).collect();
            if writer.rolled_back.len() >= ROLLED_BACK_KEPT {
                writer.rolled_back.remove(0);
            }
            writer.rolled_back.push(RolledBack { epoch, published, error: None });
            // After the entry above, which whoever sees the new number looks for.
            self.epoch.store(epoch + 1, Ordering::Release);
            if !bug::active(Bug::RollbackKeepsMemtable) {
                self.state().active.remove_after(published);
            }
            self.documents.clear();
            self.segments.write().retain(|segment| segment.number <= end.segment);
            end
        };
        let cut = self.cut_back(end).await;
        medium.filled = end.offset;
        // Only now: a frame that could not be cut off may come back, and then the write was not without effect.
        let told = match &cut {
            Ok(()) => error.duplicate(),
            Err(e) => {
                self.poison(e);
                self.unknown()
            }
        };
        let mut writer = self.writer.lock();
        writer
            .rolled_back
            .iter_mut()
            .filter(|back| back.epoch == epoch)
            .for_each(|back| back.error = Some(told.duplicate()));
        cut
    }

    /// Cuts the log back to `end`, durably, so that what was taken back cannot come back after a crash.
    pub(super) async fn cut_back(&self, end: Position) -> Result<()> {
        let later: Vec<_> = (self.storage.list().await?.into_iter().map(|info| info.name))
            .filter(|name| matches!(name, FileName::Segment(number) if *number > end.segment))
            .collect();
        for file in later {
            self.storage.remove(file).await?;
        }
        let file = FileName::Segment(end.segment);
        self.storage.truncate(file, end.offset).await?;
        self.storage.sync(file).await
    }
}
