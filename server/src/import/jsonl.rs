//! JSON Lines: a document a line, or lines as `koru export` writes them.

use super::{
    rows::{Row, RowArgs},
    stem,
};
use crate::{
    context::Context,
    exit::{Failure, Result},
    moment,
};
use clap::Args;
use koru_delta::{Map, Value, limits};
use std::io::{BufRead, BufReader, Read};

/// Longest line that is read: a value is smaller when it is encoded, but for blanks between.
const LINE_BYTES_MAX: u64 = 4 * limits::VALUE_BYTES_MAX as u64;

/// What a line of an export has. Version and timestamp are of the database that it came from.
const FIELDS: [&str; 6] = ["collection", "key", "value", "expires_at", "version", "timestamp"];

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
}

impl Jsonl {
    pub(super) fn run(self, context: &mut Context) -> Result {
        if !self.rows.dry_run {
            context.path()?;
        }
        let (file, progress) = self.rows.open(context)?;
        let lines = Lines { file: BufReader::new(file), line: 0, buffer: Vec::new() };
        let collection = self.rows.collection.clone().or_else(|| stem(&self.rows.file));
        let rows = lines.map(|line| {
            let (number, text) = line?;
            self.row(&text, collection.as_deref())
                .map(|row| Row { line: number, bytes: text.len() as u64, ..row })
                .map_err(|message| Failure::usage(format!("line {number}: {message}")))
        });
        self.rows.write(context, rows, &progress)
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
            return Ok(Row { line: 0, bytes: 0, collection, key, value: Value::Map(fields), expires_at: None });
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
        let value = fields.remove("value").ok_or("there is no field \"value\"")?;
        Ok(Row { line: 0, bytes: 0, collection, key, value, expires_at })
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
