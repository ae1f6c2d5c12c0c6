//! The versioned index: an ordered map from byte keys to small byte values, in memory over the log's tail and in sorted,
//! immutable files before it. It knows nothing of documents; the engine makes the keys.

pub(crate) mod block;
mod block_cursor;
pub(crate) mod builder;
pub(crate) mod cursor;
pub(crate) mod fences;
pub(crate) mod filter;
mod heads;
pub(crate) mod layout;
pub(crate) mod memtable;
pub(crate) mod merge;
pub(crate) mod merge_job;
pub(crate) mod merge_policy;
pub(crate) mod payload;
pub(crate) mod short;
pub(crate) mod table;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
