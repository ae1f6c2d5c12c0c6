//! Group commit: of the writers that wait for the medium, one writes and syncs for all.

use super::{
    Inner,
    wait::{Signal, yield_now},
};
use crate::{
    Result, VersionId,
    engine::{Appended, Outcome, model::Durability},
    storage::AsyncStorage,
};
use core::cell::Cell;

/// Who writes to the medium.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    busy: Cell<bool>,
    done: Signal,
}

#[driven]
impl Flusher {
    /// Takes the turn, which the caller has seen to be free.
    fn take(&self) -> FlushTurn<'_> {
        self.busy.set(true);
        FlushTurn(self)
    }

    /// Waits until no flush is under way and takes the turn until the guard is dropped.
    pub(super) async fn acquire(&self) -> FlushTurn<'_> {
        self.done.wait(|| !self.busy.get()).await;
        self.take()
    }
}

/// The turn to flush.
#[derive(Debug)]
pub(super) struct FlushTurn<'f>(&'f Flusher);

impl Drop for FlushTurn<'_> {
    fn drop(&mut self) {
        self.0.busy.set(false);
        self.0.done.raise();
    }
}

#[driven]
impl<S: AsyncStorage> Inner<S> {
    fn strict(&self) -> bool {
        self.options.durability == Durability::Strict
    }

    /// Waits until a commit is published and as durable as the options ask for, by writing for everyone who waits or by
    /// waiting for whoever does; then does the maintenance that it made due.
    pub(crate) async fn settle(&self, appended: Option<Appended>) -> Result<Option<VersionId>> {
        let Some(appended) = appended else { return Ok(None) };
        loop {
            match self.engine.outcome(&appended) {
                Outcome::Published => break,
                Outcome::Failed(e) => return Err(e),
                Outcome::Pending => {}
            }
            if self.flusher.busy.get() {
                self.flusher.done.wait(|| !self.flusher.busy.get()).await;
                continue;
            }
            let turn = self.flusher.take();
            // Whoever is ready to append joins the group.
            yield_now().await;
            // What became of this commit, like that of everyone who waits, is asked for at the head of the loop.
            let _ = self.engine.flush(self.strict()).await;
            drop(turn);
            self.published.raise();
        }
        self.after_commit().await;
        Ok(Some(appended.version))
    }

    /// Publishes everything that was appended.
    pub(crate) async fn settle_all(&self) -> Result<()> {
        self.flush(self.strict()).await
    }

    /// Makes everything that was appended durable.
    pub(crate) async fn sync(&self) -> Result<()> {
        self.flush(true).await
    }

    async fn flush(&self, sync: bool) -> Result<()> {
        let turn = self.flusher.acquire().await;
        let result = self.engine.flush(sync).await;
        drop(turn);
        self.published.raise();
        result
    }
}
