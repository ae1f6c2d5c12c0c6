//! koru-delta, with its whole history kept: `Durability::Strict` where a put must be durable and `Relaxed` where not.

use super::{Durability, Found, PinnedReader, Settings, Store, VersionStore};
use crate::{Result, documents::Document};
use koru_delta::{Collection, Database, Options, Timestamp};
use std::{hint::black_box, path::Path};

const COLLECTION: &str = "documents";

struct Koru {
    database: Database,
    documents: Collection,
}

fn connect(path: &Path, settings: Settings) -> Result<Koru> {
    let durability = match settings.durability {
        Durability::Strict => koru_delta::Durability::Strict,
        Durability::Relaxed => koru_delta::Durability::Relaxed,
    };
    let options = Options::new().durability(durability).cache_bytes(usize::try_from(settings.cache_bytes)?);
    let database = options.open(path.join("documents.koru"))?;
    let documents = database.collection(COLLECTION);
    Ok(Koru { database, documents })
}

pub(super) fn open(path: &Path, settings: Settings) -> Result<Box<dyn Store>> {
    Ok(Box::new(connect(path, settings)?))
}

impl Store for Koru {
    fn put(&self, document: &Document) -> Result<()> {
        self.documents.put(&document.key, &document.record)?;
        Ok(())
    }

    fn put_many(&self, documents: &[Document]) -> Result<()> {
        self.documents.put_many(documents.iter().map(|document| (&document.key, &document.record)))?;
        Ok(())
    }

    fn get(&self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        let Some(document) = self.documents.get(key)? else { return Ok(false) };
        see(Found::Document(&document));
        Ok(true)
    }

    fn pinned(&self) -> Result<Option<Box<dyn PinnedReader + '_>>> {
        Ok(None)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.database.close()?)
    }
}

struct KoruVersions {
    store: Koru,
    /// The moment of each version, oldest first.
    moments: Vec<Timestamp>,
}

/// Every version is of this document.
const KEY: &str = "user:00000000";

pub(super) fn open_versions(path: &Path, settings: Settings) -> Result<Box<dyn VersionStore>> {
    Ok(Box::new(KoruVersions { store: connect(path, settings)?, moments: Vec::new() }))
}

impl VersionStore for KoruVersions {
    fn add(&mut self, document: &Document) -> Result<()> {
        self.store.documents.put(KEY, &document.record)?;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        for version in self.store.documents.history(KEY)? {
            self.moments.push(version?.timestamp);
        }
        self.moments.reverse();
        Ok(())
    }

    fn get_as_of(&self, number: usize) -> Result<bool> {
        let moment = *self.moments.get(number).ok_or("no such version")?;
        let document = self.store.database.as_of(moment)?.collection(COLLECTION).get(KEY)?;
        Ok(document.inspect(|document| _ = black_box(document.encoded())).is_some())
    }

    fn history(&self) -> Result<u64> {
        let mut versions = 0;
        for version in self.store.documents.history(KEY)? {
            black_box(version?);
            versions += 1;
        }
        Ok(versions)
    }
}
