//! A client with an executor of its own, on storage that can be made to wait, to fail and to be counted.

extern crate std;

use crate::{
    Host, Map, Result, Value,
    codec::value::{Values, decode, encode},
    local::{LocalDatabase, LocalOptions},
    protocol::{Session, Task},
    storage::{AsyncStorage, FileInfo, FileName, Storage, memory::MemoryStorage},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    string::String,
    sync::Arc,
    task::Wake,
    vec::Vec,
};
use core::{
    cell::{Cell, RefCell},
    task::{Context, Waker},
};

/// Memory whose calls can be made to wait once each, and that counts syncs.
#[derive(Clone)]
pub(crate) struct Medium(Rc<State>);

struct State {
    files: MemoryStorage,
    waits: Cell<bool>,
    syncs: Cell<usize>,
    waiting: Cell<usize>,
    /// Calls at once that were seen: more than one shows that calls of the engine overlap.
    overlap: Cell<usize>,
}

impl Medium {
    pub(crate) fn over(files: MemoryStorage) -> Medium {
        let (waits, syncs, waiting, overlap) = Default::default();
        Medium(Rc::new(State { files, waits, syncs, waiting, overlap }))
    }

    pub(crate) fn syncs(&self) -> usize {
        self.0.syncs.get()
    }

    pub(crate) fn overlap(&self) -> usize {
        self.0.overlap.get()
    }

    pub(crate) fn wait(&self, waits: bool) {
        self.0.waits.set(waits);
    }

    pub(crate) fn files(&self) -> &MemoryStorage {
        &self.0.files
    }

    async fn turn(&self) {
        if self.0.waits.get() {
            self.0.waiting.set(self.0.waiting.get() + 1);
            self.0.overlap.set(self.0.overlap.get().max(self.0.waiting.get()));
            let mut waited = false;
            core::future::poll_fn(|cx| {
                if core::mem::replace(&mut waited, true) {
                    return core::task::Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                core::task::Poll::Pending
            })
            .await;
            self.0.waiting.set(self.0.waiting.get() - 1);
        }
    }
}

impl AsyncStorage for Medium {
    async fn list(&self) -> Result<Vec<FileInfo>> {
        self.turn().await;
        self.0.files.list()
    }
    async fn create(&self, name: FileName) -> Result<()> {
        self.turn().await;
        self.0.files.create(name)
    }
    async fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.turn().await;
        // Short reads are allowed.
        let length = if self.0.waits.get() { buffer.len().div_ceil(2) } else { buffer.len() };
        self.0.files.read_at(name, offset, &mut buffer[..length])
    }
    async fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        self.turn().await;
        self.0.files.write_at(name, offset, data)
    }
    async fn sync(&self, name: FileName) -> Result<()> {
        self.turn().await;
        self.0.syncs.set(self.0.syncs.get() + 1);
        self.0.files.sync(name)
    }
    async fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        self.turn().await;
        self.0.files.truncate(name, bytes)
    }
    async fn remove(&self, name: FileName) -> Result<()> {
        self.turn().await;
        self.0.files.remove(name)
    }
    async fn close(&self) -> Result<()> {
        self.turn().await;
        self.0.files.close()
    }
    fn kind(&self) -> &'static str {
        "test"
    }
    fn location(&self) -> String {
        "test:".into()
    }
    fn wants_preallocation(&self) -> bool {
        false
    }
}

/// A clock that moves by one with each look, and bytes that count up.
pub(crate) struct CountingHost(pub(crate) core::sync::atomic::AtomicU64);

impl CountingHost {
    pub(crate) fn new() -> CountingHost {
        CountingHost(core::sync::atomic::AtomicU64::new(1))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, core::sync::atomic::Ordering::Relaxed)
    }
}

impl Host for CountingHost {
    fn now_ms(&self) -> i64 {
        1_000_000 + self.next() as i64
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.fill_with(|| (self.next() * 37) as u8);
        Ok(())
    }
}

type Queue = std::sync::Mutex<VecDeque<usize>>;

struct Woken {
    queue: Arc<Queue>,
    task: usize,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.queue.lock().unwrap().push_back(self.task);
    }
}

/// Runs tasks in the order in which they are woken.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Option<Task>>,
    queue: Arc<Queue>,
}

impl Executor {
    pub(crate) fn spawn(&mut self, task: Task) {
        self.queue.lock().unwrap().push_back(self.tasks.len());
        self.tasks.push(Some(task));
    }

    /// Polls what is to be polled, at most `polls` times. Returns whether nothing is left to poll.
    pub(crate) fn run(&mut self, polls: usize) -> bool {
        for _ in 0..polls {
            let Some(task) = self.queue.lock().unwrap().pop_front() else { return true };
            let waker: Waker = Arc::new(Woken { queue: self.queue.clone(), task }).into();
            let Some(future) = self.tasks[task].as_mut() else { continue };
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.tasks[task] = None;
            }
        }
        self.queue.lock().unwrap().is_empty()
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.tasks.iter().flatten().count()
    }
}

/// Drives a future to its end.
pub(crate) fn finish<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
    let result = Rc::new(RefCell::new(None));
    let into = result.clone();
    let mut executor = Executor::default();
    executor.spawn(Box::pin(async move {
        let value = future.await;
        *into.borrow_mut() = Some(value);
    }));
    assert!(executor.run(1_000_000));
    result.borrow_mut().take().expect("the future waits for something that does not come")
}

/// What a call returned: its results, or the name of a code.
pub(crate) type Reply = core::result::Result<Vec<Value>, String>;

/// A database, one session, and the executor of its calls.
pub(crate) struct Client {
    pub(crate) medium: Medium,
    pub(crate) database: LocalDatabase<Medium>,
    pub(crate) session: Session<Medium>,
    pub(crate) executor: Executor,
    replies: BTreeMap<u32, Reply>,
    /// Results that were sent ahead.
    pub(crate) ahead: BTreeMap<u32, Vec<Vec<Value>>>,
    pub(crate) calls: u32,
}

impl Client {
    pub(crate) fn new() -> Client {
        Client::open(MemoryStorage::new(), LocalOptions::default())
    }

    pub(crate) fn open(files: MemoryStorage, options: LocalOptions) -> Client {
        let medium = Medium::over(files);
        let host = Arc::new(CountingHost::new());
        let database = finish(LocalDatabase::open(medium.clone(), host, options)).unwrap();
        Client::of(medium, database)
    }

    pub(crate) fn of(medium: Medium, database: LocalDatabase<Medium>) -> Client {
        let session = Session::new(&database);
        let (executor, replies, ahead) = Default::default();
        Client { medium, database, session, executor, replies, ahead, calls: 0 }
    }

    /// Another client of the same database.
    pub(crate) fn another(&self) -> Client {
        Client::of(self.medium.clone(), self.database.clone())
    }

    /// Submits one batch of calls and returns their numbers.
    pub(crate) fn submit(&mut self, calls: &[(u8, Vec<Value>)]) -> Vec<u32> {
        let (batch, numbers) = self.batch(calls);
        for task in self.session.submit(&batch).unwrap() {
            self.executor.spawn(task);
        }
        numbers
    }

    /// The same for calls that are driven at once. Also returns how often there were replies.
    pub(crate) fn drive(&mut self, calls: &[(u8, Vec<Value>)]) -> (Vec<u32>, usize) {
        let (batch, numbers) = self.batch(calls);
        let (mut replies, mut times) = (Vec::new(), 0);
        let tell = |batch: &[u8]| {
            replies.extend_from_slice(batch);
            times += 1;
        };
        for task in self.session.drive(&batch, tell).unwrap() {
            self.executor.spawn(task);
        }
        assert!(self.session.take_replies().is_empty());
        self.take(&replies);
        (numbers, times)
    }

    fn batch(&mut self, calls: &[(u8, Vec<Value>)]) -> (Vec<u8>, Vec<u32>) {
        let (mut batch, mut numbers) = (Vec::new(), Vec::new());
        for (operation, arguments) in calls {
            self.calls += 1;
            batch.extend_from_slice(&message(self.calls, *operation, arguments));
            numbers.push(self.calls);
        }
        (batch, numbers)
    }

    /// Submits the parts of one call and returns its number.
    pub(crate) fn parts(&mut self, parts: &[(u8, Vec<Value>)]) -> u32 {
        self.calls += 1;
        for (operation, arguments) in parts {
            for task in self.session.submit(&message(self.calls, *operation, arguments)).unwrap() {
                self.executor.spawn(task);
            }
        }
        self.run();
        self.calls
    }

    /// Runs everything as far as it goes.
    pub(crate) fn run(&mut self) {
        assert!(self.executor.run(10_000_000), "calls go round in a circle");
        self.collect();
    }

    pub(crate) fn collect(&mut self) {
        self.take(&self.session.take_replies());
    }

    fn take(&mut self, replies: &[u8]) {
        let mut rest = replies;
        while let Some((length, after)) = rest.split_first_chunk() {
            let (reply, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            rest = after;
            let call = u32::from_le_bytes(reply[..4].try_into().unwrap());
            let mut values = Values::new(&reply[5..]);
            let mut results = Vec::new();
            while let Some(walked) = values.next().unwrap() {
                results.push(decode(walked.bytes).unwrap());
            }
            let reply = match reply[4] {
                2 => {
                    self.ahead.entry(call).or_default().push(results);
                    continue;
                }
                0 => Ok(results),
                1 => Err(String::from(results[0].as_str().unwrap())),
                status => panic!("status {status}"),
            };
            assert!(self.replies.insert(call, reply).is_none(), "call {call} was answered twice");
        }
    }

    pub(crate) fn reply(&mut self, call: u32) -> Option<Reply> {
        self.replies.remove(&call)
    }

    /// One call, driven to its end.
    pub(crate) fn call(&mut self, operation: u8, arguments: Vec<Value>) -> Reply {
        let call = self.submit(&[(operation, arguments)])[0];
        self.run();
        self.reply(call).expect("the call waits for something")
    }

    /// The results of a call that succeeds.
    pub(crate) fn ok(&mut self, operation: u8, arguments: Vec<Value>) -> Vec<Value> {
        self.call(operation, arguments).unwrap_or_else(|code| panic!("operation {operation} failed: {code}"))
    }

    /// The code of a call that fails.
    pub(crate) fn code(&mut self, operation: u8, arguments: Vec<Value>) -> String {
        self.call(operation, arguments).expect_err("it succeeded")
    }
}

pub(crate) fn message(call: u32, operation: u8, arguments: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    arguments.iter().for_each(|value| encode(value, &mut body).unwrap());
    let mut message = ((body.len() + 5) as u32).to_le_bytes().to_vec();
    message.extend_from_slice(&call.to_le_bytes());
    message.push(operation);
    message.extend_from_slice(&body);
    message
}

pub(crate) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(Map::from(entries))
}

pub(crate) const NULL: Value = Value::Null;

/// Values of anything that converts into one.
macro_rules! v {
    ($($value:expr),* $(,)?) => {{
        let values: alloc::vec::Vec<crate::Value> = alloc::vec![$(crate::Value::from($value)),*];
        values
    }};
}
pub(crate) use v;
