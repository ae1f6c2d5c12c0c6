//! The stores that are compared, behind one small interface, each used in the fastest way that keeps the promise of the row.
//!
//! Peers are handed ready JSON text and hand out bytes; koru is handed a record and hands out a decoded document. So the
//! encoding of a put is in koru's time and not in the peers', and the rows "get and decode" make the reads comparable.

use crate::{Result, documents::Document};
use clap::ValueEnum;
use std::path::Path;

mod fjall;
mod koru;
mod lmdb;
mod redb;
mod sqlite;

/// A store that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Peer {
    Koru,
    Sqlite,
    Redb,
    Fjall,
    Lmdb,
}

/// What an acknowledged put has survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// A loss of power: the medium has confirmed it.
    Strict,
    /// The end of the process at most.
    Relaxed,
}

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) durability: Durability,
    /// Budget of the store's own cache. LMDB has none: it reads through the page cache of the system.
    pub(crate) cache_bytes: u64,
}

/// What a read hands to its caller.
pub(crate) enum Found<'a> {
    /// The JSON text.
    Text(&'a [u8]),
    /// A document whose encoding is at hand, and which decodes itself when it is asked to.
    Document(&'a koru_delta::Document),
}

/// A store of documents by key.
pub(crate) trait Store: Send + Sync {
    /// Replaces one document, in a transaction of its own.
    fn put(&self, document: &Document) -> Result<()>;
    /// Replaces many documents in one transaction.
    fn put_many(&self, documents: &[Document]) -> Result<()>;
    /// Shows the newest document of `key` to `see`, and returns whether there is one. Each call reads a state of its own.
    fn get(&self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool>;
    /// A reader that stays on one state, where that is cheaper than a state a call; `None` where it is not.
    fn pinned(&self) -> Result<Option<Box<dyn PinnedReader + '_>>>;
    /// Makes everything durable and closes.
    fn close(self: Box<Self>) -> Result<()>;
}

/// Reads of one state.
pub(crate) trait PinnedReader {
    /// As [`Store::get`].
    fn get(&mut self, key: &str, see: &mut dyn FnMut(Found<'_>)) -> Result<bool>;
}

/// A store of the versions of one document.
pub(crate) trait VersionStore {
    /// Adds a version, newer than all before, without waiting for the medium.
    fn add(&mut self, document: &Document) -> Result<()>;
    /// Is told that no further version comes.
    fn finish(&mut self) -> Result<()>;
    /// Reads the document as of the moment at which its `number`-th version was the newest.
    fn get_as_of(&self, number: usize) -> Result<bool>;
    /// Reads every version with its document, newest first, and returns their number.
    fn history(&self) -> Result<u64>;
}

impl Peer {
    /// Every store of this build.
    pub(crate) fn all() -> Vec<Peer> {
        Peer::value_variants().to_vec()
    }

    /// The name in the table and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Koru => "koru",
            Peer::Sqlite => "sqlite",
            Peer::Redb => "redb",
            Peer::Fjall => "fjall",
            Peer::Lmdb => "lmdb",
        }
    }

    /// Whether this is the store that the others are peers of.
    pub(crate) fn is_koru(self) -> bool {
        self == Peer::Koru
    }

    /// What to call this store and its version.
    pub(crate) fn description(self) -> String {
        match self {
            Peer::Koru => format!("koru-delta {}", crate::machine::locked_version("koru-delta")),
            Peer::Sqlite => {
                format!("SQLite {} (rusqlite {})", rusqlite::version(), crate::machine::locked_version("rusqlite"))
            }
            Peer::Redb => format!("redb {}", crate::machine::locked_version("redb")),
            Peer::Fjall => format!("fjall {}", crate::machine::locked_version("fjall")),
            Peer::Lmdb => {
                let lmdb = heed::lmdb_version();
                let heed = crate::machine::locked_version("heed");
                format!("LMDB {}.{}.{} (heed {heed})", lmdb.major, lmdb.minor, lmdb.patch)
            }
        }
    }

    /// Opens the store in the directory `path`, or makes it.
    pub(crate) fn open(self, path: &Path, settings: Settings) -> Result<Box<dyn Store>> {
        std::fs::create_dir_all(path)?;
        match self {
            Peer::Koru => koru::open(path, settings),
            Peer::Sqlite => sqlite::open(path, settings),
            Peer::Redb => redb::open(path, settings),
            Peer::Fjall => fjall::open(path, settings),
            Peer::Lmdb => lmdb::open(path, settings),
        }
    }

    /// Opens a store of versions, where there is a natural way to keep them; `None` for a peer that would only repeat
    /// what SQLite shows.
    pub(crate) fn open_versions(self, path: &Path, settings: Settings) -> Result<Option<Box<dyn VersionStore>>> {
        std::fs::create_dir_all(path)?;
        match self {
            Peer::Koru => koru::open_versions(path, settings).map(Some),
            Peer::Sqlite => sqlite::open_versions(path, settings).map(Some),
            Peer::Redb | Peer::Fjall | Peer::Lmdb => Ok(None),
        }
    }
}
