//! fjall: `PersistMode::SyncData` after each put or batch where it must be durable; where not, each put is handed to the
//! operating system, which is fjall's default.
//!
//! A durable put is an insert and then a persist, not a batch with durability: so the puts of several threads share a
//! sync, as the second persist finds nothing left to write.

use super::{Durability, Found, PinnedReader, Settings, Store};
use crate::{Result, documents::Document};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use std::path::Path;

struct Fjall {
    database: Database,
    documents: Keyspace,
    durability: Durability,
}

pub(super) fn open(path: &Path, settings: Settings) -> Result<Box<dyn Store>> {
    let database = Database::builder(path.join("documents"))
        .cache_size(settings.cache_bytes)
        .manual_journal_persist(settings.durability == Durability::Strict)
        .open()?;
    let documents = database.keyspace("documents", KeyspaceCreateOptions::default)?;
    Ok(Box::new(Fjall { database, documents, durability: settings.durability }))
}

impl Fjall {
    fn persist(&self) -> Result<()> {
        if self.durability == Durability::Strict {
            self.database.persist(PersistMode::SyncData)?;
        }
        Ok(())
    }
}

impl Store for Fjall {
    fn put(&self, document: &Document) -> Result<()> {
        self.documents.insert(document.key.as_str(), document.json.as_slice())?;
        self.persist()
    }

    fn put_many(&self, documents: &[Document]) -> Result<()> {
        let mut batch = self.database.batch();
        for document in documents {
            batch.insert(&self.documents, document.key.as_str(), document.json.as_slice());
        }
        batch.commit()?;
        self.persist()
    }

    fn get(&self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        let Some(value) = self.documents.get(key)? else { return Ok(false) };
        see(Found::Text(&value));
        Ok(true)
    }

    fn pinned(&self) -> Result<Option<Box<dyn PinnedReader + '_>>> {
        Ok(Some(Box::new(Pinned { snapshot: self.database.snapshot(), documents: &self.documents })))
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.database.persist(PersistMode::SyncAll)?;
        Ok(())
    }
}

struct Pinned<'a> {
    snapshot: Snapshot,
    documents: &'a Keyspace,
}

impl PinnedReader for Pinned<'_> {
    fn get(&mut self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        let Some(value) = self.snapshot.get(self.documents, key)? else { return Ok(false) };
        see(Found::Text(&value));
        Ok(true)
    }
}
