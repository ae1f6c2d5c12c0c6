//! `koru export`: writes documents as JSON Lines, which `koru import jsonl` reads again, or the database itself.

mod whole;

use crate::{
    args::AsOf,
    context::Context,
    document::DocumentJson,
    exit::{Exit, Failure, Result},
    moment,
    output::count,
};
use clap::Args;
use koru_delta::{KeyRange, Order, Snapshot};
use serde_json::json;
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// Write documents as JSON Lines, or the whole database as an archive
///
/// A line is {"collection", "key", "version", "timestamp", "value"}, and "vectors" where there are any; bytes are
/// {"$bytes": "..."}. `koru import jsonl` makes the same documents of it. An archive holds the whole history: `koru import archive` makes the same database of it,
/// as do browsers and Node.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Only this collection
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
    /// Write to this file, which must not exist
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the whole database with its history, as a tar archive
    #[arg(long, conflicts_with_all = ["collection", "as_of"])]
    archive: bool,
    /// Make a directory of the database that any web server can publish for reading, with a manifest.json
    #[arg(long = "static", value_name = "DIR", conflicts_with_all = ["collection", "as_of", "output", "archive"])]
    published: Option<PathBuf>,
}

impl Export {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        let db = context.read()?;
        if let Some(folder) = &self.published {
            return whole::publish(context, &db, folder);
        }
        if self.archive {
            return whole::archive(context, &db, self.output.as_deref());
        }
        let moment = moment::resolve_or_now(&db, self.as_of.as_of.as_deref())?;
        let snapshot = db.as_of(moment)?;
        let collections = match &self.collection {
            Some(name) => vec![name.clone()],
            None => snapshot.collections()?,
        };
        let Some(path) = &self.output else {
            each(context, &snapshot, &collections, |context, line| context.out.bytes(line))?;
            return Ok(Exit::Ok);
        };
        let refused = |e| Failure::io(path.display(), e);
        let mut file = BufWriter::new(create(path)?);
        let documents = each(context, &snapshot, &collections, |_, line| file.write_all(line).map_err(refused))?;
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(refused)?;
        if context.json() {
            context.out.json(&json!({"documents": documents, "output": path.display().to_string()}))?;
        } else {
            context.note(format_args!("{} in {}", count(documents, "document"), path.display()));
        }
        Ok(Exit::Ok)
    }
}

fn create(path: &Path) -> Result<File> {
    File::create_new(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let message = format!("{} exists already, and is not overwritten", path.display());
            koru_delta::Error::new(koru_delta::ErrorCode::AlreadyExists, message).into()
        }
        _ => Failure::io(path.display(), e),
    })
}

/// Hands out the line of each document, and counts them.
fn each(
    context: &mut Context,
    snapshot: &Snapshot,
    collections: &[String],
    mut write: impl FnMut(&mut Context, &[u8]) -> Result<()>,
) -> Result<u64> {
    let progress = context.progress(0, "{spinner} {human_pos} documents");
    let (mut documents, mut line) = (0, Vec::new());
    for name in collections {
        let collection = snapshot.collection(name);
        for row in collection.scan(KeyRange::default(), Order::Ascending)? {
            let row = row?;
            line.clear();
            let vectors = collection.vectors(&row.key)?.unwrap_or_default();
            serde_json::to_writer(&mut line, &DocumentJson::new(name, &row.key, &row.document)?.with_vectors(&vectors))
                .map_err(|e| Failure::usage(format!("{name}/{}: the value cannot be written as JSON: {e}", row.key)))?;
            line.push(b'\n');
            write(context, &line)?;
            documents += 1;
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(documents)
}
