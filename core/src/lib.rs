//! koru-delta: an embedded causal database. Every write is a version that knows what it replaced.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod bug;
pub mod clock;
mod codec;
#[cfg(feature = "std")]
mod database;
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
mod log;
pub mod storage;
mod sync;
pub mod value;

pub use clock::Timestamp;
pub use codec::to_value;
#[cfg(feature = "std")]
pub use database::{
    Changes, Collection, Database, History, Import, ImportChange, Log, Maintenance, Options, Scan, Snapshot,
    SnapshotCollection, Transaction, Watch, WatchOptions, WriteOptions,
};
pub use engine::{
    Direction, Event, Info, KeyRange, Lineage, LineageEdge, Order, Stats, Tag, VerifyReport,
    model::{
        Commit, CommitChange, CommitInfo, Document, DocumentChange, DocumentVersion, Durability, Expected, Moment, Row,
        Version,
    },
};
pub use error::{Error, ErrorCode, Result};
pub use history::diff;
pub use host::Host;
pub use id::{ActorId, CommitId, DatabaseId, VersionId};
pub use value::{Map, Value, from_value};
