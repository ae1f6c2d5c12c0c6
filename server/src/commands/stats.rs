//! `koru stats`: how much there is of what.

use crate::{
    context::Context,
    exit::{Exit, Result},
    output::{count, plain, size},
};
use clap::Args;
use koru_delta::{KeyRange, Order};
use serde_json::json;

/// Show how much there is of what: documents, versions, bytes
///
/// Reads all documents and the headers of all commits.
#[derive(Args, Debug)]
pub(crate) struct Stats {}

#[derive(Default)]
struct Totals {
    documents: u64,
    value_bytes: u64,
}

impl Stats {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.read()?;
        let info = db.info()?;
        let progress = context.progress(info.commits, "reading {pos}/{len} commits {wide_bar} {eta}");
        let (mut versions, mut deletions, mut history_bytes) = (0, 0, 0);
        for commit in db.log()? {
            for change in crate::document::own_changes(&commit?) {
                versions += 1;
                deletions += u64::from(change.deleted);
                history_bytes += change.value_bytes;
            }
            progress.inc(1);
        }
        progress.finish_and_clear();
        let mut all = Totals::default();
        for name in db.collections()? {
            let mut totals = Totals::default();
            for row in db.collection(&name).scan(KeyRange::default(), Order::Ascending)? {
                totals.documents += 1;
                totals.value_bytes += row?.document.encoded().len() as u64;
            }
            if context.json() {
                let Totals { documents, value_bytes } = totals;
                context.out.json(&json!({"collection": name, "documents": documents, "value_bytes": value_bytes}))?;
            } else {
                let (documents, bytes) = (count(totals.documents, "document"), size(totals.value_bytes));
                context.out.line(format_args!("collection {}: {documents}, {bytes}", plain(&name)))?;
            }
            all.documents += totals.documents;
            all.value_bytes += totals.value_bytes;
        }
        let on_disk = info.log_bytes + info.index_bytes;
        if context.json() {
            context.out.json(&json!({
                "documents": all.documents,
                "value_bytes": all.value_bytes,
                "commits": info.commits,
                "versions": versions,
                "deletions": deletions,
                "history_bytes": history_bytes,
                "log_bytes": info.log_bytes,
                "index_bytes": info.index_bytes,
                "total_bytes": info.total_bytes,
            }))?;
            return Ok(Exit::Ok);
        }
        let out = &mut context.out;
        out.line(format_args!("now        {}, {} of values", count(all.documents, "document"), size(all.value_bytes)))?;
        let (versions_text, commits) = (count(versions, "version"), count(info.commits, "commit"));
        out.line(format_args!(
            "history    {versions_text} ({}) in {commits}, {} of values",
            count(deletions, "deletion"),
            size(history_bytes)
        ))?;
        out.line(format_args!(
            "on disk    {}: log {}, index {}",
            size(info.total_bytes),
            size(info.log_bytes),
            size(info.index_bytes)
        ))?;
        if let (Some(stored), Some(written)) = (on_disk.checked_div(versions), history_bytes.checked_div(versions)) {
            out.line(format_args!("a version  {} on disk, {} of value", size(stored), size(written)))?;
        }
        Ok(Exit::Ok)
    }
}
