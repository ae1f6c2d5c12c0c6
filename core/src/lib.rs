//! koru-delta: an embedded causal database. Every write is a version that knows what it replaced.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod bug;
pub mod clock;
mod codec;
mod engine;
pub mod error;
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
pub use error::{Error, ErrorCode, Result};
pub use host::Host;
pub use id::{ActorId, CommitId, DatabaseId, VersionId};
pub use value::{Map, Text, Value, from_value};
