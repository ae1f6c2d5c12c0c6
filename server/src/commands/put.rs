//! `koru put`: writes one document.

use crate::{
    args::{Address, Safety, Words},
    context::Context,
    exit::{Exit, Failure, Result},
    moment, vector,
};
use clap::Args;
use koru_delta::{Database, Expected, Value, Vectors, WriteOptions, limits};
use serde_json::json;
use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

/// Most text of a value that is read: its encoding is smaller, but for blanks between.
const TEXT_BYTES_MAX: u64 = 4 * limits::VALUE_BYTES_MAX as u64;

/// Write a document
///
/// The value is JSON, or with --text or --bytes whatever is given. Prints the version that was written. The database is
/// made if there is none.
#[derive(Args, Debug)]
pub(crate) struct Put {
    /// The document, as COLLECTION/KEY
    document: Address,
    /// Its value; standard input if it is missing or -
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
    /// Read the value from a file
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    file: Option<PathBuf>,
    /// Store the value as a string, as it is
    #[arg(long)]
    text: bool,
    /// Store the value as bytes, as it is
    #[arg(long, conflicts_with = "text")]
    bytes: bool,
    /// The vector that `koru search` finds it by, '[0.1, 0.2]', or several by name, '{"title": [0.1, 0.2]}'
    #[arg(long, value_name = "JSON", value_parser = vector::typed)]
    vector: Option<Vectors>,
    /// The document no longer shows after this long: 10m, 2h30m, 7 days
    #[arg(long, value_name = "DURATION", value_parser = moment::from_now, conflicts_with = "expires_at")]
    expires_in: Option<i64>,
    /// The document no longer shows from this time on
    #[arg(long, value_name = "TIME", value_parser = moment::future_time)]
    expires_at: Option<i64>,
    /// Write only if the document is at this version, or `absent`
    #[arg(long, value_name = "VERSION")]
    expect: Option<String>,
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    safety: Safety,
}

impl Put {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        context.path()?;
        let value = self.value(context)?;
        let db = context.write_or_create(self.safety.durability)?;
        let options = WriteOptions {
            expected: expected(&db, self.expect.as_deref())?,
            expires_at: self.expires_in.or(self.expires_at),
            vectors: self.vector.unwrap_or_default(),
            info: self.words.info(&db)?,
        };
        let Address { collection, key } = &self.document;
        let version = db.collection(collection).put_with(key, &value, options)?;
        if context.json() {
            let commit = db.commit(version)?;
            context.out.json(&json!({
                "collection": collection,
                "key": key,
                "version": version.to_string(),
                "commit": commit.id.to_string(),
                "timestamp": moment::display(commit.timestamp.millis()),
            }))?;
        } else {
            context.out.line(version)?;
        }
        db.close()?;
        Ok(Exit::Ok)
    }

    fn value(&self, context: &Context) -> Result<Value> {
        let (source, bytes) = match (&self.value, &self.file) {
            (_, Some(path)) => (path.display().to_string(), read_file(path)?),
            (Some(value), None) if value != "-" => ("the value".into(), value.clone().into_bytes()),
            _ => {
                if io::stdin().is_terminal() {
                    context.note("reading the value from the terminal; Ctrl-D ends it");
                }
                ("standard input".into(), read(io::stdin().lock(), "standard input")?)
            }
        };
        if self.bytes {
            return Ok(Value::Bytes(bytes));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::usage(format!("{source} is not UTF-8: store it with --bytes")))?;
        if self.text {
            return Ok(text.into());
        }
        serde_json::from_str(&text)
            .map_err(|e| Failure::usage(format!("{source} is not JSON: {e}. To store it as a string add --text")))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let place = path.display().to_string();
    read(File::open(path).map_err(|e| Failure::io(&place, e))?, &place)
}

fn read(source: impl Read, place: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| Failure::io(place, e))?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        let max = limits::VALUE_BYTES_MAX;
        let message = format!("{place} is too large for a value: at most {max} bytes are possible");
        return Err(koru_delta::Error::new(koru_delta::ErrorCode::LimitExceeded, message).into());
    }
    Ok(bytes)
}

/// What a document has to be, as it is typed.
pub(super) fn expected(db: &Database, text: Option<&str>) -> Result<Expected> {
    match text {
        None => Ok(Expected::Any),
        Some("absent") => Ok(Expected::Absent),
        Some(text) => moment::version(db, text).map(Expected::Version),
    }
}
