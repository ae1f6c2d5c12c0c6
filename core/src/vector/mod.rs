//! Vectors: metrics, exact scores, quantised codes and the structures that are searched. Pure: no storage, clock or
//! entropy.
//!
//! Invariant: the same rows and the same query give the same scores, bit for bit, and the same order on every platform.

pub(crate) mod code;
pub(crate) mod flat;
pub(crate) mod hnsw;
pub(crate) mod kernel;
pub(crate) mod mask;
pub(crate) mod metric;
pub(crate) mod score;
