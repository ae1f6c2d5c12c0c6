//! The command line: global options, and the arguments that several commands share. Each command's own are beside it.

use crate::{commands::Command, exit::Failure, moment};
use clap::{Args, Parser, ValueEnum};
use koru_delta::{CommitInfo, Database, DocumentVersion, Durability};
use std::{fmt, path::PathBuf, str::FromStr};

/// The causal store: every write is kept, and any moment can be read again.
///
/// A document is COLLECTION/KEY, as in `koru put users/ada '{"born": 1815}'`. The key may contain slashes.
///
/// Data goes to standard output and messages to standard error. With --json every command prints JSON, one object a line.
#[derive(Parser, Debug)]
#[command(name = "koru", version, arg_required_else_help = true, subcommand_required = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The directory of the database
    #[arg(long, value_name = "PATH", env = "KORU_DB", global = true, hide_env_values = true)]
    pub(crate) db: Option<PathBuf>,
    /// Print JSON, one object a line; errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print no messages and no progress, only data and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// When to read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AsOf {
    /// Read what was there at this moment
    #[arg(long, value_name = "MOMENT", allow_hyphen_values = true, long_help = format!("Read what was there at this moment. {}", moment::HELP))]
    pub(crate) as_of: Option<String>,
}

/// How safely to write.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Safety {
    /// What a write survives once the command has ended well
    #[arg(long, value_name = "LEVEL", default_value = "strict")]
    pub(crate) durability: Level,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Power loss
    Strict,
    /// The end of the process; power loss soon after
    Relaxed,
    /// The end of the process
    None,
}

impl From<Level> for Durability {
    fn from(level: Level) -> Durability {
        match level {
            Level::Strict => Durability::Strict,
            Level::Relaxed => Durability::Relaxed,
            Level::None => Durability::None,
        }
    }
}

/// What a commit says about itself.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Words {
    /// Who makes the change
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Why
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,
    /// A version that it is derived from; may be repeated
    #[arg(long, value_name = "DOCUMENT@VERSION")]
    because: Vec<String>,
}

impl Words {
    pub(crate) fn info(self, db: &Database) -> Result<CommitInfo, Failure> {
        let causes = self.because.iter().map(|text| cause(db, text)).collect::<Result<_, _>>()?;
        Ok(CommitInfo { author: self.author, message: self.message, causes })
    }
}

/// A cause: `users/ada@12@1f3a9c02`. The key may contain an @ itself.
fn cause(db: &Database, text: &str) -> Result<DocumentVersion, Failure> {
    let invalid =
        || Failure::usage(format!("{text:?} is not a version of a document: it looks like users/ada@12@1f3a9c02"));
    let (rest, actor) = text.rsplit_once('@').ok_or_else(invalid)?;
    let (document, counter) = rest.rsplit_once('@').ok_or_else(invalid)?;
    let document: Address = document.parse().map_err(Failure::usage)?;
    let version = moment::version(db, &format!("{counter}@{actor}"))?;
    Ok(DocumentVersion { collection: document.collection, key: document.key, version })
}

/// A document: `collection/key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) collection: String,
    pub(crate) key: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((collection, key)) if !collection.is_empty() && !key.is_empty() => {
                Ok(Address { collection: collection.into(), key: key.into() })
            }
            _ => Err("a document is COLLECTION/KEY, as in users/ada".into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.key)
    }
}

/// A document or a whole collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Collection(String),
    Document(Address),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_suffix('/').unwrap_or(text) {
            "" => Err("a collection needs a name".into()),
            name if !name.contains('/') => Ok(Target::Collection(name.into())),
            _ => text.parse().map(Target::Document),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Collection(name) => f.write_str(name),
            Target::Document(document) => document.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_split_at_the_first_slash() {
        let address: Address = "files/src/a@b.rs".parse().unwrap();
        assert_eq!((&*address.collection, &*address.key), ("files", "src/a@b.rs"));
        assert!(["", "users", "/ada", "users/"].iter().all(|text| text.parse::<Address>().is_err()));
        assert_eq!("users/".parse(), Ok(Target::Collection("users".into())));
        assert_eq!("users/ada".parse(), Ok(Target::Document("users/ada".parse().unwrap())));
        assert!("".parse::<Target>().is_err() && "/".parse::<Target>().is_err() && "/a".parse::<Target>().is_err());
    }

    #[test]
    fn the_definitions_hold_together() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
