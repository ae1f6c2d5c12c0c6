//! Iterators: scans, histories, differences and the log. Each reads as it goes and holds on to the moment it began at.

use super::{Database, ready};
use crate::{
    Result,
    engine::{
        self, LogScan,
        model::{Commit, DocumentChange, Row, Version},
    },
};

macro_rules! iterator {
    ($(#[$doc:meta])+ $name:ident, $scan:ty, $item:ty) => {
        $(#[$doc])+
        pub struct $name {
            pub(crate) database: Database,
            pub(crate) scan: $scan,
        }

        impl Iterator for $name {
            type Item = Result<$item>;

            fn next(&mut self) -> Option<Self::Item> {
                ready(self.scan.next(&self.database.0.engine)).transpose()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

iterator! {
    /// The documents of a range, in key order.
    Scan, engine::Scan, Row
}
iterator! {
    /// The versions of one document, newest first.
    History, engine::VersionScan, Version
}
iterator! {
    /// The documents that differ between two moments, by collection and key.
    Changes, engine::DiffScan, DocumentChange
}
iterator! {
    /// The commits, newest first.
    Log, LogScan, Commit
}

/// The keys of the documents of a range, in order. Values are not read.
#[derive(Debug)]
pub struct Keys(Scan);

impl Scan {
    /// Only the keys of what is left, without reading values.
    pub fn keys(self) -> Keys {
        Keys(self)
    }
}

impl Iterator for Keys {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = ready(self.0.scan.next_version(&self.0.database.0.engine)).transpose()?;
        Some(found.map(|(key, _)| key))
    }
}

impl Log {
    pub(crate) fn new(database: &Database) -> Result<Log> {
        Ok(Log { database: database.clone(), scan: ready(database.0.engine.log())? })
    }
}
