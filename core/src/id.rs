//! Identities: databases, actors, commits and versions.
//!
//! A commit is named by the BLAKE3 hash of its canonical header ([`CommitId`]) and, shorter, by the actor that made it and
//! the place it has among that actor's commits ([`VersionId`]). A commit changes a document at most once, so a document
//! and a `VersionId` name one version.

use crate::error::{Error, Result, quoted};
use core::{fmt, str::FromStr};
use serde::{Deserialize, Serialize};

macro_rules! byte_id {
    ($(#[$doc:meta])+ $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub [u8; $bytes]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let invalid = || Error::invalid(alloc::format!(
                    "{} is not {}: it takes {} hexadecimal digits", quoted(text), $what, $bytes * 2
                ));
                if text.len() != $bytes * 2 || !text.is_ascii() {
                    return Err(invalid());
                }
                let mut bytes = [0; $bytes];
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                    let pair = core::str::from_utf8(pair).map_err(|_| invalid())?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
                }
                Ok($name(bytes))
            }
        }
    };
}

byte_id! {
    /// One database: 16 random bytes, made at creation. It salts the checksums, so that files of two databases do not mix.
    DatabaseId, 16, "a database id"
}
byte_id! {
    /// One writing identity: a replica, or an import. 16 random bytes.
    ActorId, 16, "an actor id"
}
byte_id! {
    /// A commit: the BLAKE3 hash of its canonical header.
    CommitId, 32, "a commit id"
}

/// One actor's n-th commit, and with a document the version it made of it. Text form `n@actor`, n from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionId {
    /// The actor that wrote it.
    pub actor: ActorId,
    /// The place among that actor's commits, from 1, without gaps.
    pub counter: u64,
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.counter, self.actor)
    }
}

impl FromStr for VersionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            Error::invalid(alloc::format!(
                "{} is not a version: it looks like 12@ and 32 hexadecimal digits",
                quoted(text)
            ))
        };
        let (counter, actor) = text.split_once('@').ok_or_else(invalid)?;
        let counter = counter.parse().ok().filter(|&n| n > 0).ok_or_else(invalid)?;
        Ok(VersionId { actor: actor.parse()?, counter })
    }
}
