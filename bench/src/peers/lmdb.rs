//! LMDB through heed: default flags where a put must be durable and `NO_SYNC` where not; no writable map.

use super::{Durability, Found, PinnedReader, Settings, Store};
use crate::{Result, documents::Document};
use heed::{
    CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithTls,
    types::{Bytes, Str},
};
use std::path::Path;

/// Address space, not memory or disk: above anything that is loaded here.
const MAP_BYTES: usize = 64 << 30;

type Documents = Database<'static, Str, Bytes>;

struct Lmdb {
    environment: Env,
    documents: Documents,
}

#[allow(unsafe_code, reason = "heed cannot promise that no other process writes to the mapped file; here none does")]
pub(super) fn open(path: &Path, settings: Settings) -> Result<Box<dyn Store>> {
    let mut options = EnvOpenOptions::new();
    options.map_size(MAP_BYTES);
    if settings.durability == Durability::Relaxed {
        // SAFETY: without sync a loss of power may damage the file; it is a benchmark's, and is thrown away.
        unsafe { options.flags(EnvFlags::NO_SYNC) };
    }
    // SAFETY: the directory belongs to this run, and each of its processes opens it once.
    let environment = unsafe { options.open(path)? };
    let documents = environment
        .open_databases_and_commit(environment.read_txn()?, |opener, transaction| {
            opener.open_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        })?
        .unwrap_commit()
        .ok_or("LMDB has no unnamed database")?;
    Ok(Box::new(Lmdb { environment, documents }))
}

impl Store for Lmdb {
    fn put(&self, document: &Document) -> Result<()> {
        self.put_many(std::slice::from_ref(document))
    }

    fn put_many(&self, documents: &[Document]) -> Result<()> {
        let mut transaction = self.environment.write_txn()?;
        for document in documents {
            self.documents.put(&mut transaction, &document.key, &document.json)?;
        }
        Ok(transaction.commit()?)
    }

    fn get(&self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        let transaction = self.environment.read_txn()?;
        Pinned { transaction, documents: self.documents }.get(key, see)
    }

    fn pinned(&self) -> Result<Option<Box<dyn PinnedReader + '_>>> {
        Ok(Some(Box::new(Pinned { transaction: self.environment.read_txn()?, documents: self.documents })))
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.environment.force_sync()?;
        self.environment.prepare_for_closing().wait();
        Ok(())
    }
}

struct Pinned<'a> {
    transaction: RoTxn<'a, WithTls>,
    documents: Documents,
}

impl PinnedReader for Pinned<'_> {
    fn get(&mut self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        let Some(value) = self.documents.get(&self.transaction, key)? else { return Ok(false) };
        see(Found::Text(value));
        Ok(true)
    }
}
