//! When maintenance runs: after the commit that made it due, or when it is asked for; and closing.

use super::Inner;
use crate::{
    ErrorCode, Result,
    engine::{Export, Hits, MergeBegin, Search, VectorStep, View, model::Durability},
    storage::AsyncStorage,
    vector::hnsw::parallel::Sequential,
};

#[driven]
impl<S: AsyncStorage> Inner<S> {
    /// Whether what is acknowledged has yet to be made durable soon.
    fn sync_due(&self) -> bool {
        self.options.durability == Durability::Relaxed && !self.engine.is_read_only() && self.engine.has_unsynced()
    }

    pub(super) fn maintenance_due(&self) -> bool {
        self.engine.check_writable().is_ok()
            && (self.engine.checkpoint_due().0 || self.sync_due() || self.vectors_lag.get())
    }

    /// After a commit: does the maintenance that is due, unless someone else is to.
    pub(super) async fn after_commit(&self) {
        if self.engine.checkpoint_due().0 && !self.options.manual_maintenance {
            // The commit is durable; maintenance that fails is tried again after the next one.
            let _ = self.maintain(usize::MAX).await;
        }
    }

    /// Before a commit: waits for a checkpoint when the tail of the log has grown to its bound.
    pub(crate) async fn relieve(&self) -> Result<()> {
        if self.engine.checkpoint_due().1 {
            let _turn = self.maintenance.acquire().await;
            // Whoever had the turn before may have made it.
            if self.engine.checkpoint_due().1 {
                self.engine.check_writable()?;
                self.checkpoint_in_turn().await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn checkpoint(&self) -> Result<()> {
        self.engine.check_writable()?;
        let _turn = self.maintenance.acquire().await;
        self.checkpoint_in_turn().await
    }

    /// Takes one step of a compaction. Whoever asks for one begins with `begin`, as often as there are some, and goes on
    /// without until there is no more to do.
    pub(crate) async fn compact(&self, begin: bool) -> Result<bool> {
        self.engine.check_writable()?;
        let _turn = self.maintenance.acquire().await;
        if begin {
            self.checkpoint_and(true).await?;
        }
        self.engine.compact_step().await
    }

    async fn checkpoint_in_turn(&self) -> Result<()> {
        self.checkpoint_and(false).await
    }

    async fn checkpoint_and(&self, compact: bool) -> Result<()> {
        // One that failed before is finished first.
        self.engine.finish_checkpoint().await?;
        {
            let _gate = self.gate.acquire().await;
            let _flush = self.flusher.acquire().await;
            if compact {
                self.engine.begin_compaction().await?;
            }
            self.engine.begin_checkpoint().await?;
        }
        self.published.raise();
        self.engine.finish_checkpoint().await
    }

    async fn maintain(&self, steps: usize) -> Result<bool> {
        self.engine.check_writable()?;
        let _turn = self.maintenance.acquire().await;
        if self.engine.checkpoint_due().0 {
            self.checkpoint_in_turn().await?;
        }
        for _ in 0..steps {
            if !self.engine.merge_step(MergeBegin::Due).await? && !self.vector_step().await? {
                self.vectors_lag.set(false);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A step for the indexes of vectors. Returns whether there is more to do.
    async fn vector_step(&self) -> Result<bool> {
        let _turn = self.vectors.acquire().await;
        let step = self.engine.vector_step(&Sequential).await?;
        if step == VectorStep::Snapshot {
            self.sync().await?;
            self.engine.write_vector_snapshot().await?;
        }
        Ok(step == VectorStep::More)
    }

    /// As [`Engine::search`](crate::engine::Engine), with the indexes brought up to date before.
    pub(crate) async fn search(&self, view: &View, collection: &str, search: &Search) -> Result<Hits> {
        match self.know_vectors(view.sequence).await {
            // What is exact does not need them.
            Err(e) if !search.is_exact() || !e.is(ErrorCode::LimitExceeded) => return Err(e),
            _ => {}
        }
        let hits = self.engine.search(view, collection, search).await?;
        if hits.lags {
            self.vectors_lag().await;
        }
        Ok(hits)
    }

    /// The index of some vectors is not what it is to be: sees to it, unless someone else is to.
    pub(crate) async fn vectors_lag(&self) {
        self.vectors_lag.set(true);
        if !self.options.manual_maintenance && !self.engine.is_read_only() {
            // What fails is tried again when it is next asked for.
            let _ = self.maintain(usize::MAX).await;
        }
    }

    /// Brings the indexes of vectors up to a commit, before a search that sees it.
    pub(crate) async fn know_vectors(&self, sequence: u64) -> Result<()> {
        if self.engine.vectors_know(sequence) {
            return Ok(());
        }
        let _turn = self.vectors.acquire().await;
        // Whoever had the turn before may have done it.
        if self.engine.vectors_know(sequence) { Ok(()) } else { self.engine.catch_up_vectors().await }
    }

    pub(super) async fn maintain_all(&self, steps: usize) -> Result<bool> {
        let more = self.maintain(steps).await?;
        if self.sync_due() {
            self.sync().await?;
        }
        Ok(more)
    }

    /// A copy of what is published now.
    pub(crate) async fn export(&self) -> Result<Export> {
        let _turn = self.maintenance.acquire().await;
        self.engine.export().await
    }

    pub(super) async fn close(&self) -> Result<()> {
        let _turn = self.maintenance.acquire().await;
        let _gate = self.gate.acquire().await;
        let _flush = self.flusher.acquire().await;
        let _vectors = self.vectors.acquire().await;
        let result = self.engine.close().await;
        self.published.raise();
        result
    }
}
