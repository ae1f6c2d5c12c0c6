//! koru-delta: an embedded causal database. Every write is kept as a version that knows what it replaced, so that any past
//! state can be read, compared and brought back.
//!
//! ```
//! use koru_delta::{Database, KeyRange, Moment, Order};
//! use serde_json::json;
//!
//! # fn main() -> koru_delta::Result<()> {
//! let db = Database::memory()?; // in a directory: Database::open("people.koru")?
//! let people = db.collection("people");
//!
//! // Write. Each write is a new version on top of the one before; a transaction is one commit of several.
//! let first = people.put("ada", &json!({"born": 1815}))?;
//! db.transaction(|tx| {
//!     tx.author("me").message("what is known so far");
//!     tx.put("people", "ada", &json!({"born": 1815, "wrote": "Note G"}))?;
//!     tx.put("people", "charles", &json!({"born": 1791}))
//! })?;
//!
//! // Read what is there now, and what was there at a version, a commit, a tag or a time.
//! let now = people.get("ada")?.expect("it was just written");
//! assert_eq!(now.value()?.pointer("/wrote").and_then(|v| v.as_str()), Some("Note G"));
//! let then = db.as_of(first)?;
//! assert!(then.collection("people").get("charles")?.is_none());
//!
//! // The history of a document, newest first, and what changed.
//! let versions = people.history("ada")?.collect::<koru_delta::Result<Vec<_>>>()?;
//! assert_eq!(versions.len(), 2);
//! let changes = people.diff("ada", first, now.version())?;
//! assert_eq!(changes[0].path.to_string(), "/wrote");
//!
//! // Bring the past back, as a new version: nothing is rewritten.
//! people.restore("ada", Moment::Version(first))?;
//! assert_eq!(people.history("ada")?.count(), 3);
//! assert_eq!(people.scan(KeyRange::prefix("a"), Order::Ascending)?.count(), 1);
//! # Ok(()) }
//! ```
//!
//! | to | see |
//! |---|---|
//! | open, with what durability, who does maintenance | [`Database`], [`Options`], [`Durability`], [`Maintenance`] |
//! | write one document, many, or several together | [`Collection`], [`WriteOptions`], [`Transaction`], [`Expected`] |
//! | name the container of all collections | [`Workspace`] |
//! | read now, in a range, as of a moment | [`Collection::get`], [`Collection::scan`], [`Moment`], [`Snapshot`] |
//! | ask for history, differences and origins | [`Collection::history`], [`Database::diff`], [`diff`], [`Database::lineage`] |
//! | follow what is written | [`Database::watch`], [`Watch`], [`Event`] |
//! | bring history from elsewhere, with its own times | [`Import`] |
//! | say which documents are meant, by their fields | [`Filter`] |
//! | know that all is well | [`Database::verify`], [`Database::info`], [`Database::stats`] |
//!
//! **Values** are null, booleans, 64-bit integers and floats, which are kept apart, text, bytes, arrays and maps: [`Value`], or anything
//! that serialises. **Keys** are text and ordered by their UTF-8 bytes. A stored null and an absent document are different
//! things, and an absent document is not an error.
//!
//! **Errors** have a code to branch on: [`Error::code`], [`ErrorCode`]. Every bound is in [`limits`].
//!
//! **Threads**: a [`Database`] and everything that comes from it can be used from any thread and cloned at will. Readers do not
//! wait for writers, and writers that wait for the disk share one write and one sync.
//!
//! **Features**: `std`, on by default, adds files, threads and the blocking [`Database`]. Without it the crate is `no_std` with
//! `alloc`. `seeded-bugs` breaks promises on purpose, for the tests of this project alone.
//!
//! What survives what, the file format and the architecture are described in the folder `docs` of the repository.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(feature = "std"), allow(clippy::arc_with_non_send_sync, reason = "there is one thread"))]

extern crate alloc;
#[macro_use]
extern crate koru_driven;
// Tests print and time.
#[cfg(all(test, not(feature = "std")))]
#[macro_use]
extern crate std;

pub mod bug;
pub mod clock;
mod codec;
#[cfg(feature = "std")]
mod database;
mod driven;
#[cfg_attr(not(feature = "std"), allow(dead_code, unused_imports, reason = "the blocking interface uses all of it"))]
mod engine;
pub mod error;
#[cfg(all(feature = "seeded-bugs", feature = "std"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod history;
pub mod host;
pub mod id;
mod index;
pub mod limits;
pub mod local;
mod log;
mod name;
pub mod protocol;
#[allow(dead_code, reason = "search uses all of it")]
mod query;
mod sort;
mod sorted;
pub mod storage;
mod sync;
pub mod value;
#[allow(dead_code, unused_imports, reason = "the engine does not use it yet")]
mod vector;

pub use clock::Timestamp;
pub use codec::to_value;
#[cfg(feature = "std")]
pub use database::{
    Batch, Changes, Collection, Database, Export, History, Import, ImportChange, Keys, Log, Maintenance, Options, Scan,
    Snapshot, SnapshotCollection, Transaction, Watch, WatchOptions, Workspace, WriteOptions,
};
pub use engine::{
    Direction, Encoded, Event, Explain, Hit, Hits, Info, KeyRange, Lineage, LineageEdge, Order, Plan, Search, Stats,
    Tag, VectorInfo, VerifyReport,
    model::{
        Commit, CommitChange, CommitInfo, Document, DocumentChange, DocumentVersion, Durability, Expected, Moment, Row,
        Version,
    },
};
pub use error::{Error, ErrorCode, Result};
pub use history::diff;
pub use host::Host;
pub use id::{ActorId, CommitId, DatabaseId, VersionId};
pub use query::Filter;
pub use value::{Map, Value, from_value};
pub use vector::{Codes, DEFAULT_VECTOR, IndexKind, Metric, VectorConfig, Vectors};

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// Runs the example of the page about filters.
#[cfg(doctest)]
#[doc = include_str!("../../docs/reference/filters.md")]
struct Filters;

/// Runs the examples of the page about searches.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/search-by-vector.md")]
struct Searches;
