//! What the process writes that is killed, as a function of the run, the thread and the number of the write.
//!
//! Writer and parent both compute it, so the parent knows what every acknowledged write was, and what the one write of
//! each thread could have been that the kill came in on.

use crate::random::Random;
use koru_delta::Options;

/// Threads that write at once.
pub const THREADS: u64 = 3;

/// Documents that one `put_many` writes.
pub const MANY: u64 = 12;

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Puts a document of the thread's own.
    Put(String),
    /// Deletes a document of the thread's own, if it is there.
    Delete(String),
    /// Puts [`MANY`] documents of the thread's own by one commit.
    Many(Vec<String>),
    /// Adds one to the same key of two collections in one transaction. All threads share these.
    Pair(String),
    /// No write: the index is made to hold everything.
    Checkpoint,
    /// No write: the log is compressed.
    Compact,
}

/// The collection of [`Write::Put`] and [`Write::Delete`].
pub const SINGLE: &str = "single";
/// The collection of [`Write::Many`].
pub const BULK: &str = "bulk";
/// The collections of [`Write::Pair`].
pub const PAIR: [&str; 2] = ["left", "right"];

/// How the database is opened: with small segments, so that kills come in on all of their life.
pub fn options() -> Options {
    Options::new().limits_for_tests(256 << 10, 64 << 10)
}

/// The `number`-th write of a thread in a run.
pub fn choose(run: u64, thread: u64, number: u64) -> Write {
    // However few writes a slow disk leaves time for, kills come in on compactions.
    if run % 4 == 3 && (thread, number) == (0, 1) {
        return Write::Compact;
    }
    let mut random = Random::new(run << 40 ^ thread << 32 ^ number);
    match random.below(200) {
        0..=2 => Write::Checkpoint,
        3 => Write::Compact,
        4..=20 => Write::Delete(format!("{thread}/{:02}", random.below(30))),
        21..=40 => Write::Many((0..MANY).map(|n| format!("{thread}/{n:02}")).collect()),
        41..=100 => Write::Pair(format!("{:02}", random.below(8))),
        _ => Write::Put(format!("{thread}/{:02}", random.below(30))),
    }
}

/// How a commit and its values name their write.
pub fn name(run: u64, thread: u64, number: u64) -> String {
    format!("{run}.{thread}.{number}")
}

/// The thread and number of a write of this run; `None` for another text.
pub fn parse(text: &str, run: u64) -> Option<(u64, u64)> {
    let mut parts = text.split('.').map(|part| part.parse::<u64>().ok());
    let found = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && found.0 == run).then_some((found.1, found.2))
}
