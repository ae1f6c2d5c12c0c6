//! Watching: the change feed, with waiting.

use super::{Database, ready};
use crate::{
    ErrorCode, Result,
    engine::{Event, Feed, FeedFilter},
};
use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering, fence},
    },
    time::{Duration, Instant},
};

/// Wakes those who wait for commits.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    published: Condvar,
}

impl Watchers {
    /// Something was published, or the database was closed.
    pub(crate) fn notify(&self) {
        // Whoever begins to wait either sees what was published before this, or is counted after it.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.published.notify_all();
        }
    }

    /// Waits until `done` says so or the time is over.
    fn wait(&self, deadline: Option<Instant>, mut done: impl FnMut() -> bool) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !done() {
            lock = match deadline.map(|d| d.saturating_duration_since(Instant::now())) {
                None => self.published.wait(lock).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(rest) => self.published.wait_timeout(lock, rest).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        drop(lock);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What is watched, and from where on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// Only commits that change documents of this collection.
    pub collection: Option<String>,
    /// Only documents whose key starts with this.
    pub prefix: String,
    /// Go on behind this token of an earlier watch; 0 is the beginning of all. `None` begins now.
    pub token: Option<u64>,
}

/// A feed of commits, whole and in the order of the log. As an iterator it waits for the next one for ever, and ends when
/// the database is closed.
pub struct Watch {
    database: Database,
    feed: Feed,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("token", &self.feed.token()).finish_non_exhaustive()
    }
}

impl Watch {
    pub(crate) fn new(database: &Database, options: WatchOptions) -> Result<Watch> {
        let filter = FeedFilter { collection: options.collection, prefix: options.prefix };
        let feed = ready(database.0.engine.feed(options.token, filter))?;
        Ok(Watch { database: database.clone(), feed })
    }

    /// Where a later watch goes on behind everything that this one handed out.
    pub fn token(&self) -> u64 {
        self.feed.token()
    }

    /// The next commit if there is one already.
    ///
    /// # Errors
    /// `CLOSED`, `CORRUPT`, `IO`.
    pub fn try_next(&mut self) -> Result<Option<Event>> {
        ready(self.feed.next(&self.database.0.engine))
    }

    /// The next commit, waiting for it up to `timeout`, or for ever for `None`.
    ///
    /// # Errors
    /// `CLOSED` when the database is or gets closed, `CORRUPT`, `IO`.
    pub fn next_within(&mut self, timeout: Option<Duration>) -> Result<Option<Event>> {
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        loop {
            if let Some(event) = self.try_next()? {
                return Ok(Some(event));
            }
            if deadline.is_some_and(|d| Instant::now() >= d) {
                return Ok(None);
            }
            let inner = &self.database.0;
            let seen = self.feed.token();
            inner.watchers.wait(deadline, || inner.engine.published() > seen || inner.engine.check_open().is_err());
        }
    }
}

impl Iterator for Watch {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_within(None) {
            Err(e) if e.is(ErrorCode::Closed) => None,
            other => other.transpose(),
        }
    }
}
