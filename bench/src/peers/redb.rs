//! redb: `Durability::Immediate` where a put must be durable and `Durability::None` where not.

use super::{Found, PinnedReader, Settings, Store};
use crate::{Result, documents::Document};
use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};
use std::path::Path;

const DOCUMENTS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("documents");

struct Redb {
    database: Database,
    durability: redb::Durability,
}

pub(super) fn open(path: &Path, settings: Settings) -> Result<Box<dyn Store>> {
    let database = Database::builder()
        .set_cache_size(usize::try_from(settings.cache_bytes)?)
        .create(path.join("documents.redb"))?;
    let durability = match settings.durability {
        super::Durability::Strict => redb::Durability::Immediate,
        super::Durability::Relaxed => redb::Durability::None,
    };
    Ok(Box::new(Redb { database, durability }))
}

impl Store for Redb {
    fn put(&self, document: &Document) -> Result<()> {
        self.put_many(std::slice::from_ref(document))
    }

    fn put_many(&self, documents: &[Document]) -> Result<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        let mut table = transaction.open_table(DOCUMENTS)?;
        for document in documents {
            table.insert(document.key.as_str(), document.json.as_slice())?;
        }
        drop(table);
        Ok(transaction.commit()?)
    }

    fn get(&self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        let table = self.database.begin_read()?.open_table(DOCUMENTS)?;
        Pinned { table }.get(key, see)
    }

    fn pinned(&self) -> Result<Option<Box<dyn PinnedReader + '_>>> {
        let table = self.database.begin_read()?.open_table(DOCUMENTS)?;
        Ok(Some(Box::new(Pinned { table })))
    }

    fn close(self: Box<Self>) -> Result<()> {
        // Commits without durability become durable with the next one that has it.
        self.database.begin_write()?.commit()?;
        Ok(())
    }
}

struct Pinned {
    table: ReadOnlyTable<&'static str, &'static [u8]>,
}

impl PinnedReader for Pinned {
    fn get(&mut self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        let Some(value) = self.table.get(key)? else { return Ok(false) };
        see(Found::Text(value.value()));
        Ok(true)
    }
}
