//! `koru delete`: deletes one document. Its history stays.

use crate::{
    args::{Address, Safety, Words},
    context::Context,
    exit::{Exit, Failure, Result},
};
use clap::Args;
use koru_delta::WriteOptions;
use serde_json::json;

/// Delete a document
///
/// A deletion is a version too: the history stays, and earlier moments still show the document. Prints the version.
#[derive(Args, Debug)]
pub(crate) struct Delete {
    /// The document, as COLLECTION/KEY
    document: Address,
    /// Delete only if the document is at this version
    #[arg(long, value_name = "VERSION")]
    expect: Option<String>,
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    safety: Safety,
}

impl Delete {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.write(self.safety)?;
        let expected = super::put::expected(&db, self.expect.as_deref())?;
        let options = WriteOptions { expected, info: self.words.info(&db)?, ..WriteOptions::default() };
        let document = &self.document;
        let version = db.collection(&document.collection).delete_with(&document.key, options)?;
        db.close()?;
        let Some(version) = version else {
            return Err(Failure::not_found(format!("there is no document {document}, so there is nothing to delete")));
        };
        if context.json() {
            let (collection, key) = (&document.collection, &document.key);
            context.out.json(&json!({"collection": collection, "key": key, "version": version.to_string()}))?;
        } else {
            context.out.line(version)?;
            context.note(format_args!("deleted; its versions stay: `koru history {document}` lists them"));
        }
        Ok(Exit::Ok)
    }
}
