//! Calls that read: documents, versions, commits, and what the database is.

use super::{
    Inner,
    arguments::{Arguments, At},
    results::{self, Results},
};
use crate::{
    Direction, Document, DocumentVersion, Error, Moment, Result, VersionId,
    codec::value::write,
    engine::{Engine, View, model::Shown},
    history::diff,
    limits::REPLY_PART_BYTES,
    storage::AsyncStorage,
};
use alloc::{string::String, vec::Vec};
use core::ops::ControlFlow;

/// A `get` as far as it comes without waiting.
pub(super) enum Get {
    Cached(Option<Document>),
    Lookup(Lookup),
}

pub(super) struct Lookup {
    collection: String,
    key: String,
    at: At,
}

/// The results of a `get`.
pub(super) fn write_found(out: &mut Results, found: Option<Document>) -> Result<()> {
    found.iter().for_each(|found| results::document(out, found));
    Ok(())
}

#[driven]
impl<S: AsyncStorage + 'static> Inner<S> {
    pub(super) fn engine(&self) -> &Engine<S> {
        &self.database.0.engine
    }

    /// The view of a moment.
    pub(super) async fn view(&self, at: &At) -> Result<View> {
        match at {
            At::Moment(moment) => self.engine().view_at(moment).await,
            At::Snapshot(handle) => self.handles.snapshot(*handle),
        }
    }

    pub(super) fn begin_get(&self, mut given: Arguments<'_>) -> Result<Get> {
        let (collection, key) = (given.text("collection")?, given.text("key")?);
        let at = given.moment("moment")?;
        given.end()?;
        if let At::Moment(Moment::Now) = at
            && let Some(found) = self.engine().get_cached(collection, key)
        {
            return found.map(Get::Cached);
        }
        Ok(Get::Lookup(Lookup { collection: collection.into(), key: key.into(), at }))
    }

    pub(super) async fn get(&self, Lookup { collection, key, at }: Lookup) -> Result<Results> {
        let found = match at {
            At::Moment(Moment::Now) => self.engine().get(&collection, &key).await?,
            at => self.engine().get_in(&self.view(&at).await?, &collection, &key).await?,
        };
        let mut out = Results::new();
        write_found(&mut out, found)?;
        Ok(out)
    }

    pub(super) async fn get_many(&self, call: u32, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, mut keys) = (given.text("collection")?, given.array("keys")?);
        let at = given.moment("moment")?;
        given.end()?;
        let view = self.view(&at).await?;
        let (mut out, mut bytes) = (Results::new(), 0);
        while !keys.is_empty() {
            if out.len() >= REPLY_PART_BYTES {
                bytes += out.len();
                self.send_ahead(call, &mut out).await?;
            }
            let mut write = |found: Shown<'_>| {
                write::array(&mut out, 4);
                results::shown(&mut out, found);
            };
            if !self.engine().show_in(&view, collection, keys.text("keys")?, &mut write).await? {
                write::array(&mut out, 0);
            }
            super::results::within_bound(bytes + out.len())?;
        }
        Ok(out)
    }

    pub(super) async fn version(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, key) = (given.text("collection")?, given.text("key")?);
        let id = given.version("version")?;
        given.end()?;
        let version = self.engine().version(collection, key, id).await?;
        let document = self.engine().document_at(collection, key, &version).await?;
        let mut out = Results::new();
        results::history_row(&mut out, &version, document.as_ref());
        Ok(out)
    }

    pub(super) async fn diff(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, key) = (given.text("collection")?, given.text("key")?);
        let (before, after) = (given.version("before")?, given.version("after")?);
        given.end()?;
        let before = self.document_at(collection, key, before).await?;
        let after = self.document_at(collection, key, after).await?;
        let value = |found: &Option<Document>| found.as_ref().map(|d| d.value().cloned()).transpose();
        let changes = diff::diff(value(&before)?.as_ref(), value(&after)?.as_ref());
        encode(&results::changes(&changes))
    }

    async fn document_at(&self, collection: &str, key: &str, version: VersionId) -> Result<Option<Document>> {
        let version = self.engine().version(collection, key, version).await?;
        self.engine().document_at(collection, key, &version).await
    }

    pub(super) async fn tags(&self, given: Arguments<'_>) -> Result<Results> {
        given.end()?;
        self.engine().check_open()?;
        encode(&results::tags(&self.engine().tags().await?))
    }

    pub(super) async fn lineage(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, key) = (given.text("collection")?.into(), given.text("key")?.into());
        let start = DocumentVersion { collection, key, version: given.version("version")? };
        let direction = if given.bool("effects")? { Direction::Effects } else { Direction::Causes };
        let depth = usize::try_from(given.count("depth")?).unwrap_or(usize::MAX);
        given.end()?;
        encode(&results::lineage(&self.engine().lineage(start, direction, depth).await?))
    }

    pub(super) async fn find_commit(&self, mut given: Arguments<'_>) -> Result<Results> {
        let name = given.text("commit")?;
        given.end()?;
        let commit = match name.contains('@') {
            true => self.engine().commit(name.parse()?).await?,
            false => self.engine().commit_by_prefix(name).await?,
        };
        encode(&results::commit(&commit))
    }

    pub(super) async fn collections(&self, mut given: Arguments<'_>) -> Result<Results> {
        let at = given.moment("moment")?;
        given.end()?;
        encode(&results::names(&self.engine().collections(&self.view(&at).await?).await?))
    }

    pub(super) async fn heads(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, key) = (given.text("collection")?, given.text("key")?);
        given.end()?;
        let heads: Vec<VersionId> = self.engine().heads_of(collection, key).await?;
        let mut out = Results::new();
        write::array(&mut out, heads.len());
        heads.into_iter().for_each(|head| results::version(&mut out, head));
        Ok(out)
    }

    pub(super) async fn verify(&self, given: Arguments<'_>) -> Result<Results> {
        given.end()?;
        encode(&results::report(&self.engine().verify(&mut |_, _| ControlFlow::Continue(())).await?))
    }

    pub(super) async fn info(&self, given: Arguments<'_>) -> Result<Results> {
        given.end()?;
        encode(&results::info(&self.engine().info().await?))
    }

    pub(super) fn stats(&self, given: Arguments<'_>) -> Result<Results> {
        given.end()?;
        self.engine().check_open()?;
        encode(&results::stats(&self.engine().stats()))
    }

    pub(super) fn cancel(&self, mut given: Arguments<'_>) -> Result<()> {
        let call = given.count("call")?;
        given.end()?;
        let call = u32::try_from(call).map_err(|_| Error::invalid("the number of a call has 32 bits"))?;
        for (_, cancelled) in self.waiting.borrow_mut().iter_mut().filter(|(waiting, _)| *waiting == call) {
            *cancelled = true;
        }
        self.database.0.published.raise();
        Ok(())
    }
}

pub(super) fn encode(value: &crate::Value) -> Result<Results> {
    let mut out = Results::new();
    results::encoded(&mut out, value)?;
    Ok(out)
}
