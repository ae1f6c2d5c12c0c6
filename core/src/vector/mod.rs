//! Vectors: metrics, exact scores, quantised codes and the structures that are searched. Pure: no storage, clock or
//! entropy.
//!
//! Invariant: the same rows and the same query give the same scores, bit for bit, and the same order on every platform.

pub(crate) mod code;
mod config;
pub(crate) mod entry;
pub(crate) mod flat;
pub(crate) mod hnsw;
pub(crate) mod index;
mod kernel;
pub(crate) mod mask;
mod metric;
pub(crate) mod paged;
pub(crate) mod rows;
pub(crate) mod score;
pub(crate) mod vectors;

pub use config::{Codes, IndexKind, VectorConfig};
pub(crate) use kernel::memory;
pub use metric::Metric;
pub use vectors::{DEFAULT_VECTOR, Vectors};
