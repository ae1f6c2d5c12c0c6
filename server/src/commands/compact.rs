//! `koru compact`: makes a database smaller.

use crate::{
    args::{Level, Safety},
    context::Context,
    exit::{Exit, Result},
    output::size,
};
use clap::Args;
use serde_json::json;

/// Make the database as small as it gets: compress its log, and merge its index into one table
///
/// Nothing of history is dropped. What is written afterwards is not compressed until this is called again, and the last of
/// the log stays as it is while it is below 1 MiB. There has to be room for one more compressed segment of the log, below
/// 64 MiB, and for one more index.
#[derive(Args, Debug)]
pub(crate) struct Compact {}

impl Compact {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.write(Safety { durability: Level::Strict })?;
        let before = db.info()?.total_bytes;
        db.compact()?;
        let after = db.info()?;
        db.close()?;
        if context.json() {
            context.out.json(&json!({
                "bytes_before": before,
                "bytes": after.total_bytes,
                "segments": after.segments,
                "packed_segments": after.packed_segments,
            }))?;
            return Ok(Exit::Ok);
        }
        context.out.line(format_args!("{} on disk, {} before", size(after.total_bytes), size(before)))?;
        Ok(Exit::Ok)
    }
}
