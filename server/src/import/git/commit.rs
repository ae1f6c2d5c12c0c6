//! A git commit object: who, when and why.
//!
//! Read from its bytes and not from `git log`, which shows no time before 1970.

use koru_delta::{CommitInfo, limits};

const CUT: &str = "\n[shortened]";

/// What koru keeps of a git commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GitCommit {
    pub(super) info: CommitInfo,
    /// When it was committed, in milliseconds since 1970; 1970 where there is no time.
    pub(super) time_ms: i64,
    /// Whether author or message were longer than what a commit takes.
    pub(super) was_shortened: bool,
}

impl GitCommit {
    /// Takes a commit object apart. Whatever the bytes are, something comes of it: git has commits of all ages and tools.
    pub(super) fn parse(object: &[u8]) -> GitCommit {
        let (mut author, mut time_ms, mut latin1) = (None, 0, false);
        let mut rest = object;
        while let Some((line, behind)) = split_line(rest) {
            rest = behind;
            match line.split(|&b| b == b' ').next() {
                _ if line.is_empty() => break,
                Some(b"author") => author = line.strip_prefix(b"author "),
                Some(b"committer") => time_ms = time(line),
                Some(b"encoding") => latin1 = is_latin1(line),
                _ => {}
            }
        }
        let (author, author_cut) =
            bounded(&decoded(person(author.unwrap_or_default()), latin1), limits::AUTHOR_BYTES_MAX);
        let (message, message_cut) = bounded(decoded(rest, latin1).trim_end(), limits::MESSAGE_BYTES_MAX);
        let info = CommitInfo { author, message, causes: Vec::new() };
        GitCommit { info, time_ms, was_shortened: author_cut || message_cut }
    }
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&b| b == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// `Name <mail>` of `Name <mail> 1700000000 +0100`.
fn person(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|&b| b == b'>').map_or(line.len(), |at| at + 1);
    line.get(..end).unwrap_or(line)
}

/// The seconds behind the mail address, as milliseconds.
fn time(line: &[u8]) -> i64 {
    let behind = line.get(person(line).len()..).unwrap_or_default();
    let mut words = behind.split(|&b| b == b' ').filter(|word| !word.is_empty());
    let seconds = words.next().and_then(|word| std::str::from_utf8(word).ok()).and_then(|word| word.parse().ok());
    super::millis(seconds.unwrap_or(0))
}

fn is_latin1(line: &[u8]) -> bool {
    let name = String::from_utf8_lossy(line).to_ascii_lowercase();
    ["iso-8859-1", "iso8859-1", "latin1", "latin-1"].iter().any(|known| name.ends_with(known))
}

fn decoded(bytes: &[u8], latin1: bool) -> String {
    match latin1 {
        true => bytes.iter().map(|&b| char::from(b)).collect(),
        false => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The text within a bound, and whether it was cut. No text is no text.
fn bounded(text: &str, max: usize) -> (Option<String>, bool) {
    if text.len() <= max {
        return (Some(text.to_owned()).filter(|text| !text.is_empty()), false);
    }
    let mut end = max - CUT.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (Some(text.get(..end).unwrap_or_default().to_owned() + CUT), true)
}

/// The first line of a message.
pub(super) fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> GitCommit {
        GitCommit::parse(text)
    }

    #[test]
    fn who_when_and_why_are_read() {
        let commit = parse(
            b"tree 1\nparent 2\nauthor Ada L <ada@x> 5 +0000\ncommitter B <b> -86400 +0100\ngpgsig a\n b\n\nWhy\n\nmore\n",
        );
        assert_eq!(commit.info.author.as_deref(), Some("Ada L <ada@x>"));
        assert_eq!(commit.info.message.as_deref(), Some("Why\n\nmore"));
        assert_eq!((commit.time_ms, commit.was_shortened), (-86_400_000, false));
    }

    #[test]
    fn other_encodings_and_damage_are_read_as_far_as_they_go() {
        let commit = parse(b"author J\xf6rg <j@x> 1 +0000\nencoding ISO-8859-1\n\ngr\xfc\xdfe\n");
        assert_eq!(
            (commit.info.author.as_deref(), commit.info.message.as_deref()),
            (Some("Jörg <j@x>"), Some("grüße"))
        );
        assert_eq!(parse(b"\n\xff").info.message.as_deref(), Some("\u{fffd}"));
        assert_eq!(parse(b"").info, CommitInfo::default());
        assert_eq!(parse(b"committer x 99999999999999999999 +0000\n\n").time_ms, 0);
        assert_eq!(parse(b"committer A <a> 9223372036854775807 +0000\n\n").time_ms, i64::MAX);
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        let long = format!("author {0} <x> 1 +0\n\n{0}", "é".repeat(limits::MESSAGE_BYTES_MAX));
        let commit = parse(long.as_bytes());
        assert!(commit.was_shortened);
        let (author, message) = (commit.info.author.unwrap(), commit.info.message.unwrap());
        assert!(author.len() <= limits::AUTHOR_BYTES_MAX && author.ends_with("é\n[shortened]"), "{author:?}");
        assert!(message.len() <= limits::MESSAGE_BYTES_MAX && message.ends_with("é\n[shortened]"));
    }
}
