//! The one list of error codes, the same in every language.
//!
//! Every error carries a code to branch on, a message that names what was wrong and what to do, and where there is one
//! its source. Codes are stable: a code is never renamed or reused.

use alloc::{boxed::Box, string::String};
use core::fmt;

/// The result of every fallible call.
pub type Result<T> = core::result::Result<T, Error>;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What kind of failure it was. The names of [`ErrorCode::name`] are the same in every language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[doc = $doc])+ $variant,)+ }

        impl ErrorCode {
            /// Every code, in the order of the reference page.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)+];

            /// The stable name, for example `NOT_FOUND`.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)+ }
            }

            /// What the code means and what to do about it: the text of the reference page.
            pub const fn description(self) -> &'static str {
                match self { $(ErrorCode::$variant => concat!($($doc, "\n"),+),)+ }
            }
        }
    };
}

error_codes! {
    /// A commit, tag, version or moment that was named does not exist. A missing *key* is not an error.
    NotFound = "NOT_FOUND",
    /// What was to be created exists already.
    AlreadyExists = "ALREADY_EXISTS",
    /// The document is not at the version that the caller expected. Read it again and retry.
    Conflict = "CONFLICT",
    /// An argument is outside of what the call takes; the message names it and its value.
    InvalidArgument = "INVALID_ARGUMENT",
    /// A bound of the reference page "limits" would be passed. Nothing was written.
    LimitExceeded = "LIMIT_EXCEEDED",
    /// A vector does not have the dimension of its collection.
    DimensionMismatch = "DIMENSION_MISMATCH",
    /// The database was opened read-only, or the directory does not allow writing.
    ReadOnly = "READ_ONLY",
    /// The database, transaction or watch was closed before the call.
    Closed = "CLOSED",
    /// Another process or handle holds the database for writing. Close it, or open read-only.
    Locked = "LOCKED",
    /// The call was given up before it took effect: a transaction was rolled back, or its group could not be written.
    Aborted = "ABORTED",
    /// The operating system or browser refused a read or write.
    Io = "IO",
    /// The disk or quota is full. Nothing acknowledged is lost; free space and try again.
    StorageFull = "STORAGE_FULL",
    /// Stored bytes are not what was written. Nothing is repaired silently; run verify.
    Corrupt = "CORRUPT",
    /// The directory is not a database, or was written by a newer format.
    UnsupportedFormat = "UNSUPPORTED_FORMAT",
    /// A peer sent something that it should not have.
    Untrusted = "UNTRUSTED",
    /// An earlier write could not be made durable, so no further write is accepted. Reopen the database.
    Poisoned = "POISONED",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure: its code, what was wrong and what to do.
pub struct Error(Box<Inner>);

struct Inner {
    code: ErrorCode,
    message: String,
    source: Option<Box<dyn core::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a code and a message that names the offending thing.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { code, message: message.into(), source: None }))
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl core::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// The same error with words in front of its message, to say where it happened.
    #[must_use]
    pub fn context(mut self, prefix: &str) -> Self {
        self.0.message = alloc::format!("{prefix}: {}", self.0.message);
        self
    }

    /// The code to branch on.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The message without the code.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the code is `code`.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.0.code == code
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorCode::InvalidArgument, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Error::new(ErrorCode::LimitExceeded, message)
    }

    pub(crate) fn corrupt(file: impl fmt::Display, offset: u64, what: impl fmt::Display) -> Self {
        Error::new(ErrorCode::Corrupt, alloc::format!("{file} at byte {offset}: {what}"))
    }

    /// An error to hand to every waiter of a group that failed together.
    pub(crate) fn duplicate(&self) -> Self {
        Error::new(self.0.code, self.0.message.clone())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

/// Text in a message: in quotes, with escapes for what would end them and for control characters.
///
/// `{:?}` also looks up whether characters can be seen, in tables of all scripts: a hundredth of the module for browsers.
pub(crate) fn quoted(text: &str) -> impl fmt::Display {
    Quoted(text)
}

struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for part in self.0.split_inclusive(|c: char| c.is_control() || matches!(c, '"' | '\\')) {
            let mut chars = part.chars();
            match chars.next_back() {
                Some(c @ ('"' | '\\')) => write!(f, "{}\\{c}", chars.as_str())?,
                Some(c) if c.is_control() => write!(f, "{}\\u{{{:x}}}", chars.as_str(), u32::from(c))?,
                _ => f.write_str(part)?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn quoted_text_is_what_debug_makes_of_it_but_for_what_cannot_be_seen() {
        for text in
            ["", "plain", "a \"quote\"", "back\\slash", "\u{1}between\u{7f}", "ende\u{85}", "żółć 日本 🦀", "\\\"\\"]
        {
            assert_eq!(format!("{}", quoted(text)), format!("{text:?}"));
        }
        assert_eq!(format!("{}", quoted("a\nb\tc")), r#""a\u{a}b\u{9}c""#);
    }
}
