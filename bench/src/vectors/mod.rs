//! Vectors: one phase of koru's side of `bench/vectors/bench.py`, in a process of its own. It prints rows, each a line of
//! JSON, the same that `bench/vectors/measure.py` prints for the peers.

mod databases;
mod efs;
mod npy;
mod phases;
mod set;

use crate::Result;
use clap::{Args, ValueEnum};
use databases::Kind;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long, value_enum)]
    phase: Phase,
    /// The folder of the prepared set.
    #[arg(long)]
    set: PathBuf,
    /// The folder of the databases.
    #[arg(long)]
    path: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Phase {
    /// How long it takes to read all rows from memory.
    Floor,
    Build,
    /// Only looks for the efs that the searches will have.
    Seek,
    // Of one database each, so that memory means one.
    SearchGraph,
    SearchCodes,
    SearchFull,
    SearchHistory,
    Open,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let set = set::Set::open(&options.set)?;
    let out = Out { set: set.name() };
    match options.phase {
        Phase::Floor => phases::floor(&set, &out),
        Phase::Build => phases::build(&set, &options.path, &out),
        Phase::Seek => phases::seek(&set, &options.path),
        Phase::SearchGraph => phases::search(Kind::Graph, &set, &options.path, &out),
        Phase::SearchCodes => phases::search(Kind::Codes, &set, &options.path, &out),
        Phase::SearchFull => phases::search(Kind::Full, &set, &options.path, &out),
        Phase::SearchHistory => phases::history(&set, &options.path, &out),
        Phase::Open => phases::open(&set, &options.path, &out),
    }
}

struct Out {
    set: String,
}

impl Out {
    fn row(&self, row: &str, value: f64, unit: &str) {
        self.row_with(row, value, unit, Map::new());
    }

    fn row_with(&self, row: &str, value: f64, unit: &str, more: Map<String, Value>) {
        let mut line = json!({"store": "koru", "set": self.set, "row": row, "value": value, "unit": unit});
        if let Some(line) = line.as_object_mut() {
            line.extend(more);
        }
        println!("{line}");
    }
}
