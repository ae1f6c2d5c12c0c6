//! CSV: a document a row, with the columns of the header as its fields.

use super::{
    rows::{Row, RowArgs},
    stem,
};
use crate::{
    context::Context,
    exit::{Failure, Result},
};
use clap::Args;
use csv::{ReaderBuilder, StringRecord};
use koru_delta::{Value, Vectors};

/// Read a CSV file with a header
///
/// A row becomes an object with the columns as fields, all of them text unless --types is given.
#[derive(Args, Debug)]
pub(super) struct Csv {
    #[command(flatten)]
    pub(super) rows: RowArgs,
    /// The column that is the key
    #[arg(long, value_name = "COLUMN")]
    pub(super) key: String,
    /// Store numbers, true, false and empty cells as numbers, booleans and null
    #[arg(long)]
    pub(super) types: bool,
}

impl Csv {
    pub(super) fn run(self, context: &mut Context) -> Result {
        if !self.rows.dry_run {
            context.path()?;
        }
        let collection = self.rows.collection.clone().or_else(|| stem(&self.rows.file));
        let collection = collection.ok_or_else(|| Failure::usage("which collection? Name it with --collection"))?;
        let (file, progress) = self.rows.open(context)?;
        let mut reader = ReaderBuilder::new().from_reader(file);
        let malformed = |e: csv::Error| Failure::usage(format!("{}: {}", self.rows.name(), words(e)));
        let header = reader.headers().map_err(malformed)?.clone();
        let key_at = self.key_column(&header)?;
        let rows = reader.records().map(|record| {
            let record = record.map_err(|e| Failure::usage(words(e)))?;
            Ok(Row {
                line: record.position().map_or(0, csv::Position::line),
                bytes: record.as_slice().len() as u64,
                collection: collection.clone(),
                key: record.get(key_at).unwrap_or_default().to_owned(),
                value: Value::Map(header.iter().zip(record.iter().map(|cell| self.cell(cell))).collect()),
                expires_at: None,
                vectors: Vectors::new(),
            })
        });
        self.rows.write(context, rows, &progress)
    }

    fn key_column(&self, header: &StringRecord) -> Result<usize> {
        let file = self.rows.name();
        let mut names: Vec<_> = header.iter().collect();
        let key_at = names.iter().position(|name| *name == self.key).ok_or_else(|| {
            Failure::usage(format!("{file}: there is no column {:?}, only {}", self.key, names.join(", ")))
        })?;
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => {
                Err(Failure::usage(format!("{file}: two columns are named {:?}", pair.first().unwrap_or(&""))))
            }
            None => Ok(key_at),
        }
    }

    /// A cell as a value. With types a number is what JSON takes for one, so `007` stays text.
    fn cell(&self, cell: &str) -> Value {
        match cell {
            _ if !self.types => cell.into(),
            "" => Value::Null,
            "true" => true.into(),
            "false" => false.into(),
            _ if cell.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                serde_json::from_str(cell).unwrap_or_else(|_| cell.into())
            }
            _ => cell.into(),
        }
    }
}

/// What is wrong with a row, with its line.
fn words(error: csv::Error) -> String {
    let line = error.position().map(|position| format!("line {}: ", position.line())).unwrap_or_default();
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells, where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => format!("not UTF-8: {err}"),
        csv::ErrorKind::Io(e) => e.to_string(),
        _ => error.to_string(),
    };
    line + &what
}
