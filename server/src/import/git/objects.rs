//! The contents of git objects: one `git cat-file --batch` for all of them.
//!
//! A few objects are asked for ahead, so that git reads while we write. Their ids fit into the smallest pipe there is, or both
//! sides could wait for the other one to read.

use super::repository::{Process, Repository, not_started, unreadable};
use crate::exit::{Failure, Result};
use koru_delta::{Error, ErrorCode};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{ChildStdin, ChildStdout, Stdio},
};

/// Objects that are asked for ahead: 64 lines of at most 65 bytes, in a pipe of at least 4,096.
pub(super) const AHEAD_MAX: usize = 60;

/// Largest commit object that is read: the message is cut far below.
const COMMIT_BYTES_MAX: u64 = 64 << 20;

/// Longest first line of an answer.
const HEAD_BYTES_MAX: u64 = 1024;

pub(super) struct Objects {
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    _process: Process,
}

/// The content of a file.
pub(super) enum Blob {
    Content(Vec<u8>),
    /// It has this many bytes, which is too many.
    TooLarge(u64),
}

impl Objects {
    pub(super) fn start(repository: &Repository) -> Result<Objects> {
        let mut command = repository.command(&["cat-file", "--batch"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(not_started)?;
        let (questions, stdout) = (child.stdin.take(), child.stdout.take());
        let process = Process(child);
        let stdout = stdout.ok_or_else(|| Error::new(ErrorCode::Io, "git has no pipes"))?;
        Ok(Objects { questions, answers: BufReader::with_capacity(64 << 10, stdout), _process: process })
    }

    /// Asks for objects, at most [`AHEAD_MAX`] of them. Each has to be answered, in this order.
    pub(super) fn ask<'i>(&mut self, ids: impl Iterator<Item = &'i str>) -> Result<()> {
        let lines: String = ids.flat_map(|id| [id, "\n"]).collect();
        let Some(questions) = &mut self.questions else { return Ok(()) };
        questions.write_all(lines.as_bytes()).and_then(|()| questions.flush()).map_err(ended)
    }

    /// The content of the next object that was asked for.
    pub(super) fn answer(&mut self, id: &str, bytes_max: u64) -> Result<Blob> {
        let mut head = Vec::new();
        (&mut self.answers).take(HEAD_BYTES_MAX).read_until(b'\n', &mut head).map_err(ended)?;
        let text = String::from_utf8_lossy(&head);
        let mut words = text.trim_end().rsplit(' ');
        let bytes: u64 = match words.next() {
            Some("missing") => {
                let message = format!("the repository does not have the object {id}: run `git fsck` on it");
                return Err(Error::new(ErrorCode::NotFound, message).into());
            }
            Some(size) => size.parse().map_err(|_| unreadable("cat-file", &head))?,
            None => return Err(unreadable("cat-file", &head)),
        };
        if bytes > bytes_max {
            self.pass(bytes + 1)?;
            return Ok(Blob::TooLarge(bytes));
        }
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        let read = (&mut self.answers).take(bytes).read_to_end(&mut content).map_err(ended)?;
        if read as u64 != bytes {
            return Err(ended(io::ErrorKind::UnexpectedEof.into()));
        }
        self.pass(1)?;
        Ok(Blob::Content(content))
    }

    /// The bytes of a commit object.
    pub(super) fn commit(&mut self, id: &str) -> Result<Vec<u8>> {
        self.ask([id].into_iter())?;
        match self.answer(id, COMMIT_BYTES_MAX)? {
            Blob::Content(bytes) => Ok(bytes),
            Blob::TooLarge(bytes) => {
                Err(Error::new(ErrorCode::LimitExceeded, format!("the commit object {id} has {bytes} bytes")).into())
            }
        }
    }

    fn pass(&mut self, bytes: u64) -> Result<()> {
        io::copy(&mut (&mut self.answers).take(bytes), &mut io::sink()).map(drop).map_err(ended)
    }
}

fn ended(error: io::Error) -> Failure {
    Failure::io("git cat-file ended early", error)
}
