//! The call protocol: batches of calls in, batches of replies out, for programs that do not share memory with the
//! engine. The page is `docs/reference/protocol.md`.
//!
//! No input or output happens here. [`Session::submit`] takes the bytes of a batch and gives back tasks, which whoever
//! has an executor runs, all at once and each to its end; [`Session::replies`] gives the bytes of what is answered. Any
//! bytes may come: nothing here panics or takes memory without a bound because of them.
//!
//! ```
//! use koru_delta::{host::SystemHost, local::{LocalDatabase, LocalOptions}, protocol::Session};
//! use koru_delta::storage::{Storage, memory::MemoryStorage};
//! use std::{pin::pin, sync::Arc, task::{Context, Poll, Waker}};
//!
//! # fn main() -> koru_delta::Result<()> {
//! // Memory never has to be waited for, so polling is all that an executor has to do here.
//! let mut context = Context::from_waker(Waker::noop());
//! let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
//! let mut opening = pin!(LocalDatabase::open(storage, Arc::new(SystemHost), LocalOptions::default()));
//! let Poll::Ready(database) = opening.as_mut().poll(&mut context) else { panic!("memory is ready") };
//! let session = Session::new(&database?);
//!
//! // Call 7, operation 22: the names of the collections now (null).
//! let tasks = session.submit(&[6, 0, 0, 0, 7, 0, 0, 0, 22, 0xf0])?;
//! for mut task in tasks {
//!     assert!(task.as_mut().poll(&mut context).is_ready());
//! }
//! // Call 7 is done (0), and its result is an array of no elements.
//! assert_eq!(session.take_replies(), [6, 0, 0, 0, 7, 0, 0, 0, 0, 0xd0]);
//! # Ok(()) }
//! ```

mod arguments;
mod handles;
mod pages;
mod read;
mod results;
mod vectors;
mod write;

use crate::{
    Error, ErrorCode, Result,
    limits::{BATCH_BYTES_MAX, CALLS_MAX},
    local::{LocalDatabase, Signal},
    storage::AsyncStorage,
};
use alloc::{boxed::Box, format, rc::Rc, vec::Vec};
use arguments::Arguments;
use core::{
    cell::{Cell, RefCell},
    pin::Pin,
    task::{Context, Waker},
};
use handles::Handles;
use results::Results;

/// A call that is under way. It is to be polled to its end, as soon as that can be: others wait for it. With the feature
/// `driven`, one that is dropped before is leaked.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// One client's side of an open database: its calls, cursors and snapshots.
///
/// It ends with [`Session::end`]. Calls that are under way then go on, without a reply.
pub struct Session<S>(Rc<Inner<S>>);

struct Inner<S> {
    database: LocalDatabase<S>,
    handles: Handles,
    replies: RefCell<Vec<u8>>,
    /// There are replies, or the session has ended.
    ready: Signal,
    ended: Cell<bool>,
    /// Replies are being taken by [`Session::drive`]: nobody has to be woken for them.
    driving: Cell<bool>,
    calls: Cell<usize>,
    /// Bytes of the arguments of all calls under way.
    arguments: Cell<usize>,
    /// Calls that wait for events, and whether they are to be given up.
    waiting: RefCell<Vec<(u32, bool)>>,
}

impl<S: AsyncStorage> core::fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session").field("database", &self.0.database).field("calls", &self.0.calls).finish()
    }
}

mod operation {
    pub(super) const GET: u8 = 1;
    pub(super) const GET_MANY: u8 = 2;
    pub(super) const PUT: u8 = 3;
    pub(super) const DELETE: u8 = 4;
    pub(super) const PUT_MANY: u8 = 5;
    pub(super) const COMMIT: u8 = 6;
    pub(super) const SCAN: u8 = 7;
    pub(super) const HISTORY: u8 = 8;
    pub(super) const LOG: u8 = 9;
    pub(super) const CHANGES: u8 = 10;
    pub(super) const WATCH: u8 = 11;
    pub(super) const NEXT: u8 = 12;
    pub(super) const RELEASE: u8 = 13;
    pub(super) const SNAPSHOT: u8 = 14;
    pub(super) const DIFF: u8 = 15;
    pub(super) const TAG: u8 = 16;
    pub(super) const UNTAG: u8 = 17;
    pub(super) const TAGS: u8 = 18;
    pub(super) const RESTORE: u8 = 19;
    pub(super) const LINEAGE: u8 = 20;
    pub(super) const FIND_COMMIT: u8 = 21;
    pub(super) const COLLECTIONS: u8 = 22;
    pub(super) const HEADS: u8 = 23;
    pub(super) const VERSION: u8 = 24;
    pub(super) const VERIFY: u8 = 25;
    pub(super) const INFO: u8 = 26;
    pub(super) const STATS: u8 = 27;
    pub(super) const SYNC: u8 = 28;
    pub(super) const CHECKPOINT: u8 = 29;
    pub(super) const EXPORT: u8 = 30;
    pub(super) const EXPORT_READ: u8 = 31;
    pub(super) const CANCEL: u8 = 32;
    pub(super) const SEARCH: u8 = 33;
    pub(super) const VECTORS: u8 = 34;
    pub(super) const CONFIGURE_VECTORS: u8 = 35;
    pub(super) const VECTOR_CONFIG: u8 = 36;
    pub(super) const VECTOR_INFO: u8 = 37;
    pub(super) const COMPACT: u8 = 38;
    pub(super) const IMPORT: u8 = 39;
}

/// One message of a batch.
#[derive(Clone, Copy)]
struct Message<'a> {
    call: u32,
    operation: u8,
    arguments: &'a [u8],
}

/// Takes a message off the front of a batch.
fn message<'a>(batch: &mut &'a [u8]) -> Option<Message<'a>> {
    let (length, rest) = batch.split_first_chunk()?;
    let (message, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let (call, message) = message.split_first_chunk()?;
    let (&operation, arguments) = message.split_first()?;
    *batch = rest;
    Some(Message { call: u32::from_le_bytes(*call), operation, arguments })
}

#[driven]
impl<S: AsyncStorage + 'static> Session<S> {
    /// A session of a database.
    pub fn new(database: &LocalDatabase<S>) -> Session<S> {
        Session(Rc::new(Inner {
            database: database.clone(),
            handles: Handles::default(),
            replies: RefCell::default(),
            ready: Signal::default(),
            ended: Cell::new(false),
            driving: Cell::new(false),
            calls: Cell::new(0),
            arguments: Cell::new(0),
            waiting: RefCell::default(),
        }))
    }

    /// Takes the calls of a batch. Some are answered at once; the others are the tasks.
    ///
    /// # Errors
    /// `UNTRUSTED` for a batch that cannot be read: nothing of it is done, and the session ends. `CLOSED` after that.
    pub fn submit(&self, batch: &[u8]) -> Result<Vec<Task>> {
        if self.0.ended.get() {
            return Err(Error::new(ErrorCode::Closed, "the session has ended"));
        }
        let (mut rest, mut calls) = (batch, 0);
        while !rest.is_empty() && batch.len() <= BATCH_BYTES_MAX && message(&mut rest).is_some() {
            calls += 1;
        }
        if !rest.is_empty() {
            self.end();
            return Err(Error::new(
                ErrorCode::Untrusted,
                format!(
                    "a batch of {} bytes cannot be read: at most {BATCH_BYTES_MAX}, all of them whole messages",
                    batch.len()
                ),
            ));
        }
        let mut tasks = Vec::with_capacity(calls.min(CALLS_MAX));
        let mut rest = batch;
        while let Some(message) = message(&mut rest) {
            tasks.extend(self.0.begin(message));
        }
        Ok(tasks)
    }

    /// Takes the calls of a batch and does what does not have to wait: first each call as far as it comes, and then the
    /// writes among them, which by then have all joined the group that is made durable at once. `tell` is given replies;
    /// those of what waits, the tasks that are returned, come by [`replies`](Session::replies).
    ///
    /// # Errors
    /// As [`submit`](Session::submit).
    pub fn drive(&self, batch: &[u8], mut tell: impl FnMut(&[u8])) -> Result<Vec<Task>> {
        self.0.driving.set(true);
        let mut tasks = self.submit(batch);
        if let Ok(tasks) = &mut tasks {
            for _ in 0..2 {
                // Whoever waits is polled again when it has been given somebody to wake.
                tasks.retain_mut(|task| task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                let replies = self.take_replies();
                if !replies.is_empty() {
                    tell(&replies);
                }
            }
        }
        self.0.driving.set(false);
        tasks
    }

    /// The replies that are there, one behind the other; empty if there are none.
    pub fn take_replies(&self) -> Vec<u8> {
        core::mem::take(&mut *self.0.replies.borrow_mut())
    }

    /// Waits for replies. `None` when the session has ended.
    pub async fn replies(&self) -> Option<Vec<u8>> {
        let inner = &self.0;
        inner.ready.wait(|| inner.ended.get() || !inner.replies.borrow().is_empty()).await;
        (!inner.ended.get()).then(|| self.take_replies())
    }

    /// Ends the session: its cursors, watches and snapshots are released.
    pub fn end(&self) {
        let inner = &self.0;
        inner.ended.set(true);
        inner.handles.clear();
        inner.replies.borrow_mut().clear();
        inner.ready.raise();
        // Those that wait for events see that there is no one to tell.
        inner.database.0.published.raise();
    }
}

#[driven]
impl<S: AsyncStorage + 'static> Inner<S> {
    /// Answers a call, or makes it a task.
    fn begin(self: &Rc<Self>, message: Message<'_>) -> Option<Task> {
        let Message { call, operation, arguments } = message;
        if let Err(e) = self.admit(arguments.len()) {
            self.answer(call, |_| Err(e));
            return None;
        }
        let given = Arguments::new(arguments);
        let bytes = arguments.len();
        let this = self.clone();
        // What is frequent has a small future of its own.
        match operation {
            operation::GET => match self.begin_get(given) {
                Ok(read::Get::Cached(found)) => {
                    self.answer(call, |out| read::write_found(out, found));
                    None
                }
                Ok(read::Get::Lookup(lookup)) => Some(self.task(call, bytes, async move { this.get(lookup).await })),
                Err(e) => self.refuse(call, e),
            },
            operation::PUT => match write::put(given) {
                Ok(write) => Some(self.task(call, bytes, async move { this.put(write).await })),
                Err(e) => self.refuse(call, e),
            },
            operation::CANCEL => {
                let cancelled = self.cancel(given);
                self.answer(call, |_| cancelled);
                None
            }
            _ => {
                let arguments = arguments.to_vec();
                Some(self.task(call, bytes, async move { this.run(call, operation, &arguments).await }))
            }
        }
    }

    fn refuse(&self, call: u32, e: Error) -> Option<Task> {
        self.answer(call, |_| Err(e));
        None
    }

    /// Fails if the session has as much under way as it may.
    fn admit(&self, bytes: usize) -> Result<()> {
        let waiting = self.replies.borrow().len();
        if self.calls.get() >= CALLS_MAX {
            return Err(Error::limit(format!(
                "{CALLS_MAX} calls are under way, the most of one session: wait for some"
            )));
        }
        if self.arguments.get().saturating_add(bytes) > BATCH_BYTES_MAX || waiting > BATCH_BYTES_MAX {
            return Err(Error::limit(format!(
                "calls with {} bytes are under way, and {waiting} bytes of replies wait: at most {BATCH_BYTES_MAX} of each",
                self.arguments.get()
            )));
        }
        Ok(())
    }

    fn task(self: &Rc<Self>, call: u32, bytes: usize, work: impl Future<Output = Result<Results>> + 'static) -> Task {
        self.calls.set(self.calls.get() + 1);
        self.arguments.set(self.arguments.get() + bytes);
        let this = self.clone();
        let whole = async move {
            let result = work.await;
            this.calls.set(this.calls.get() - 1);
            this.arguments.set(this.arguments.get() - bytes);
            this.answer(call, |out| {
                out.extend_from_slice(&result?);
                Ok(())
            });
        };
        Box::pin(whole.driven())
    }

    fn answer(&self, call: u32, write: impl FnOnce(&mut Results) -> Result<()>) {
        if !self.ended.get() {
            results::reply(&mut self.replies.borrow_mut(), call, results::status::DONE, write);
            self.wake();
        }
    }

    fn wake(&self) {
        if !self.driving.get() {
            self.ready.raise();
        }
    }

    /// Sends the results that a call has so far ahead, and lets them be taken.
    ///
    /// # Errors
    /// `CLOSED` when there is nobody any more who would take them, `LIMIT_EXCEEDED` when nobody does.
    async fn send_ahead(&self, call: u32, results: &mut Results) -> Result<()> {
        results::within_bound(self.replies.borrow().len())?;
        let part = core::mem::take(results);
        results::reply(&mut self.replies.borrow_mut(), call, results::status::PART, |out| {
            out.extend_from_slice(&part);
            Ok(())
        });
        self.wake();
        crate::local::yield_now().await;
        match self.ended.get() {
            true => Err(Error::new(ErrorCode::Closed, "the session has ended")),
            false => Ok(()),
        }
    }

    async fn run(self: Rc<Self>, call: u32, operation: u8, arguments: &[u8]) -> Result<Results> {
        let given = Arguments::new(arguments);
        match operation {
            operation::GET_MANY => self.get_many(call, given).await,
            operation::DELETE => self.delete(given).await,
            operation::PUT_MANY => self.put_many(given).await,
            operation::COMMIT => self.commit(given).await,
            operation::IMPORT => self.import(given).await,
            operation::SCAN => self.scan(given).await,
            operation::HISTORY => self.history(given).await,
            operation::LOG => self.log(given).await,
            operation::CHANGES => self.changes(given).await,
            operation::WATCH => self.watch(given).await,
            operation::NEXT => self.next(call, given).await,
            operation::RELEASE => self.release(given),
            operation::SNAPSHOT => self.snapshot(given).await,
            operation::DIFF => self.diff(given).await,
            operation::TAG => self.tag(given).await,
            operation::UNTAG => self.untag(given).await,
            operation::TAGS => self.tags(given).await,
            operation::RESTORE => self.restore(given).await,
            operation::LINEAGE => self.lineage(given).await,
            operation::FIND_COMMIT => self.find_commit(given).await,
            operation::COLLECTIONS => self.collections(given).await,
            operation::HEADS => self.heads(given).await,
            operation::VERSION => self.version(given).await,
            operation::VERIFY => self.verify(given).await,
            operation::INFO => self.info(given).await,
            operation::STATS => self.stats(given),
            operation::SYNC => self.sync(given).await,
            operation::CHECKPOINT => self.checkpoint(given).await,
            operation::COMPACT => self.compact(given).await,
            operation::EXPORT => self.export(given).await,
            operation::EXPORT_READ => self.export_read(given).await,
            operation::SEARCH => self.search_vectors(given).await,
            operation::VECTORS => self.vectors(given).await,
            operation::CONFIGURE_VECTORS => self.configure_vectors(given).await,
            operation::VECTOR_CONFIG => self.vector_config(given).await,
            operation::VECTOR_INFO => self.vector_info(given).await,
            other => Err(Error::invalid(format!("there is no operation {other}"))),
        }
    }
}

#[cfg(test)]
mod tests;
