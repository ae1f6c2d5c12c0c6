//! `koru info`: what a database is.

use crate::{
    context::Context,
    exit::{Exit, Result},
    moment,
    output::{count, size},
};
use clap::Args;
use serde_json::json;

/// Show what the database is: place, identity, sizes
#[derive(Args, Debug)]
pub(crate) struct Info {}

impl Info {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.read()?;
        let info = db.info()?;
        let newest = info.newest.map(|newest| moment::display(newest.millis()));
        if context.json() {
            context.out.json(&json!({
                "database": info.database.to_string(),
                "actor": info.actor.to_string(),
                "created": moment::display(info.created_ms),
                "storage": info.storage,
                "location": info.location,
                "format": info.format,
                "commits": info.commits,
                "actors": info.actors,
                "newest": newest,
                "chain": info.chain,
                "segments": info.segments,
                "packed_segments": info.packed_segments,
                "log_bytes": info.log_bytes,
                "tables": info.tables,
                "index_bytes": info.index_bytes,
                "total_bytes": info.total_bytes,
                "tail_bytes": info.tail_bytes,
            }))?;
            return Ok(Exit::Ok);
        }
        let out = &mut context.out;
        out.line(format_args!("location   {}", info.location))?;
        out.line(format_args!("database   {}, format {}", info.database, info.format))?;
        out.line(format_args!("created    {}", moment::display(info.created_ms)))?;
        let actors = count(info.actors, "actor");
        let newest = newest.map(|newest| format!(", the newest of {newest}")).unwrap_or_default();
        out.line(format_args!("commits    {} by {actors}{newest}", info.commits))?;
        out.line(format_args!("actor      {}", info.actor))?;
        let packed = if info.packed_segments > 0 {
            format!(", {} of them compressed", info.packed_segments)
        } else {
            String::new()
        };
        out.line(format_args!("log        {} in {}{packed}", size(info.log_bytes), count(info.segments, "segment")))?;
        out.line(format_args!("index      {} in {}", size(info.index_bytes), count(info.tables, "table")))?;
        out.line(format_args!("on disk    {}", size(info.total_bytes)))?;
        out.line(format_args!("chain      {}", info.chain))?;
        Ok(Exit::Ok)
    }
}
