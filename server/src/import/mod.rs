//! `koru import`: documents and history from elsewhere, or a whole database.

mod archive;
mod csv;
mod git;
mod jsonl;
mod rows;

use crate::{
    args::Safety,
    context::Context,
    exit::{Failure, Result},
};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Read JSON Lines, CSV, a git repository with its whole history, or an archive
///
/// `koru import PATH` takes a directory for a git repository, and tells files by their ending: .jsonl, .ndjson, .csv, .tar. The
/// commands below have more options. The database is made if there is none.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Import {
    #[command(subcommand)]
    source: Option<Source>,
    /// A git repository, a .jsonl, .csv or .tar file
    #[arg(required = true)]
    path: Option<PathBuf>,
    /// The collection to write to; for a file its name without the ending if it is missing, for git `files`
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
    /// The field or column that is the key
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    #[command(flatten)]
    safety: Safety,
}

#[derive(Subcommand, Debug)]
enum Source {
    Jsonl(jsonl::Jsonl),
    Csv(csv::Csv),
    Git(git::Git),
    Archive(archive::Archive),
}

impl Import {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let source = match (self.source, self.path) {
            (Some(source), _) => source,
            (None, Some(path)) => detect(path, self.collection, self.key, self.safety)?,
            (None, None) => return Err(Failure::usage("import what? Name a git repository, a .jsonl or a .csv file")),
        };
        match source {
            Source::Jsonl(jsonl) => jsonl.run(context),
            Source::Csv(csv) => csv.run(context),
            Source::Git(git) => git.run(context),
            Source::Archive(archive) => archive.run(context),
        }
    }
}

fn detect(path: PathBuf, collection: Option<String>, key: Option<String>, safety: Safety) -> Result<Source> {
    if path.is_dir() {
        if key.is_some() {
            return Err(Failure::usage("--key is for files; the keys of a git repository are its paths"));
        }
        return Ok(Source::Git(git::Git::new(path, collection)));
    }
    let rows = rows::RowArgs { file: path, collection, dry_run: false, safety };
    let ending = rows.file.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match (&*ending, key) {
        ("jsonl" | "ndjson", key) => {
            Ok(Source::Jsonl(jsonl::Jsonl { rows, key, vectors: jsonl::VectorArgs::default() }))
        }
        ("tar", None) if rows.collection.is_none() => Ok(Source::Archive(archive::Archive { file: rows.file })),
        ("tar", _) => Err(Failure::usage("an archive is a whole database: --collection and --key are for documents")),
        ("csv", Some(key)) => Ok(Source::Csv(csv::Csv { rows, key, types: false })),
        ("csv", None) => Err(Failure::usage("which column of the CSV file is the key? Name it with --key COLUMN")),
        _ if !rows.file.exists() => Err(Failure::not_found(format!("there is no {}", rows.file.display()))),
        _ => Err(Failure::usage(format!(
            "what is in {}? Say it: `koru import jsonl`, `koru import csv`, `koru import git` or `koru import archive`",
            rows.file.display()
        ))),
    }
}

/// The name of a file without its ending: the collection if none is named.
fn stem(path: &Path) -> Option<String> {
    path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "-").map(Into::into)
}
