//! SQLite: write-ahead log, `synchronous=FULL` where a put must be durable and `NORMAL` where not, prepared statements.
//!
//! One connection behind a mutex: writers of SQLite wait for one another in any case, and a mutex wakes the next at once
//! where the busy handler of a second connection would sleep.

use super::{Durability, Found, PinnedReader, Settings, Store, VersionStore};
use crate::{Result, documents::Document};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    path::Path,
    sync::{Mutex, MutexGuard},
};

const PUT: &str = "REPLACE INTO documents (key, value) VALUES (?1, ?2)";
const GET: &str = "SELECT value FROM documents WHERE key = ?1";
const PUT_VERSION: &str = "INSERT INTO versions (key, moment, value) VALUES (?1, ?2, ?3)";
const GET_AS_OF: &str = "SELECT value FROM versions WHERE key = ?1 AND moment <= ?2 ORDER BY moment DESC LIMIT 1";
const HISTORY: &str = "SELECT moment, value FROM versions WHERE key = ?1 ORDER BY moment DESC";

struct Sqlite {
    connection: Mutex<Connection>,
}

pub(super) fn open(path: &Path, settings: Settings) -> Result<Box<dyn Store>> {
    let connection = connect(path, settings)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    )?;
    Ok(Box::new(Sqlite { connection: Mutex::new(connection) }))
}

fn connect(path: &Path, settings: Settings) -> Result<Connection> {
    let connection = Connection::open(path.join("documents.db"))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = match settings.durability {
        Durability::Strict => "full",
        Durability::Relaxed => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // A negative size is one in KiB.
    connection.pragma_update(None, "cache_size", -i64::try_from(settings.cache_bytes >> 10)?)?;
    Ok(connection)
}

impl Sqlite {
    fn lock(&self) -> Result<MutexGuard<'_, Connection>> {
        self.connection.lock().map_err(|_| "another thread failed while it held the connection".into())
    }
}

fn read(connection: &Connection, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
    let mut statement = connection.prepare_cached(GET)?;
    let mut rows = statement.query([key])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    see(Found::Text(row.get_ref(0)?.as_blob()?));
    Ok(true)
}

impl Store for Sqlite {
    fn put(&self, document: &Document) -> Result<()> {
        self.lock()?.prepare_cached(PUT)?.execute(params![document.key, document.json])?;
        Ok(())
    }

    fn put_many(&self, documents: &[Document]) -> Result<()> {
        let mut connection = self.lock()?;
        let transaction = connection.transaction()?;
        let mut statement = transaction.prepare_cached(PUT)?;
        for document in documents {
            statement.execute(params![document.key, document.json])?;
        }
        drop(statement);
        Ok(transaction.commit()?)
    }

    fn get(&self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        read(&*self.lock()?, key, see)
    }

    fn pinned(&self) -> Result<Option<Box<dyn PinnedReader + '_>>> {
        let connection = self.lock()?;
        connection.execute_batch("BEGIN")?;
        Ok(Some(Box::new(Pinned { connection })))
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = self.connection.into_inner().map_err(|_| "a thread failed while it held the connection")?;
        connection.close().map_err(|(_, error)| error.into())
    }
}

struct Pinned<'a> {
    connection: MutexGuard<'a, Connection>,
}

impl PinnedReader for Pinned<'_> {
    fn get(&mut self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool> {
        read(&self.connection, key, see)
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        // Nothing was written; a transaction that stays open ends with the connection.
        let _ = self.connection.execute_batch("COMMIT");
    }
}

/// History as an application would keep it in SQLite: a table of versions, clustered by key and moment.
struct SqliteVersions {
    connection: Connection,
    count: i64,
}

/// Every version is of this document.
const KEY: &str = "user:00000000";

pub(super) fn open_versions(path: &Path, settings: Settings) -> Result<Box<dyn VersionStore>> {
    let connection = connect(path, settings)?;
    connection.execute_batch(
        "CREATE TABLE versions (key TEXT, moment INTEGER, value BLOB NOT NULL, PRIMARY KEY (key, moment)) WITHOUT ROWID",
    )?;
    Ok(Box::new(SqliteVersions { connection, count: 0 }))
}

impl VersionStore for SqliteVersions {
    fn add(&mut self, document: &Document) -> Result<()> {
        self.connection.prepare_cached(PUT_VERSION)?.execute(params![KEY, self.count, document.json])?;
        self.count += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    fn get_as_of(&self, number: usize) -> Result<bool> {
        let mut statement = self.connection.prepare_cached(GET_AS_OF)?;
        let seen = statement.query_row(params![KEY, i64::try_from(number)?], |row| {
            std::hint::black_box(row.get_ref(0)?.as_blob()?.first());
            Ok(())
        });
        Ok(seen.optional()?.is_some())
    }

    fn history(&self) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(HISTORY)?;
        let mut rows = statement.query([KEY])?;
        let mut versions = 0;
        while let Some(row) = rows.next()? {
            std::hint::black_box((row.get::<_, i64>(0)?, row.get_ref(1)?.as_blob()?.first()));
            versions += 1;
        }
        Ok(versions)
    }
}
