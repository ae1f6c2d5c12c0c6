//! `koru restore`: makes documents what they were.

use crate::{
    args::{Safety, Target},
    context::Context,
    exit::{Exit, Failure, Result},
    moment,
    output::{count, plain},
};
use clap::Args;
use serde_json::json;

/// Documents that are listed for people; with --json all are.
const LISTED_MAX: usize = 20;

/// Make a document, a collection or everything what it was at a moment
///
/// This writes new versions: nothing is rewritten, and a restore can be undone by another one. Prints what changed and the
/// version of the commit.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// What to restore
    #[arg(value_name = "COLLECTION|DOCUMENT", required_unless_present = "all")]
    target: Option<Target>,
    /// The moment, in place of --to
    #[arg(value_name = "MOMENT", allow_hyphen_values = true, required_unless_present_any = ["to", "all"])]
    moment: Option<String>,
    /// The moment to go back to
    #[arg(long, value_name = "MOMENT", allow_hyphen_values = true, conflicts_with = "moment", long_help = format!("The moment to go back to. {}", moment::HELP))]
    to: Option<String>,
    /// Restore all collections
    #[arg(long, conflicts_with = "target", requires = "to")]
    all: bool,
    #[command(flatten)]
    safety: Safety,
}

impl Restore {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.write(self.safety)?;
        let text =
            self.to.as_ref().or(self.moment.as_ref()).ok_or_else(|| Failure::usage("restore to which moment?"))?;
        let moment = moment::resolve(&db, text)?;
        let version = match &self.target {
            None => db.restore(moment)?,
            Some(Target::Collection(name)) => db.collection(name).restore_all(moment)?,
            Some(Target::Document(document)) => db.collection(&document.collection).restore(&document.key, moment)?,
        };
        let commit = version.map(|version| db.commit(version)).transpose()?;
        db.close()?;
        let changes = commit.iter().flat_map(|commit| &commit.changes);
        if context.json() {
            context.out.json(&json!({
                "version": commit.as_ref().map(|commit| commit.version.to_string()),
                "commit": commit.as_ref().map(|commit| commit.id.to_string()),
                "changes": changes
                    .map(|c| json!({"collection": c.collection, "key": c.key, "deleted": c.deleted}))
                    .collect::<Vec<_>>(),
            }))?;
            return Ok(Exit::Ok);
        }
        let Some(commit) = &commit else {
            context.note("nothing to restore: it is already as it was then");
            return Ok(Exit::Ok);
        };
        for change in changes.take(LISTED_MAX) {
            let what = if change.deleted { "deleted " } else { "restored" };
            context.out.line(format_args!("{what} {}/{}", plain(&change.collection), plain(&change.key)))?;
        }
        let all = commit.changes.len();
        if all > LISTED_MAX {
            context.out.line(format_args!("... and {} more", all - LISTED_MAX))?;
        }
        let (documents, version) = (count(all as u64, "document"), moment::short(commit.version));
        context.out.line(format_args!("{documents} by commit {} ({version})", moment::short_commit(commit.id)))?;
        Ok(Exit::Ok)
    }
}
