//! A transaction: changes that become one commit, or nothing.

use super::{Database, collection::change, ready};
use crate::{
    Error, ErrorCode, Result, VersionId,
    engine::{
        Draft, DraftChange, Encoded, KeyRange, Order,
        model::{CommitInfo, Document, DocumentVersion, Expected},
    },
};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// A transaction under way. It holds the turn to write until it is committed, rolled back or dropped.
pub struct Transaction {
    database: Database,
    changes: BTreeMap<(Arc<str>, String), DraftChange>,
    info: CommitInfo,
    epoch: u64,
    open: bool,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("changes", &self.changes.len()).field("open", &self.open).finish()
    }
}

impl Transaction {
    pub(crate) fn begin(database: &Database) -> Result<Transaction> {
        database.0.engine.check_writable()?;
        database.0.relieve()?;
        database.0.gate.take()?;
        let epoch = database.0.engine.epoch();
        let (changes, info) = Default::default();
        let transaction = Transaction { database: database.clone(), changes, info, epoch, open: true };
        // It may have been closed while this thread waited for its turn.
        transaction.database.0.engine.check_writable()?;
        Ok(transaction)
    }

    fn check(&self) -> Result<()> {
        if self.open {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Closed, "the transaction has ended"))
    }

    fn set(&mut self, change: DraftChange) -> Result<()> {
        self.check()?;
        let place = (change.collection.clone(), change.key().to_owned());
        crate::engine::check_count(self.changes.len() + 1)?;
        // A condition of an earlier change of the same document is about what was there before the transaction.
        let expected = self.changes.get(&place).map(|earlier| earlier.expected);
        let expected = match (expected, change.expected) {
            (Some(earlier), Expected::Any) => earlier,
            (Some(_), _) => {
                let (collection, key) = place;
                return Err(Error::invalid(format!(
                    "{collection}/{key} was changed by this transaction already: an expected version is about what was there before"
                )));
            }
            (None, expected) => expected,
        };
        self.changes.insert(place, DraftChange { expected, ..change });
        Ok(())
    }

    /// Writes a document.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` for a key or value that cannot be stored, `CLOSED` if it has ended.
    pub fn put<T: Serialize + ?Sized>(&mut self, collection: &str, key: &str, value: &T) -> Result<()> {
        self.put_with(collection, key, value, Expected::Any, None)
    }

    /// Writes a document that must be as expected when the transaction commits, and that no longer shows from `expires_at`
    /// (milliseconds since 1970) on.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn put_with<T: Serialize + ?Sized>(
        &mut self,
        collection: &str,
        key: &str,
        value: &T,
        expected: Expected,
        expires_at: Option<i64>,
    ) -> Result<()> {
        self.set(change(&collection.into(), key, || Encoded::new(value).map(Some), expected, expires_at)?)
    }

    /// As [`Transaction::put_with`], of a value that was encoded before.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn put_encoded(
        &mut self,
        collection: &str,
        key: &str,
        value: Encoded,
        expected: Expected,
        expires_at: Option<i64>,
    ) -> Result<()> {
        self.set(change(&collection.into(), key, || Ok(Some(value)), expected, expires_at)?)
    }

    /// Deletes a document. One that is not there stays so.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn delete(&mut self, collection: &str, key: &str) -> Result<()> {
        self.delete_with(collection, key, Expected::Any)
    }

    /// Deletes a document that must be as expected when the transaction commits.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn delete_with(&mut self, collection: &str, key: &str, expected: Expected) -> Result<()> {
        self.set(change(&collection.into(), key, || Ok(None), expected, None)?)
    }

    /// The document as this transaction sees it: its own changes, and otherwise what was there when it began.
    ///
    /// A document that it changed itself has no version yet and is returned with that of the commit to come: counter 0.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `CORRUPT`, `IO`, `CLOSED`.
    pub fn get(&self, collection: &str, key: &str) -> Result<Option<Document>> {
        self.check()?;
        let engine = &self.database.0.engine;
        if let Some(change) = self.changes.get(&(collection.into(), key.to_owned())) {
            return Ok(engine.pending_document(change));
        }
        ready(engine.get_in(&engine.writer_view(), collection, key))
    }

    /// The keys of the live documents of a range as this transaction sees them, in order, at most `limit` of them.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `CORRUPT`, `IO`, `CLOSED`.
    pub fn keys(&self, collection: &str, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<String>> {
        self.check()?;
        let engine = &self.database.0.engine;
        let own = |key: &str| self.changes.get(&(collection.into(), key.to_owned()));
        let now_ms = engine.now_ms();
        let mut added: Vec<&str> = (self.changes.values())
            .filter(|c| *c.collection == *collection && c.value.is_some() && c.expires_at.is_none_or(|at| at > now_ms))
            .map(|c| c.key())
            .filter(|key| range.contains(key))
            .collect();
        // The next one to merge in stands last.
        match order {
            Order::Ascending => added.reverse(),
            Order::Descending => {}
        }
        let comes_first = |a: &str, b: &str| if order == Order::Ascending { a < b } else { a > b };
        let mut keys = Vec::new();
        let mut scan = engine.scan(engine.writer_view(), collection, range, order)?;
        while let Some(row) = ready(scan.next(engine))? {
            while let Some(key) = added.pop_if(|key| comes_first(key, &row.key)) {
                keys.push(key.to_owned());
            }
            if own(&row.key).is_none() {
                keys.push(row.key);
            }
            if keys.len() >= limit {
                keys.truncate(limit);
                return Ok(keys);
            }
        }
        keys.extend(added.iter().rev().map(|key| (*key).to_owned()));
        keys.truncate(limit);
        Ok(keys)
    }

    /// Who makes the change, in words.
    pub fn author(&mut self, author: impl Into<String>) -> &mut Self {
        self.info.author = Some(author.into());
        self
    }

    /// Why, in words.
    pub fn message(&mut self, message: impl Into<String>) -> &mut Self {
        self.info.message = Some(message.into());
        self
    }

    /// Adds a version that the change is derived from.
    pub fn because(&mut self, cause: DocumentVersion) -> &mut Self {
        self.info.causes.push(cause);
        self
    }

    /// Makes the changes one commit and waits until it is durable. Returns it, or `None` if nothing was changed.
    ///
    /// # Errors
    /// `CONFLICT` if a document is not what was expected, `NOT_FOUND` for an unknown cause, `LIMIT_EXCEEDED`,
    /// `STORAGE_FULL`, `POISONED`, `IO`; `ABORTED` if what it had read could not be written.
    pub fn commit(mut self) -> Result<Option<VersionId>> {
        self.check()?;
        if self.database.0.engine.epoch() != self.epoch {
            self.end();
            return Err(Error::new(
                ErrorCode::Aborted,
                "what the transaction had read could not be written; try again",
            ));
        }
        let changes = std::mem::take(&mut self.changes).into_values().collect();
        let draft = Draft { info: std::mem::take(&mut self.info), changes, ..Draft::default() };
        let appended = self.database.0.append(draft);
        self.end();
        self.database.0.settle(appended?)
    }

    /// Gives the changes up.
    pub fn rollback(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if self.open {
            self.open = false;
            self.database.0.gate.give();
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.end();
    }
}
