//! Rows of a file, written in batches.
//!
//! A batch is one commit. What comes before a row that cannot be read or written is written, and the row is named.

use crate::{
    args::Safety,
    context::Context,
    exit::{Exit, Failure, Result},
    output::count,
};
use clap::Args;
use indicatif::ProgressBar;
use koru_delta::{Database, Encoded, Expected, Options, Transaction, Value, Vectors};
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// Rows of one commit: many enough that a sync for each does not matter, few enough that little is done twice.
const BATCH_ROWS: u64 = 1_000;

/// Bytes of rows of one commit, as they were read.
const BATCH_BYTES: u64 = 16 << 20;

/// What every file of rows takes.
#[derive(Args, Debug)]
pub(super) struct RowArgs {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The collection to write to; the name of the file without its ending if it is missing
    #[arg(long, value_name = "NAME")]
    pub(super) collection: Option<String>,
    /// Read and check everything, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) safety: Safety,
}

/// A document to write.
pub(super) struct Row {
    pub(super) line: u64,
    /// Bytes of the row in the file.
    pub(super) bytes: u64,
    pub(super) collection: String,
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) expires_at: Option<i64>,
    pub(super) vectors: Vectors,
}

impl RowArgs {
    /// The file as it is called in messages.
    pub(super) fn name(&self) -> String {
        if self.is_stdin() { "standard input".into() } else { self.file.display().to_string() }
    }

    fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }

    /// Opens the file, with a progress bar over its bytes.
    pub(super) fn open(&self, context: &Context) -> Result<(Box<dyn Read>, ProgressBar)> {
        if self.is_stdin() {
            let progress = context.progress(0, "{spinner} {bytes} read");
            return Ok((Box::new(progress.wrap_read(io::stdin().lock())), progress));
        }
        let refused = |e| Failure::io(self.name(), e);
        let file = File::open(&self.file).map_err(refused)?;
        let found = file.metadata().map_err(refused)?;
        if found.is_dir() {
            return Err(Failure::usage(format!("{} is a directory", self.name())));
        }
        let progress = context.progress(found.len(), "importing {bytes}/{total_bytes} {wide_bar} {eta}");
        Ok((Box::new(progress.wrap_read(BufReader::new(file))), progress))
    }

    /// Writes the rows, and says how many there were.
    pub(super) fn write(
        &self,
        context: &mut Context,
        rows: impl Iterator<Item = Result<Row>>,
        progress: &ProgressBar,
    ) -> Result {
        let db = match self.dry_run {
            true => Options::new().open_memory()?,
            false => context.write_or_create(self.safety.durability)?,
        };
        let file = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let message = format!("import {}", file.filter(|_| !self.is_stdin()).unwrap_or_else(|| self.name()));
        let mut batch = Batch { db: &db, message, dry_run: self.dry_run, open: None, rows: 0, bytes: 0, written: 0 };
        let result = batch.add_all(rows, &self.name());
        // Also behind a failure: what came before it is kept.
        let kept = batch.commit();
        let written = batch.written;
        drop(batch);
        progress.finish_and_clear();
        let closed = db.close();
        if let Err(failure) = result {
            if !self.dry_run {
                context.note(format_args!("{} before it imported", count(written, "row")));
            }
            return Err(failure);
        }
        kept?;
        closed?;
        if context.json() {
            context.out.json(&json!({"rows": written, "dry_run": self.dry_run}))?;
        } else {
            let verb = if self.dry_run { "can be imported" } else { "imported" };
            context.out.line(format_args!("{} {verb}", count(written, "row")))?;
        }
        Ok(Exit::Ok)
    }
}

/// The rows that are to be one commit.
struct Batch<'d> {
    db: &'d Database,
    message: String,
    dry_run: bool,
    open: Option<Transaction>,
    rows: u64,
    bytes: u64,
    written: u64,
}

impl Batch<'_> {
    fn add_all(&mut self, rows: impl Iterator<Item = Result<Row>>, file: &str) -> Result<()> {
        for row in rows {
            let row = row.map_err(|failure| failure.context(file))?;
            let line = row.line;
            self.add(row).map_err(|failure| failure.context(&format!("{file}: line {line}")))?;
            if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
                self.commit()?;
            }
        }
        self.commit()
    }

    fn add(&mut self, row: Row) -> Result<()> {
        let transaction = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(self.db.begin()?),
        };
        let place = || format!("{}/{}", row.collection, row.key);
        let value = Encoded::new(&row.value).and_then(|value| value.with_vectors(&row.vectors));
        let value = value.map_err(|e| e.context(&place()))?;
        transaction.put_encoded(&row.collection, &row.key, value, Expected::Any, row.expires_at)?;
        self.rows += 1;
        self.bytes += row.bytes + row.vectors.iter().map(|(_, vector)| size_of_val(vector) as u64).sum::<u64>();
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let Some(mut transaction) = self.open.take() else { return Ok(()) };
        if self.dry_run {
            transaction.rollback();
        } else {
            transaction.message(self.message.clone());
            transaction.commit()?;
        }
        self.written += self.rows;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}
