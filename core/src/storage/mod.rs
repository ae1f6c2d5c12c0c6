//! Storage: the eight calls through which the engine reaches a medium, and the implementations.
//!
//! The engine is written against [`AsyncStorage`]; everything that implements the plain [`Storage`] is one whose calls
//! are always ready. What the engine assumes of a medium:
//!
//! - `sync(f)` makes all earlier writes and truncations of `f` durable, whole and in any order among themselves; until then
//!   any subset of them, torn at any sector, may survive a crash. Writes never damage bytes outside of their range's sectors.
//! - `create` and `remove` are durable when they return.
//! - After a failed `sync` nothing is known of the unsynced writes; the engine stops writing.

use crate::error::{Error, Result};
pub use crate::sync::Shared;
use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::{fmt, future::Future};

#[cfg(feature = "std")]
pub mod file;
pub mod memory;

/// A file of a database. Its text form is the name on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileName {
    /// The two root slots.
    Root,
    /// The list of live files, written anew at each checkpoint.
    Manifest(u32),
    /// A segment of the log.
    Segment(u32),
    /// A segment of the log that was compressed, in its place.
    Packed(u32),
    /// A sorted table of the index.
    Table(u32),
    /// A snapshot of the indexes of vectors.
    Vectors(u32),
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileName::Root => f.write_str("root"),
            FileName::Manifest(n) => write!(f, "{n:08}.manifest"),
            FileName::Segment(n) => write!(f, "{n:08}.log"),
            FileName::Packed(n) => write!(f, "{n:08}.packed"),
            FileName::Table(n) => write!(f, "{n:08}.index"),
            FileName::Vectors(n) => write!(f, "{n:08}.vectors"),
        }
    }
}

impl FileName {
    /// The file a name on disk stands for, or `None` for a name that is not one of ours.
    pub fn parse(name: &str) -> Option<FileName> {
        if name == "root" {
            return Some(FileName::Root);
        }
        let (number, kind) = name.split_once('.')?;
        let number = number.parse().ok()?;
        let file = match kind {
            "manifest" => FileName::Manifest(number),
            "log" => FileName::Segment(number),
            "packed" => FileName::Packed(number),
            "index" => FileName::Table(number),
            "vectors" => FileName::Vectors(number),
            _ => return None,
        };
        (format!("{file}") == name).then_some(file)
    }
}

/// A file and its length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The file.
    pub name: FileName,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A medium whose calls return when they are done.
///
/// Every call may be made from any thread. A file that does not exist is `NOT_FOUND`; a full medium is `STORAGE_FULL`;
/// a write or truncation that would make a file end past 2^63 - 1 bytes is `INVALID_ARGUMENT`; anything else that the
/// medium refuses is `IO`.
pub trait Storage: Shared {
    /// The files of the database, in any order.
    fn list(&self) -> Result<Vec<FileInfo>>;
    /// Makes an empty file, durably. `ALREADY_EXISTS` if there is one.
    fn create(&self, name: FileName) -> Result<()>;
    /// Reads from `offset` into `buffer` and returns how many bytes were read: fewer than asked for near the end of the
    /// file or when the medium prefers, 0 at or past the end.
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize>;
    /// Writes all of `data` at `offset`. A gap between the old end and `offset` reads as zeros. Empty `data` changes nothing.
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()>;
    /// Makes everything written to and truncated of the file durable.
    fn sync(&self, name: FileName) -> Result<()>;
    /// Cuts the file to `bytes`, or fills it up with zeros.
    fn truncate(&self, name: FileName, bytes: u64) -> Result<()>;
    /// Removes the file, durably. Reads of it that are under way may still succeed.
    fn remove(&self, name: FileName) -> Result<()>;
    /// Releases handles and locks. Later calls fail with `CLOSED`. Closing twice is fine.
    fn close(&self) -> Result<()>;

    /// How the medium is called in `info`: `file`, `memory`, ...
    fn kind(&self) -> &'static str;
    /// Where it is, for people: a path or URL.
    fn location(&self) -> String;
    /// Whether zeros written ahead of the log make a small sync cheaper, as on a file system that allocates blocks.
    fn wants_preallocation(&self) -> bool {
        false
    }
    /// Whether a call costs so much more than what it reads that blocks of the log are read and kept instead of single
    /// values, as across the border of a module of WebAssembly.
    fn wants_block_reads(&self) -> bool {
        false
    }
}

/// The same calls for a medium that has to be waited for. See [`Storage`] for what each promises.
#[allow(missing_docs, reason = "each call is documented at its twin in `Storage`")]
pub trait AsyncStorage {
    fn list(&self) -> impl Future<Output = Result<Vec<FileInfo>>>;
    fn create(&self, name: FileName) -> impl Future<Output = Result<()>>;
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> impl Future<Output = Result<usize>>;
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> impl Future<Output = Result<()>>;
    fn sync(&self, name: FileName) -> impl Future<Output = Result<()>>;
    fn truncate(&self, name: FileName, bytes: u64) -> impl Future<Output = Result<()>>;
    fn remove(&self, name: FileName) -> impl Future<Output = Result<()>>;
    fn close(&self) -> impl Future<Output = Result<()>>;
    fn kind(&self) -> &'static str;
    fn location(&self) -> String;
    fn wants_preallocation(&self) -> bool;
    fn wants_block_reads(&self) -> bool {
        false
    }
}

impl AsyncStorage for Arc<dyn Storage> {
    async fn list(&self) -> Result<Vec<FileInfo>> {
        (**self).list()
    }
    async fn create(&self, name: FileName) -> Result<()> {
        (**self).create(name)
    }
    async fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        (**self).read_at(name, offset, buffer)
    }
    async fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        (**self).write_at(name, offset, data)
    }
    async fn sync(&self, name: FileName) -> Result<()> {
        (**self).sync(name)
    }
    async fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        (**self).truncate(name, bytes)
    }
    async fn remove(&self, name: FileName) -> Result<()> {
        (**self).remove(name)
    }
    async fn close(&self) -> Result<()> {
        (**self).close()
    }
    fn kind(&self) -> &'static str {
        (**self).kind()
    }
    fn location(&self) -> String {
        (**self).location()
    }
    fn wants_preallocation(&self) -> bool {
        (**self).wants_preallocation()
    }
    fn wants_block_reads(&self) -> bool {
        (**self).wants_block_reads()
    }
}

/// The last offset that every medium can name: file systems count in signed 64 bits.
const OFFSET_MAX: u64 = i64::MAX as u64;

/// Where a write ends, or `INVALID_ARGUMENT` when no medium reaches so far.
fn end_of_write(name: FileName, offset: u64, data: &[u8]) -> Result<u64> {
    check_length(name, offset.saturating_add(data.len() as u64))
}

/// `bytes`, or `INVALID_ARGUMENT` when no file can be so long.
fn check_length(name: FileName, bytes: u64) -> Result<u64> {
    if bytes > OFFSET_MAX {
        return Err(Error::invalid(format!("{name} cannot hold {bytes} bytes: a file ends at {OFFSET_MAX}")));
    }
    Ok(bytes)
}

/// Reads until `buffer` is full or the file ends, and returns how many bytes there were.
#[driven]
pub(crate) async fn read_full<S: AsyncStorage>(
    storage: &S,
    name: FileName,
    offset: u64,
    buffer: &mut [u8],
) -> Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match storage.read_at(name, offset + done as u64, rest).await? {
            0 => break,
            n => done += n.min(rest.len()),
        }
    }
    Ok(done)
}
