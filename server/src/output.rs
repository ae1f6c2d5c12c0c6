//! Standard output and standard error: data on the one, messages on the other.
//!
//! Text that comes from documents or commits is made plain before it is part of a line, so that nobody's data can move
//! the cursor of a terminal or forge a line.

use crate::exit::{Failure, Result};
use serde::Serialize;
use std::{
    borrow::Cow,
    fmt::Display,
    io::{self, BufWriter, IsTerminal, StdoutLock, Write},
};

/// Standard output, written in large pieces.
pub(crate) struct Output {
    writer: BufWriter<StdoutLock<'static>>,
    terminal: bool,
    colour: bool,
}

/// What a line of a diff says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Added,
    Removed,
    Place,
    Title,
}

impl Output {
    pub(crate) fn new() -> Output {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Output { writer: BufWriter::with_capacity(64 << 10, stdout.lock()), terminal, colour }
    }

    /// Whether a person looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// How many characters fit on a line, where a person looks at it.
    pub(crate) fn width(&self) -> Option<usize> {
        self.terminal.then(|| console::Term::stdout().size().1.into())
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(written)
    }

    /// A line of text.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<()> {
        writeln!(self.writer, "{line}").map_err(written)
    }

    /// A line of text that is cut to the width of the terminal.
    pub(crate) fn short_line(&mut self, line: &str) -> Result<()> {
        match self.width() {
            Some(width) => self.line(shortened(line, width)),
            None => self.line(line),
        }
    }

    /// A line in the colour of what it says.
    pub(crate) fn toned(&mut self, tone: Tone, line: impl Display) -> Result<()> {
        if !self.colour {
            return self.line(line);
        }
        let code = match tone {
            Tone::Added => 32,
            Tone::Removed => 31,
            Tone::Place => 36,
            Tone::Title => 1,
        };
        self.line(format_args!("\x1b[{code}m{line}\x1b[0m"))
    }

    /// One line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.writer, value).map_err(|e| written(e.into()))?;
        self.bytes(b"\n")
    }

    /// Hands everything over to whoever reads it.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(written)
    }
}

fn written(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::PipeClosed,
        _ => Failure::io("cannot write to standard output", error),
    }
}

/// A message for people. Where it cannot be written there is nobody to tell.
pub(crate) fn message(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Text on one line, with control characters written out.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if char.is_control() { plain.extend(char.escape_default()) } else { plain.push(char) }
    }
    Cow::Owned(plain)
}

/// The first line that says something, made plain.
pub(crate) fn first_line(text: &str) -> Cow<'_, str> {
    plain(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim())
}

/// At most `max` characters, with a mark where something was cut off.
pub(crate) fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect::<String>().into(),
    }
}

/// A number of bytes for people, in decimal units.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while value >= 999.95 {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / 1000.0, Some(next));
    }
    format!("{value:.1} {}", unit.unwrap_or(&""))
}

/// `1 commit`, `2 commits`.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_text_reaches_the_terminal_as_a_command() {
        assert_eq!(plain("a\x1b[2Jb\nc\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{9b}");
        assert_eq!(first_line("\n\n Fix\tit \r\nmore"), "Fix\\tit");
    }

    #[test]
    fn numbers_read_well() {
        let sizes = [0, 999, 1000, 999_949, 999_950, 1_500_000_000, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.5 GB", "18446.7 PB"]);
        assert_eq!((count(1, "commit"), count(0, "commit")), ("1 commit".into(), "0 commits".into()));
        assert_eq!((shortened("abcd", 4), shortened("äbcde", 4)), ("abcd".into(), "äbc…".into()));
    }
}
