//! `koru scan`: lists the documents of a collection, or the collections.

use crate::{
    args::AsOf,
    context::Context,
    document::DocumentJson,
    exit::{Exit, Failure, Result},
    moment,
    output::{count, plain},
};
use clap::Args;
use koru_delta::{KeyRange, Order, Snapshot};
use serde_json::json;
use std::ops::Bound;

/// Documents that are counted of each collection in the list of collections. Counting reads them.
const COUNTED_MAX: usize = 10_000;

/// List the documents of a collection, or the collections
///
/// Documents come in the order of their keys' UTF-8 bytes, one a line: key, tab, value as JSON. On a terminal lines are cut to
/// its width.
#[derive(Args, Debug)]
pub(crate) struct Scan {
    /// The collection; without it the collections are listed, with their number of documents
    collection: Option<String>,
    /// Only keys that start with this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, requires = "collection")]
    prefix: String,
    /// Only this key and those after it
    #[arg(long, value_name = "KEY", requires = "collection")]
    from: Option<String>,
    /// Only keys before this one
    #[arg(long, value_name = "KEY", requires = "collection")]
    to: Option<String>,
    /// Go on behind this key, where an earlier scan was cut off by --limit
    #[arg(long, value_name = "KEY", requires = "collection")]
    after: Option<String>,
    /// Stop after this many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Begin with the last key
    #[arg(long, requires = "collection")]
    reverse: bool,
    /// Print the keys only
    #[arg(long, requires = "collection")]
    keys: bool,
    #[command(flatten)]
    as_of: AsOf,
}

impl Scan {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.read()?;
        let moment = moment::resolve_or_now(&db, self.as_of.as_of.as_deref())?;
        let snapshot = db.as_of(moment)?;
        match &self.collection {
            Some(collection) => self.documents(context, &snapshot, collection)?,
            None => self.collections(context, &snapshot)?,
        }
        Ok(Exit::Ok)
    }

    fn documents(&self, context: &mut Context, snapshot: &Snapshot, collection: &str) -> Result<()> {
        let order = if self.reverse { Order::Descending } else { Order::Ascending };
        let mut rows = snapshot.collection(collection).scan(self.range(), order)?;
        let (mut printed, mut last) = (0, None);
        while self.limit.is_none_or(|limit| printed < limit) {
            let Some(row) = rows.next().transpose()? else {
                last = None;
                break;
            };
            let (key, document) = (&row.key, &row.document);
            match (context.json(), self.keys) {
                (true, true) => context.out.json(&json!({"collection": collection, "key": key}))?,
                (true, false) => context.out.json(&DocumentJson::new(collection, key, document)?)?,
                (false, true) => context.out.line(plain(key))?,
                (false, false) => {
                    let value = serde_json::to_string(document.value()?)
                        .map_err(|e| Failure::usage(format!("{key}: the value cannot be printed: {e}")))?;
                    context.out.short_line(&format!("{}\t{value}", plain(key)))?;
                }
            }
            printed += 1;
            last = Some(row.key);
        }
        match last {
            Some(last) if rows.next().transpose()?.is_some() => {
                if context.json() {
                    context.out.json(&json!({"next": last}))?;
                } else {
                    context.out.flush()?;
                    context.note(format_args!("there are more: go on with --after {}", quoted(&last)));
                }
            }
            _ if printed == 0 && !context.json() => context.note(format_args!("no documents in {}", plain(collection))),
            _ => {}
        }
        Ok(())
    }

    fn range(&self) -> KeyRange {
        let after = |from: &String| self.after.as_ref().is_none_or(|after| after < from);
        let before = |to: &String| self.after.as_ref().is_none_or(|after| after > to);
        let (mut lower, mut upper) = (Bound::Unbounded, Bound::Unbounded);
        if let Some(after) = self.after.clone() {
            *(if self.reverse { &mut upper } else { &mut lower }) = Bound::Excluded(after);
        }
        if let Some(from) = self.from.clone().filter(|from| self.reverse || after(from)) {
            lower = Bound::Included(from);
        }
        if let Some(to) = self.to.clone().filter(|to| !self.reverse || before(to)) {
            upper = Bound::Excluded(to);
        }
        KeyRange { prefix: self.prefix.clone(), lower, upper }
    }

    fn collections(&self, context: &mut Context, snapshot: &Snapshot) -> Result<()> {
        let names = snapshot.collections()?;
        if names.is_empty() && !context.json() {
            context.note("no collections");
        }
        for name in names.iter().take(self.limit.unwrap_or(usize::MAX)) {
            let mut documents = 0;
            let mut rows = snapshot.collection(name).scan(KeyRange::default(), Order::Ascending)?;
            while documents < COUNTED_MAX && rows.next().transpose()?.is_some() {
                documents += 1;
            }
            let more = documents == COUNTED_MAX && rows.next().transpose()?.is_some();
            if context.json() {
                context.out.json(&json!({"collection": name, "documents": documents, "more": more}))?;
            } else {
                let least = if more { "more than " } else { "" };
                context.out.line(format_args!("{}\t{least}{}", plain(name), count(documents as u64, "document")))?;
            }
        }
        Ok(())
    }
}

/// A text as one would type it into a shell.
fn quoted(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(bare) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
