//! How far an import has come: what is remembered with each commit.
//!
//! Git lists the commits between two others always in the same order, so their ends and a number say which were imported,
//! also those that are no ancestors of the last one.

use super::repository::Listed;
use crate::exit::{Failure, Result};
use koru_delta::{Error, ErrorCode, Value, from_value, to_value};
use serde::{Deserialize, Serialize};

/// A round: the commits that lead to `target` and not to `from`, of which `done` were imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Where the round before ended.
    pub(super) from: Option<String>,
    /// Where this one ends.
    pub(super) target: String,
    /// The last commit that was imported.
    pub(super) head: Option<String>,
    /// How many were imported.
    pub(super) done: u64,
}

impl Progress {
    pub(super) fn read(state: &Value) -> Result<Progress> {
        from_value(state).map_err(|e| e.context("the state of the import").into())
    }

    pub(super) fn write(&self) -> Value {
        // A struct of text and a number is always a value.
        to_value(self).unwrap_or_default()
    }

    /// Whether nothing is left to do.
    pub(super) fn is_complete(&self) -> bool {
        self.head.as_ref() == Some(&self.target)
    }

    /// The progress after one more commit.
    pub(super) fn at(&self, index: usize, listed: &Listed) -> Progress {
        Progress { head: Some(listed.id.clone()), done: index as u64 + 1, ..self.clone() }
    }

    /// How many of the listed commits are done, if they are still those that were.
    pub(super) fn done_of(&self, commits: &[Listed]) -> Result<usize> {
        let done = usize::try_from(self.done).unwrap_or(usize::MAX);
        let last = done.checked_sub(1).map(|last| commits.get(last));
        let same = match (last, &self.head) {
            (None, _) => true,
            // A commit that is written in parts is not done, and the one before it is not named.
            (Some(Some(_)), None) => true,
            (Some(Some(listed)), Some(head)) => listed.id == *head,
            (Some(None), _) => false,
        };
        if same {
            return Ok(done);
        }
        let message = "git lists the commits in another order than when the import began, so it cannot go on: import into \
                       another collection";
        Err(Failure::from(Error::new(ErrorCode::Conflict, message)))
    }
}
