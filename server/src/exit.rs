//! How a command ends: its exit code, and the failures that lead to it.
//!
//! Exit codes are stable: scripts branch on them. They group the engine's error codes by what a caller would do next.

use koru_delta::{Error, ErrorCode};
use std::io;

/// What a command returns.
pub(crate) type Result<T = Exit, E = Failure> = std::result::Result<T, E>;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Conflict = 4,
    Locked = 5,
    Damaged = 6,
    Full = 7,
}

impl Exit {
    /// Every exit code and what it means: the text of the help and of the reference page.
    pub(crate) const ALL: &'static [(Exit, &'static str)] = &[
        (Exit::Ok, "it worked, also when the reader of a pipe went away"),
        (Exit::Failed, "any other failure, such as IO; `diff --exit-code` found differences"),
        (Exit::Usage, "the command or one of its arguments is not understood"),
        (Exit::NotFound, "the document, version, commit, tag, moment, file or database does not exist"),
        (Exit::Conflict, "the document is not at the expected version, or what was to be made exists"),
        (Exit::Locked, "another process is writing, or the database cannot be written"),
        (Exit::Damaged, "stored bytes are not what was written, or not a format that is known"),
        (Exit::Full, "the disk is full, or a limit would be passed"),
    ];

    /// The exit code for an error of the engine.
    pub(crate) fn of(code: ErrorCode) -> Exit {
        match code {
            ErrorCode::NotFound => Exit::NotFound,
            ErrorCode::AlreadyExists | ErrorCode::Conflict => Exit::Conflict,
            ErrorCode::Locked | ErrorCode::ReadOnly => Exit::Locked,
            ErrorCode::Corrupt | ErrorCode::UnsupportedFormat => Exit::Damaged,
            ErrorCode::StorageFull | ErrorCode::LimitExceeded => Exit::Full,
            ErrorCode::InvalidArgument | ErrorCode::DimensionMismatch => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// To be told to the user.
    Told(Error),
    /// Nobody reads standard output any more, which is how `koru scan | head` ends.
    PipeClosed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Told(error)
    }
}

impl Failure {
    /// An argument that is not understood.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Error::new(ErrorCode::InvalidArgument, message).into()
    }

    /// Something that was named and is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Failure {
        Error::new(ErrorCode::NotFound, message).into()
    }

    /// What the operating system refused, with the name of what was asked of it.
    pub(crate) fn io(what: impl std::fmt::Display, error: io::Error) -> Failure {
        let code = match error.kind() {
            io::ErrorKind::NotFound => ErrorCode::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::StorageFull,
            _ => ErrorCode::Io,
        };
        Error::new(code, format!("{what}: {error}")).with_source(error).into()
    }

    /// What became of something that was written to standard output.
    pub(crate) fn from_pipe(error: Error) -> Failure {
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
        match source.map(io::Error::kind) {
            Some(io::ErrorKind::BrokenPipe) => Failure::PipeClosed,
            _ => error.into(),
        }
    }

    /// The same failure with words in front, to say where it happened.
    pub(crate) fn context(self, prefix: &str) -> Failure {
        match self {
            Failure::Told(error) => error.context(prefix).into(),
            Failure::PipeClosed => self,
        }
    }
}
