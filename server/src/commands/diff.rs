//! `koru diff`: what changed between two moments, in one document, a collection or everything.

mod text;

use crate::{
    args::{Address, Target},
    context::Context,
    document::Stamp,
    exit::{Exit, Failure, Result},
    moment,
    output::{Tone, count, plain, size},
};
use clap::Args;
use koru_delta::{Database, DocumentChange, Moment, diff};
use serde::Serialize;

/// Show what changed between two moments
///
/// Of one document, a collection, or everything. Values are compared path by path, text of several lines line by line. A
/// document without moments is compared with its version before.
///
///   koru diff users/ada                      the last change of a document
///   koru diff users/ada 3@1f3a9c02 -2h       between two moments
///   koru diff files --from v1.0              a collection since a tag
///   koru diff --from 2026-01-01 --stat       everything since a date, names only
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Diff {
    /// What to compare; everything if it is missing
    #[arg(value_name = "COLLECTION|DOCUMENT")]
    target: Option<Target>,
    /// The earlier moment, in place of --from
    #[arg(value_name = "MOMENT", allow_hyphen_values = true)]
    before: Option<String>,
    /// The later moment, in place of --to
    #[arg(value_name = "MOMENT", allow_hyphen_values = true)]
    after: Option<String>,
    /// The earlier moment
    #[arg(long, value_name = "MOMENT", allow_hyphen_values = true, conflicts_with = "before", long_help = format!("The earlier moment. {}", moment::HELP))]
    from: Option<String>,
    /// The later moment, if not now
    #[arg(long, value_name = "MOMENT", allow_hyphen_values = true, conflicts_with = "after")]
    to: Option<String>,
    /// Only name the documents that differ
    #[arg(long, visible_alias = "names")]
    stat: bool,
    /// End with exit code 1 if anything differs
    #[arg(long)]
    exit_code: bool,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    collection: &'a str,
    key: &'a str,
    kind: &'a str,
    before: Option<Stamp>,
    after: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<diff::Change>>,
}

/// How many documents differ, and how.
#[derive(Default)]
struct Totals {
    added: u64,
    changed: u64,
    deleted: u64,
}

impl Diff {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.read()?;
        let mut totals = Totals::default();
        match self.target.clone() {
            Some(Target::Document(document)) => {
                if let Some(change) = self.document(&db, document)? {
                    self.print(context, &change, &mut totals)?;
                }
            }
            target => {
                let (before, after) = self.moments(&db, None)?;
                let changes = match &target {
                    Some(Target::Collection(name)) => db.collection(name).diff_moments(before, after)?,
                    _ => db.diff(before, after)?,
                };
                for change in changes {
                    self.print(context, &change?, &mut totals)?;
                }
            }
        }
        let Totals { added, changed, deleted } = totals;
        let all = added + changed + deleted;
        if !context.json() {
            context.out.flush()?;
            if all == 0 {
                context.note("no differences");
            } else if !matches!(self.target, Some(Target::Document(_))) {
                let documents = count(all, "document");
                context.note(format_args!("{documents}: {added} added, {changed} changed, {deleted} deleted"));
            }
        }
        Ok(if self.exit_code && all > 0 { Exit::Failed } else { Exit::Ok })
    }

    /// The two moments. `earlier` is the first one when none was given.
    fn moments(&self, db: &Database, earlier: Option<Moment>) -> Result<(Moment, Moment)> {
        let before = match (self.from.as_ref().or(self.before.as_ref()), earlier) {
            (Some(text), _) => moment::resolve(db, text)?,
            (None, Some(earlier)) => earlier,
            (None, None) => return Err(Failure::usage("compare with which moment? Give it with --from MOMENT")),
        };
        Ok((before, moment::resolve_or_now(db, self.to.as_deref().or(self.after.as_deref()))?))
    }

    /// How a document differs, if it does.
    fn document(&self, db: &Database, Address { collection, key }: Address) -> Result<Option<DocumentChange>> {
        let mut versions = db.collection(&collection).history(&key)?;
        let newest = versions.next().transpose()?;
        if newest.is_none() {
            return Err(Failure::not_found(format!("there is no document {collection}/{key}, and there never was")));
        }
        // Before its first version a document is as absent as before all time.
        let earlier = versions.next().transpose()?.map_or(Moment::Time(koru_delta::Timestamp::MIN), |v| v.id.into());
        let (before, after) = self.moments(db, Some(earlier))?;
        let before = db.as_of(before)?.collection(&collection).get(&key)?;
        let after = db.as_of(after)?.collection(&collection).get(&key)?;
        let encoded = |document: &Option<koru_delta::Document>| document.as_ref().map(|d| d.encoded().to_vec());
        let differs = encoded(&before) != encoded(&after);
        Ok(differs.then_some(DocumentChange { collection, key, before, after }))
    }

    fn print(&self, context: &mut Context, change: &DocumentChange, totals: &mut Totals) -> Result<()> {
        let (kind, letter) = match (&change.before, &change.after) {
            (None, _) => ("added", 'A'),
            (_, None) => ("deleted", 'D'),
            _ => ("changed", 'M'),
        };
        *match letter {
            'A' => &mut totals.added,
            'D' => &mut totals.deleted,
            _ => &mut totals.changed,
        } += 1;
        if context.json() {
            return context.out.json(&ChangeJson {
                collection: &change.collection,
                key: &change.key,
                kind,
                before: change.before.as_ref().map(Stamp::new),
                after: change.after.as_ref().map(Stamp::new),
                changes: if self.stat { None } else { Some(change.changes()?) },
            });
        }
        let place = format!("{}/{}", plain(&change.collection), plain(&change.key));
        let bytes = |d: &Option<koru_delta::Document>| d.as_ref().map(|d| size(d.encoded().len() as u64));
        let sizes =
            [bytes(&change.before), bytes(&change.after)].into_iter().flatten().collect::<Vec<_>>().join(" -> ");
        if self.stat {
            return context.out.line(format_args!("{letter} {place}  {sizes}"));
        }
        context.out.toned(Tone::Title, format_args!("{kind} {place}  ({sizes})"))?;
        for change in change.changes()? {
            text::print(&mut context.out, &change)?;
        }
        Ok(())
    }
}
