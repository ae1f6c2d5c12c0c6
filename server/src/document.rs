//! Documents as JSON: the fields that every command names the same.

use crate::{moment, vector};
use koru_delta::{Commit, CommitChange, Document, Vectors};
use serde::Serialize;

/// A document, as `get`, `scan` and `export` print it.
#[derive(Serialize)]
pub(crate) struct DocumentJson<'a> {
    collection: &'a str,
    key: &'a str,
    version: String,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    value: &'a koru_delta::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors: Option<vector::Json<'a>>,
}

impl<'a> DocumentJson<'a> {
    pub(crate) fn new(collection: &'a str, key: &'a str, document: &'a Document) -> koru_delta::Result<Self> {
        Ok(DocumentJson {
            collection,
            key,
            version: document.version().to_string(),
            timestamp: moment::display(document.timestamp().millis()),
            expires_at: document.expires_at().map(moment::display),
            value: document.value()?,
            vectors: None,
        })
    }

    /// With its vectors, if it has any.
    pub(crate) fn with_vectors(self, vectors: &'a Vectors) -> Self {
        DocumentJson { vectors: (!vectors.is_empty()).then_some(vector::Json(vectors)), ..self }
    }
}

/// Which version a document has, without its value.
#[derive(Serialize)]
pub(crate) struct Stamp {
    version: String,
    timestamp: String,
}

impl Stamp {
    pub(crate) fn new(document: &Document) -> Stamp {
        let timestamp = moment::display(document.timestamp().millis());
        Stamp { version: document.version().to_string(), timestamp }
    }
}

/// The changes of a commit that are to documents of the user; the database keeps its tags and imports as documents too.
pub(crate) fn own_changes(commit: &Commit) -> impl Iterator<Item = &CommitChange> {
    commit.changes.iter().filter(|change| !change.collection.starts_with('$'))
}

/// What a commit did, in a few words, for one that says nothing itself.
pub(crate) fn summary(commit: &Commit) -> String {
    let words = |change: &CommitChange| {
        let (put, name) = match &*change.collection {
            "$tags" => ("tag", change.key.clone()),
            _ => ("put", format!("{}/{}", change.collection, change.key)),
        };
        match (change.deleted, put) {
            (true, "tag") => format!("delete tag {name}"),
            (true, _) => format!("delete {name}"),
            (false, put) => format!("{put} {name}"),
        }
    };
    match &*commit.changes {
        [] => "nothing changed".into(),
        [change] => words(change),
        [first, rest @ ..] => format!("{} and {} more", words(first), rest.len()),
    }
}
