//! Merging tables into one, a bounded step at a time.
//!
//! Invariant: the new table holds exactly what the old ones answer together: every key once, with the newest value. The old
//! tables are not touched; the caller publishes the new one in their place.

use super::{
    builder::{FilterPart, TableBuilder, TableInfo},
    cursor::Source,
    merge::MergeCursor,
    table::{Blocks, NoCache, Table},
};
use crate::{
    error::{Error, Result},
    storage::{AsyncStorage, FileName},
};
use alloc::{format, sync::Arc};

/// A merge under way. When a step fails or it is given up, the caller removes the new table's file.
#[derive(Debug)]
pub(crate) struct MergeJob {
    number: u32,
    cursor: MergeCursor,
    max_stamp: u64,
    /// `None` when it is done or has failed.
    builder: Option<TableBuilder>,
    merged: Option<TableInfo>,
}

#[driven]
impl MergeJob {
    /// Begins to merge tables, given from oldest to newest and adjacent in age, into the new table `number`, and creates
    /// its file. It gets the highest of their stamps.
    pub(crate) async fn begin<S: AsyncStorage>(
        storage: &S,
        oldest_first: &[Arc<Table>],
        number: u32,
        filter_part: FilterPart,
    ) -> Result<MergeJob> {
        let Some(first) = oldest_first.first() else {
            return Err(Error::invalid("a merge needs at least one table"));
        };
        let builder = TableBuilder::create(storage, number, first.database(), filter_part).await?;
        let max_stamp = oldest_first.iter().map(|table| table.max_stamp()).max().unwrap_or_default();
        let sources = oldest_first.iter().rev().map(|table| Source::table(Arc::clone(table)));
        let mut cursor = MergeCursor::new(sources.collect());
        cursor.seek(Blocks { storage, cache: &NoCache }, &[]).await?;
        Ok(MergeJob { number, cursor, max_stamp, builder: Some(builder), merged: None })
    }

    /// Merges up to `max_entries` more entries, and returns whether the new table is complete and durable.
    pub(crate) async fn step<S: AsyncStorage>(&mut self, storage: &S, max_entries: usize) -> Result<bool> {
        if self.merged.is_some() {
            return Ok(true);
        }
        let Some(mut builder) = self.builder.take() else {
            let name = FileName::Table(self.number);
            return Err(Error::invalid(format!("the merge into {name} has failed before and cannot go on")));
        };
        let blocks = Blocks { storage, cache: &NoCache };
        for _ in 0..max_entries {
            if !self.cursor.valid() {
                break;
            }
            builder.add(storage, self.cursor.key(), self.cursor.value()).await?;
            self.cursor.next(blocks).await?;
        }
        if self.cursor.valid() {
            self.builder = Some(builder);
            return Ok(false);
        }
        self.merged = Some(builder.finish(storage, self.max_stamp).await?);
        Ok(true)
    }

    /// The new table, once a step has returned `true`.
    pub(crate) fn merged(&self) -> Option<TableInfo> {
        self.merged
    }
}
