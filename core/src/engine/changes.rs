//! Restoring: what was at a moment becomes new versions on top of what is now. Nothing is rewritten.

use super::{
    Draft, DraftChange, Engine,
    draft::{Encoded, EncodedVectors},
    model::{CommitInfo, Document, Moment},
    state::View,
};
use crate::{
    error::{Error, Result},
    limits,
    storage::AsyncStorage,
};
use alloc::{format, string::String, sync::Arc, vec::Vec};

/// What is restored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    Document(&'a str, &'a str),
    Collection(&'a str),
    Workspace,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// A draft that makes a scope what it was at a moment. The caller holds the gate, so that nothing comes between.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` if more differs than fits into one commit.
    pub(crate) async fn draft_restore(&self, scope: Scope<'_>, moment: &Moment, info: CommitInfo) -> Result<Draft> {
        self.check_writable()?;
        let then = self.view_at(moment).await?;
        let now = self.view();
        let then = View { state: now.state.clone(), sequence: now.sequence, ..then };
        let mut changes = Vec::new();
        match scope {
            Scope::Document(collection, key) => {
                let before = self.get_in(&now, collection, key).await?;
                let after = self.get_in(&then, collection, key).await?;
                let vectors_before = self.vectors_record(&now, collection, key).await?;
                let vectors = self.vectors_record(&then, collection, key).await?;
                let same = before.as_ref().map(Document::encoded) == after.as_ref().map(Document::encoded);
                if !same || vectors_before != vectors {
                    changes.push(change(&now, collection.into(), key.into(), after.as_ref(), vectors));
                }
            }
            Scope::Collection(_) | Scope::Workspace => {
                let collection = if let Scope::Collection(name) = scope { Some(name) } else { None };
                let mut diff = self.diff(now.clone(), then, collection)?;
                let mut bytes = 0;
                while let Some(found) = diff.next(self).await? {
                    let vectors = self.vectors_record(diff.after(), &found.collection, &found.key).await?;
                    let change = change(&now, found.collection, found.key, found.after.as_ref(), vectors);
                    bytes += change.value.as_ref().map_or(0, Encoded::len);
                    changes.push(change);
                    if changes.len() > limits::COMMIT_CHANGES_MAX || bytes > limits::COMMIT_BYTES_MAX {
                        let (count, max) = (limits::COMMIT_CHANGES_MAX, limits::COMMIT_BYTES_MAX);
                        return Err(Error::limit(format!(
                            "more differs than fits into one commit ({count} documents, {max} bytes): restore it collection by collection"
                        )));
                    }
                }
            }
        }
        Ok(Draft { info, changes, ..Draft::default() })
    }
}

fn change(
    now: &View,
    collection: String,
    key: String,
    wanted: Option<&Document>,
    vectors: Option<Vec<u8>>,
) -> DraftChange {
    let value = wanted.map(|document| Encoded {
        vectors: vectors.map(|bytes| EncodedVectors::from_canonical(Arc::<[u8]>::from(bytes).into())),
        ..Encoded::from_canonical(document.to_encoded().into())
    });
    // An expiry that has passed since would hide what was just restored.
    let expires_at = wanted.and_then(Document::expires_at).filter(|&at| at > now.clock_ms);
    DraftChange { expires_at, ..DraftChange::new(collection.into(), key, value) }
}
