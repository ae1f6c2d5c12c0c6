//! The log: hash-chained frames in segments, which are write-ahead log, data and history at once, and the root that says
//! where they are.

pub(crate) mod frame;
mod manifest;
pub(crate) mod packed;
pub(crate) mod reader;
pub(crate) mod recovery;
pub(crate) mod root;
pub(crate) mod segment;
pub(crate) mod unpacking;
pub(crate) mod writer;

use crate::id::CommitId;

/// The running hash over all commits in the order of this log.
pub(crate) type Chain = [u8; 32];

/// The chain before the first commit.
pub(crate) const CHAIN_START: Chain = [0; 32];

/// The chain after one more commit.
pub(crate) fn extend(chain: &Chain, id: &CommitId) -> Chain {
    let mut both = [0; 64];
    both[..32].copy_from_slice(chain);
    both[32..].copy_from_slice(&id.0);
    *blake3::hash(&both).as_bytes()
}

/// A place between two frames, and what the log says up to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct Position {
    pub(crate) segment: u32,
    /// Byte in the segment at which the next frame begins.
    pub(crate) offset: u64,
    /// Sequence of the last frame before here, 0 if there is none.
    pub(crate) sequence: u64,
    pub(crate) chain: Chain,
}

/// Where bytes of a frame are: in which segment, from which byte, how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
}
