//! `koru tag`: names for moments.

use crate::{
    args::Safety,
    context::Context,
    exit::{Exit, Failure, Result},
    moment,
    output::plain,
};
use clap::Args;
use koru_delta::Tag as Mark;
use serde_json::json;

/// Name a moment, list the names, or remove one
///
/// A tag shows the same for ever, whatever is written or imported later. Without a name the tags are listed.
#[derive(Args, Debug)]
pub(crate) struct Tag {
    /// The name
    name: Option<String>,
    /// The moment to name, if not now
    #[arg(long, value_name = "MOMENT", allow_hyphen_values = true, requires = "name", long_help = format!("The moment to name, if not now. {}", moment::HELP))]
    at: Option<String>,
    /// Remove this tag; what it marked stays
    #[arg(long, short, value_name = "NAME", conflicts_with_all = ["name", "at"])]
    delete: Option<String>,
    #[command(flatten)]
    safety: Safety,
}

impl Tag {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        if let Some(name) = &self.delete {
            let db = context.write(self.safety)?;
            db.untag(name)?;
            db.close()?;
            context.note(format_args!("deleted tag {}", plain(name)));
            return Ok(Exit::Ok);
        }
        let Some(name) = &self.name else {
            let db = context.read()?;
            let tags = db.tags()?;
            if tags.is_empty() && !context.json() {
                context.note("no tags");
            }
            return tags.iter().try_fold(Exit::Ok, |exit, tag| print(context, tag).map(|()| exit));
        };
        if moment::is_read_before_tags(name) {
            return Err(Failure::usage(format!(
                "a tag named {name:?} could never be read, because that is a time, a version or a commit: choose another name"
            )));
        }
        let db = context.write(self.safety)?;
        let moment = moment::resolve_or_now(&db, self.at.as_deref())?;
        let tag = db.tag(name, moment)?;
        db.close()?;
        print(context, &tag)?;
        Ok(Exit::Ok)
    }
}

fn print(context: &mut Context, tag: &Mark) -> Result<()> {
    let time = moment::display(tag.timestamp.millis());
    if context.json() {
        let commits: Vec<_> = tag.commits.iter().map(ToString::to_string).collect();
        return context.out.json(&json!({"tag": tag.name, "timestamp": time, "commits": commits}));
    }
    context.out.line(format_args!("{time}  {}", plain(&tag.name)))
}
