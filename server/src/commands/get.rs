//! `koru get`: prints one document.

use crate::{
    args::{Address, AsOf},
    context::Context,
    document::DocumentJson,
    exit::{Exit, Failure, Result},
    moment,
    output::size,
};
use clap::Args;
use koru_delta::{Database, Document, Moment, Value};

/// Print a document
///
/// A string is printed as it is, bytes too; any other value as JSON.
#[derive(Args, Debug)]
pub(crate) struct Get {
    /// The document, as COLLECTION/KEY
    document: Address,
    #[command(flatten)]
    as_of: AsOf,
    /// Print the value and nothing else: no line end, bytes also on a terminal, JSON without blanks
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

impl Get {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.read()?;
        let moment = moment::resolve_or_now(&db, self.as_of.as_of.as_deref())?;
        let Address { collection, key } = &self.document;
        let Some(document) = db.as_of(moment.clone())?.collection(collection).get(key)? else {
            return Err(missing(&db, &self.document, &moment)?);
        };
        if context.json() {
            context.out.json(&DocumentJson::new(collection, key, &document)?)?;
        } else {
            self.print(context, &document)?;
        }
        Ok(Exit::Ok)
    }

    fn print(&self, context: &mut Context, document: &Document) -> Result<()> {
        let unprintable = |e| Failure::usage(format!("the value cannot be printed: {e}"));
        match document.value()? {
            Value::String(text) => {
                context.out.bytes(text.as_bytes())?;
                if context.out.is_terminal() && !self.raw && !text.ends_with('\n') {
                    context.out.bytes(b"\n")?;
                }
            }
            Value::Bytes(bytes) if context.out.is_terminal() && !self.raw => {
                let bytes = size(bytes.len() as u64);
                context.note(format_args!("{bytes} that are no text: --raw prints them, > FILE keeps them"));
            }
            Value::Bytes(bytes) => context.out.bytes(bytes)?,
            value if self.raw => context.out.bytes(&serde_json::to_vec(value).map_err(unprintable)?)?,
            value => context.out.line(serde_json::to_string_pretty(value).map_err(unprintable)?)?,
        }
        Ok(())
    }
}

/// Says why a document is not there, as far as its history knows.
fn missing(db: &Database, document: &Address, moment: &Moment) -> Result<Failure> {
    let last = db.as_of(moment.clone())?.collection(&document.collection).history(&document.key)?.next().transpose()?;
    let why = match last {
        Some(last) if last.deleted => {
            format!(
                "{document} was deleted at {} by {}",
                moment::display(last.timestamp.millis()),
                moment::short(last.id)
            )
        }
        Some(last) => {
            let at = last.expires_at.map(moment::display).unwrap_or_default();
            format!("{document} expired at {at}")
        }
        None if *moment == Moment::Now => format!("there is no document {document}"),
        None => format!("there was no document {document} at that moment"),
    };
    Ok(Failure::not_found(why))
}
