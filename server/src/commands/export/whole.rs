//! The database itself, file by file: as an archive, or as a directory that a web server can publish.

use crate::{
    context::Context,
    exit::{Exit, Failure, Result},
    output::size,
};
use indicatif::ProgressBar;
use koru_delta::{Database, Error, ErrorCode, Export};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{BufWriter, IsTerminal, Write},
    path::Path,
};

/// The form of `manifest.json`.
const MANIFEST_FORMAT: u32 = 1;
/// Bytes of a file that are copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Writes an archive to a file, or to standard output.
pub(super) fn archive(context: &mut Context, db: &Database, output: Option<&Path>) -> Result {
    let export = db.export()?;
    let (files, total) = extent(&export);
    let progress = context.progress(total, "{bar:40} {bytes} of {total_bytes}");
    let Some(path) = output else {
        let mut out = std::io::stdout().lock();
        if out.is_terminal() {
            return Err(Failure::usage("an archive is not for a terminal: name a file with --output, or pipe it"));
        }
        export.write_archive(&mut out, |n| progress.set_position(n)).map_err(Failure::from_pipe)?;
        progress.finish_and_clear();
        return Ok(Exit::Ok);
    };
    let file = BufWriter::with_capacity(COPY_BYTES, super::create(path)?);
    let written = export.write_archive(file, |n| progress.set_position(n));
    let synced = written.and_then(|()| {
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|e| Error::new(ErrorCode::Io, format!("{}: {e}", path.display())))
    });
    if let Err(e) = synced {
        // Half an archive is of no use to anyone.
        let _ = fs::remove_file(path);
        return Err(e.into());
    }
    told(context, &progress, files, total, path)
}

/// Makes a directory with the files of the database and a manifest that names them.
pub(super) fn publish(context: &mut Context, db: &Database, folder: &Path) -> Result {
    let refused = |e| Failure::io(folder.display(), e);
    fs::create_dir_all(folder).map_err(refused)?;
    if fs::read_dir(folder).map_err(refused)?.next().is_some() {
        let message = format!("{} is not empty: name a new directory", folder.display());
        return Err(Error::new(ErrorCode::AlreadyExists, message).into());
    }
    let export = db.export()?;
    let (files, total) = extent(&export);
    let progress = context.progress(total, "{bar:40} {bytes} of {total_bytes}");
    let mut names = Vec::new();
    for info in export.files() {
        let path = folder.join(info.name.to_string());
        let mut file = File::create_new(&path).map_err(|e| Failure::io(path.display(), e))?;
        let mut offset = 0;
        while offset < info.bytes {
            let part = export.read_at(info.name, offset, COPY_BYTES)?;
            file.write_all(&part).map_err(|e| Failure::io(path.display(), e))?;
            offset += part.len() as u64;
            progress.inc(part.len() as u64);
        }
        names.push(json!({"name": info.name.to_string(), "bytes": info.bytes}));
    }
    // Last: a reader that finds it finds everything that it names.
    let manifest = json!({"format": MANIFEST_FORMAT, "files": names});
    fs::write(folder.join("manifest.json"), format!("{manifest:#}\n")).map_err(refused)?;
    told(context, &progress, files, total, folder)
}

fn extent(export: &Export) -> (usize, u64) {
    let files = export.files();
    (files.len(), files.iter().map(|info| info.bytes).sum())
}

fn told(context: &mut Context, progress: &ProgressBar, files: usize, total: u64, at: &Path) -> Result {
    progress.finish_and_clear();
    if context.json() {
        context.out.json(&json!({"files": files, "bytes": total, "output": at.display().to_string()}))?;
    } else {
        context.note(format_args!("the database, {} in {files} files, is in {}", size(total), at.display()));
    }
    Ok(Exit::Ok)
}
