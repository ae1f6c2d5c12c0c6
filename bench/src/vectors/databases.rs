//! The databases that are compared: the same documents with their vectors, each searched in another way.

use super::set::Set;
use crate::Result;
use koru_delta::{
    Batch, Codes, Collection, CommitInfo, Database, Durability, IndexKind, Maintenance, Moment, Options, VectorConfig,
    Vectors,
};
use std::path::{Path, PathBuf};

/// Rows from which a graph is chosen if nothing is said, so that what is measured is that choice.
const AUTO_GRAPH_ROWS: usize = 250_000;
/// Documents in a commit.
const COMMIT_ROWS: usize = 1000;
/// Enough for the million as they are.
const VECTOR_BYTES: usize = 4 << 30;

/// How the vectors of a database are searched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Graph,
    Codes,
    /// The numbers as they are.
    Full,
    /// Every document twice: the second version has the vector of another one.
    History,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Graph, Kind::Codes, Kind::Full, Kind::History];

    /// What one gets without any choice.
    pub(crate) fn default_of(rows: usize) -> Kind {
        if rows < AUTO_GRAPH_ROWS { Kind::Codes } else { Kind::Graph }
    }

    pub(crate) fn path(self, folder: &Path) -> PathBuf {
        folder.join(match self {
            Kind::Graph => "graph.koru",
            Kind::Codes => "codes.koru",
            Kind::Full => "full.koru",
            Kind::History => "history.koru",
        })
    }

    fn config(self, rows: usize, dimension: usize) -> VectorConfig {
        let automatic = VectorConfig::new(dimension);
        match self {
            _ if self == Kind::default_of(rows) => automatic,
            Kind::History => automatic,
            Kind::Graph => automatic.index(IndexKind::Hnsw),
            Kind::Codes => automatic.index(IndexKind::Flat),
            Kind::Full => automatic.index(IndexKind::Flat).codes(Codes::F32),
        }
    }
}

pub(crate) fn options() -> Options {
    Options::new().durability(Durability::Relaxed).maintenance(Maintenance::Manual).vector_bytes(VECTOR_BYTES)
}

pub(crate) fn open(path: &Path) -> Result<Database> {
    Ok(options().open(path)?)
}

pub(crate) fn rows(database: &Database) -> Collection {
    database.collection("rows")
}

pub(crate) fn key(row: usize) -> String {
    format!("{row:07}")
}

/// A new database with the set. Its index is made and kept.
pub(crate) fn fill(kind: Kind, set: &Set, folder: &Path) -> Result<()> {
    let (base, documents) = (set.base()?, set.documents()?);
    let count = documents.len();
    let database = open(&kind.path(folder))?;
    let collection = rows(&database);
    collection.configure_vectors("default", kind.config(count, base.width))?;
    let every: Vec<&[f32]> = base.rows().collect();
    for version in 0..if kind == Kind::History { 2 } else { 1 } {
        for first in (0..count).step_by(COMMIT_ROWS) {
            let mut batch: Batch = collection.batch()?;
            for row in first..count.min(first + COMMIT_ROWS) {
                let vector = every[if version == 0 { row } else { count - 1 - row }];
                batch.put_with(&key(row), &documents[row], &Vectors::from(vector))?;
            }
            batch.commit(CommitInfo::default())?;
            database.maintain(1)?;
        }
        if version == 0 {
            database.tag("first version", Moment::Now)?;
        }
    }
    while database.maintain(1000)? {}
    database.checkpoint()?;
    Ok(database.close()?)
}
