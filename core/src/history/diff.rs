//! The structural diff of two values, path by path, and its way back.
//!
//! Invariant: `apply(a, &diff(a, b))` is `b`, for all values `a` and `b`.
//!
//! Maps are compared key by key, in the order of the keys. Arrays are compared by a shortest edit script over equal
//! elements (Myers, "An O(ND) difference algorithm and its variations", 1986), within a bound of work; beyond it what lies
//! between the common ends is compared place by place. An element that takes the place of another is one change, or if
//! both are maps or both arrays, the changes within.

mod apply;
mod script;

pub use apply::apply;

use crate::{
    limits::{DIFF_CHANGES_MAX, DIFF_STEPS_MAX},
    value::{Map, Text, Value, write_token},
};
use alloc::vec::Vec;
use core::{cmp::Ordering, fmt};
use serde::{Serialize, Serializer};

/// One step of the way from a value to what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Under this key of a map.
    Key(Text),
    /// At this place of an array.
    Index(usize),
}

/// The way from a document to a value in it. Its text form is a JSON pointer (RFC 6901): empty for the document itself,
/// `/items/0/price`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Segment>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Key(key) => write_token(f, key),
            Segment::Index(index) => write!(f, "/{index}"),
        })
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One difference: something was added (no `before`), removed (no `after`) or replaced.
///
/// Changes apply in their order, as those of a JSON patch (RFC 6902) do: an index counts in the array as the earlier changes
/// have left it. Since a diff goes through an array from its beginning, that is the place in the array *after*: where an
/// added element is to be found now, and where a removed one would stand had it stayed. So several elements that were
/// removed next to each other have the same index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where.
    pub path: Path,
    /// What was there, `None` if nothing was. A stored null is not nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there now, `None` if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The changes that lead from `before` to `after`, where `None` is an absent document. None if they are equal.
///
/// The result depends on the two values alone. Where there would be more than
/// [`DIFF_CHANGES_MAX`] changes, containers are reported as replaced whole.
pub fn diff(before: Option<&Value>, after: Option<&Value>) -> Vec<Change> {
    let mut differ =
        Differ { changes: Vec::new(), changes_max: DIFF_CHANGES_MAX, steps: DIFF_STEPS_MAX, path: Vec::new() };
    match (before, after) {
        (Some(before), Some(after)) => differ.values(before, after),
        (None, None) => {}
        (before, after) => differ.push(before, after),
    }
    differ.changes
}

struct Differ {
    changes: Vec<Change>,
    changes_max: usize,
    /// Work that edit scripts may still do.
    steps: usize,
    /// Where the comparison is.
    path: Vec<Segment>,
}

impl Differ {
    fn push(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let path = Path(self.path.clone());
        self.changes.push(Change { path, before: before.cloned(), after: after.cloned() });
    }

    fn push_at(&mut self, segment: Segment, before: Option<&Value>, after: Option<&Value>) {
        self.path.push(segment);
        self.push(before, after);
        self.path.pop();
    }

    fn values_at(&mut self, segment: Segment, before: &Value, after: &Value) {
        self.path.push(segment);
        self.values(before, after);
        self.path.pop();
    }

    fn full(&self) -> bool {
        self.changes.len() > self.changes_max
    }

    fn values(&mut self, before: &Value, after: &Value) {
        let first = self.changes.len();
        match (before, after) {
            (Value::Map(before), Value::Map(after)) => self.maps(before, after),
            (Value::Array(before), Value::Array(after)) => self.arrays(before, after),
            _ if before == after => {}
            _ => self.push(Some(before), Some(after)),
        }
        // Too many: one change for this whole container instead. If that is still one too many the caller does the same.
        if self.full() && self.changes.len() > first + 1 {
            self.changes.truncate(first);
            self.push(Some(before), Some(after));
        }
    }

    fn maps(&mut self, before: &Map, after: &Map) {
        let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
        while !self.full() {
            let order = match (old.peek(), new.peek()) {
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return,
            };
            let old = if order.is_le() { old.next() } else { None };
            let new = if order.is_ge() { new.next() } else { None };
            match (old, new) {
                (Some((key, old)), Some((_, new))) => self.values_at(Segment::Key(key.clone()), old, new),
                (Some((key, old)), None) => self.push_at(Segment::Key(key.clone()), Some(old), None),
                (None, Some((key, new))) => self.push_at(Segment::Key(key.clone()), None, Some(new)),
                (None, None) => return,
            }
        }
    }

    fn arrays(&mut self, before: &[Value], after: &[Value]) {
        let mut index = 0;
        for hunk in script::hunks(before, after, &mut self.steps) {
            index += hunk.kept;
            let paired = hunk.removed.len().min(hunk.added.len());
            let (replaced, removed) = hunk.removed.split_at(paired);
            let (replacing, added) = hunk.added.split_at(paired);
            for (old, new) in replaced.iter().zip(replacing) {
                if self.full() {
                    return;
                }
                self.values_at(Segment::Index(index), old, new);
                index += 1;
            }
            for old in removed {
                if self.full() {
                    return;
                }
                self.push_at(Segment::Index(index), Some(old), None);
            }
            for new in added {
                if self.full() {
                    return;
                }
                self.push_at(Segment::Index(index), None, Some(new));
                index += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
