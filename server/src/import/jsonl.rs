//! JSON Lines: a document a line, or lines as `koru export` writes them.

use super::{
    rows::{Row, RowArgs},
    stem,
};
use crate::{
    context::Context,
    exit::{Failure, Result},
    moment, vector,
};
use clap::Args;
use koru_delta::{DEFAULT_VECTOR, Map, Value, Vectors, limits};
use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
};

/// Longest line that is read: a value is smaller when it is encoded, but for blanks between.
const LINE_BYTES_MAX: u64 = 4 * limits::VALUE_BYTES_MAX as u64;

/// What a line of an export has. Version and timestamp are of the database that it came from.
const FIELDS: [&str; 7] = ["collection", "key", "value", "expires_at", "vectors", "version", "timestamp"];

/// Read a file of JSON, one document a line
///
/// A line is {"key": .., "value": ..}, or with --key any object, of which the named field is the key. Lines as `koru export`
/// writes them go back to the collections that they name.
#[derive(Args, Debug)]
pub(super) struct Jsonl {
    #[command(flatten)]
    pub(super) rows: RowArgs,
    /// The field that is the key; the whole line is the document
    #[arg(long, value_name = "FIELD")]
    pub(super) key: Option<String>,
    #[command(flatten)]
    pub(super) vectors: VectorArgs,
}

/// Where the vectors of documents are, other than in the field `vectors` of an export.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct VectorArgs {
    /// The field that is the vector, an array of numbers; it does not stay in the document
    #[arg(long, value_name = "FIELD", requires = "key")]
    vector_field: Option<String>,
    /// A .npy file with the vectors, row by row those of the lines
    #[arg(long, value_name = "FILE", conflicts_with = "vector_field")]
    vector_file: Option<PathBuf>,
    /// The name of these vectors
    #[arg(long, value_name = "NAME", default_value = DEFAULT_VECTOR)]
    vector_name: Option<String>,
}

impl VectorArgs {
    fn name(&self) -> &str {
        self.vector_name.as_deref().unwrap_or(DEFAULT_VECTOR)
    }
}

impl Jsonl {
    pub(super) fn run(self, context: &mut Context) -> Result {
        if !self.rows.dry_run {
            context.path()?;
        }
        let (file, progress) = self.rows.open(context)?;
        let lines = Lines { file: BufReader::new(file), line: 0, buffer: Vec::new() };
        let collection = self.rows.collection.clone().or_else(|| stem(&self.rows.file));
        let mut beside = self.vectors.vector_file.as_deref().map(vector::Rows::open).transpose()?;
        let mut lines = lines.map(|line| {
            let (number, text) = line?;
            self.row(&text, collection.as_deref())
                .map(|row| Row { line: number, bytes: text.len() as u64, ..row })
                .map_err(|message| Failure::usage(format!("line {number}: {message}")))
        });
        let rows = std::iter::from_fn(|| match (lines.next(), &mut beside) {
            (Some(Ok(row)), Some(beside)) => Some(self.with_next(row, beside)),
            (None, Some(beside)) if beside.left() > 0 => {
                let (left, file) = (beside.left(), self.vectors.vector_file.clone().unwrap_or_default());
                // It is said once.
                beside.give_up();
                Some(Err(Failure::usage(format!("no lines for {left} more rows of {}", file.display()))))
            }
            (row, _) => row,
        });
        self.rows.write(context, rows, &progress)
    }

    /// A row with the next vector of the file beside.
    fn with_next(&self, mut row: Row, beside: &mut vector::Rows) -> Result<Row> {
        let numbers = beside.next()?;
        let numbers = numbers.ok_or_else(|| Failure::usage(format!("line {}: no row of vectors is left", row.line)))?;
        row.vectors.insert(self.vectors.name(), numbers);
        Ok(row)
    }

    fn row(&self, text: &[u8], collection: Option<&str>) -> Result<Row, String> {
        let value: Value = serde_json::from_slice(text).map_err(|e| format!("not JSON: {e}"))?;
        let Value::Map(mut fields) = value else { return Err("not an object".into()) };
        let needed = || "which collection? Name it with --collection".to_owned();
        if let Some(name) = &self.key {
            let key = match fields.get(name) {
                Some(Value::String(key)) => key.as_str().to_owned(),
                Some(Value::Int(key)) => key.to_string(),
                Some(_) => {
                    return Err(format!("the field {name:?} is no string and no integer, so it cannot be the key"));
                }
                None => return Err(format!("there is no field {name:?} to be the key")),
            };
            let collection = collection.ok_or_else(needed)?.to_owned();
            let mut vectors = Vectors::new();
            if let Some(name) = &self.vectors.vector_field {
                match fields.remove(name) {
                    None | Some(Value::Null) => {}
                    Some(value) => {
                        let numbers = vector::numbers(&value).map_err(|why| format!("the field {name:?}: {why}"))?;
                        vectors.insert(self.vectors.name(), numbers);
                    }
                }
            }
            let value = Value::Map(fields);
            return Ok(Row { line: 0, bytes: 0, collection, key, value, expires_at: None, vectors });
        }
        if let Some(other) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(format!(
                "the field {other:?} is not known: name the field that is the key with --key to store whole lines"
            ));
        }
        let key = text_field(&mut fields, "key")?
            .ok_or("there is no field \"key\": name the field that is the key with --key")?;
        let collection = match text_field(&mut fields, "collection")? {
            Some(own) => own,
            None => collection.ok_or_else(needed)?.to_owned(),
        };
        let expires_at = match text_field(&mut fields, "expires_at")? {
            Some(time) => Some(moment::future_time(&time)?),
            None => None,
        };
        let vectors = match fields.remove("vectors") {
            None => Vectors::new(),
            Some(vectors) => vector::named(&vectors).map_err(|why| format!("the field \"vectors\": {why}"))?,
        };
        let value = fields.remove("value").ok_or("there is no field \"value\"")?;
        Ok(Row { line: 0, bytes: 0, collection, key, value, expires_at, vectors })
    }
}

fn text_field(fields: &mut Map, name: &str) -> Result<Option<String>, String> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.into())),
        Some(_) => Err(format!("the field {name:?} is not a string")),
    }
}

/// The lines of a file that say something, with their numbers from 1.
struct Lines<R> {
    file: BufReader<R>,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<(u64, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line += 1;
            self.buffer.clear();
            let read = (&mut self.file).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut self.buffer);
            match read {
                Ok(0) => return None,
                Err(e) => return Some(Err(Failure::io(format_args!("line {}", self.line), e))),
                Ok(bytes) if bytes as u64 > LINE_BYTES_MAX => {
                    let message = format!("line {}: longer than {LINE_BYTES_MAX} bytes", self.line);
                    return Some(Err(koru_delta::Error::new(koru_delta::ErrorCode::LimitExceeded, message).into()));
                }
                Ok(_) => {}
            }
            let mut text = self.buffer.as_slice();
            if self.line == 1 {
                text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            }
            let text = text.trim_ascii();
            if !text.is_empty() {
                return Some(Ok((self.line, text.to_vec())));
            }
        }
    }
}
