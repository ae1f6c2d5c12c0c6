//! The arguments of a step, as the types of the interface.

use super::{
    run::{Failure, Fallible},
    script::{Step, compact},
    tree::{Saved, Tree},
};
use koru_delta::{CommitInfo, DocumentVersion, Expected, KeyRange, Moment, Order, Timestamp, VersionId};
use serde_json::Value as Json;
use std::ops::Bound;

/// A step and what was saved before it.
pub(crate) struct Arguments<'a> {
    pub(crate) step: &'a Step,
    pub(crate) saved: &'a Saved,
}

impl Arguments<'_> {
    /// The argument as a tree.
    pub(crate) fn tree(&self, name: &str) -> Fallible<Tree> {
        match self.step.get(name) {
            Some(json) => Ok(Tree::read(json, self.saved)?),
            None => Err(Failure::Script(format!("{name} is missing"))),
        }
    }

    /// The argument, if it is given.
    pub(crate) fn optional<T>(&self, name: &str, read: impl FnOnce(&Self, &str) -> Fallible<T>) -> Fallible<Option<T>> {
        self.step.contains_key(name).then(|| read(self, name)).transpose()
    }

    pub(crate) fn bad<T>(&self, name: &str) -> Fallible<T> {
        let given = self.step.get(name).map(compact).unwrap_or_default();
        Err(Failure::Script(format!("{name} is not what the operation takes: {given}")))
    }

    pub(crate) fn text(&self, name: &str) -> Fallible<String> {
        match self.tree(name)? {
            Tree::Text(text) => Ok(text),
            _ => self.bad(name),
        }
    }

    /// A word of the script itself, such as the operation.
    pub(crate) fn word(&self, name: &str) -> Fallible<String> {
        self.step.get(name).and_then(Json::as_str).map(str::to_owned).map_or_else(|| self.bad(name), Ok)
    }

    /// A flag, `false` when it is not given.
    pub(crate) fn flag(&self, name: &str) -> Fallible<bool> {
        match self.step.get(name) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(_) => self.bad(name),
        }
    }

    /// Any number.
    pub(crate) fn float(&self, name: &str) -> Fallible<f64> {
        number(&self.tree(name)?).map_or_else(|| self.bad(name), Ok)
    }

    fn integer<T: TryFrom<i128>>(&self, name: &str) -> Fallible<T> {
        match self.tree(name)? {
            Tree::Int(int) => T::try_from(int).or_else(|_| self.bad(name)),
            _ => self.bad(name),
        }
    }

    pub(crate) fn int(&self, name: &str) -> Fallible<i64> {
        self.integer(name)
    }

    pub(crate) fn number(&self, name: &str) -> Fallible<u64> {
        self.integer(name)
    }

    pub(crate) fn size(&self, name: &str) -> Fallible<usize> {
        self.integer(name)
    }

    /// How many of the results are taken: all, when it is not given.
    pub(crate) fn limit(&self) -> Fallible<usize> {
        Ok(self.optional("limit", Self::size)?.unwrap_or(usize::MAX))
    }

    pub(crate) fn list<T>(&self, name: &str, read: impl FnMut(Tree) -> Option<T>) -> Fallible<Vec<T>> {
        match self.tree(name)? {
            Tree::List(items) => items.into_iter().map(read).collect::<Option<_>>().map_or_else(|| self.bad(name), Ok),
            _ => self.bad(name),
        }
    }

    pub(crate) fn version(&self, name: &str) -> Fallible<VersionId> {
        Ok(self.text(name)?.parse()?)
    }

    /// `"absent"` or a version; anything, when it is not given.
    pub(crate) fn expected(&self) -> Fallible<Expected> {
        Ok(match self.optional("expected", Self::text)?.as_deref() {
            None => Expected::Any,
            Some("absent") => Expected::Absent,
            Some(version) => Expected::Version(version.parse()?),
        })
    }

    pub(crate) fn info(&self) -> Fallible<CommitInfo> {
        let (author, message) = (self.optional("author", Self::text)?, self.optional("message", Self::text)?);
        let causes = |this: &Self, name: &str| this.list(name, cause);
        Ok(CommitInfo { author, message, causes: self.optional("causes", causes)?.unwrap_or_default() })
    }

    pub(crate) fn range(&self) -> Fallible<(KeyRange, Order)> {
        let bound = |including: &str, excluding: &str| -> Fallible<Bound<String>> {
            Ok(match (self.optional(including, Self::text)?, self.optional(excluding, Self::text)?) {
                (None, None) => Bound::Unbounded,
                (Some(key), None) => Bound::Included(key),
                (None, Some(key)) => Bound::Excluded(key),
                (Some(_), Some(_)) => return self.bad(excluding),
            })
        };
        let prefix = self.optional("prefix", Self::text)?.unwrap_or_default();
        let range = KeyRange { prefix, lower: bound("from", "after")?, upper: bound("through", "before")? };
        Ok((range, if self.flag("reverse")? { Order::Descending } else { Order::Ascending }))
    }

    /// `"now"`, or one of `{"time"} {"commit"} {"commit_prefix"} {"version"} {"tag"}`.
    pub(crate) fn moment(&self, name: &str) -> Fallible<Moment> {
        let (kind, text) = match self.tree(name)? {
            Tree::Text(now) if now == "now" => return Ok(Moment::Now),
            Tree::Map(map) => match map.into_iter().next() {
                Some((kind, Tree::Text(text))) => (kind, text),
                _ => return self.bad(name),
            },
            _ => return self.bad(name),
        };
        Ok(match kind.as_str() {
            "time" => match timestamp(&text) {
                Some(time) => Moment::Time(time),
                None => return self.bad(name),
            },
            "commit" => Moment::Commit(text.parse()?),
            "commit_prefix" => Moment::CommitPrefix(text),
            "version" => Moment::Version(text.parse()?),
            "tag" => Moment::Tag(text),
            _ => return self.bad(name),
        })
    }
}

/// The nearest float of a number, whether it is written as a float or as an integer.
pub(crate) fn number(tree: &Tree) -> Option<f64> {
    match tree {
        Tree::Int(int) => Some(*int as f64),
        Tree::Float(float) => Some(*float),
        _ => None,
    }
}

/// `ms+counter`, or `ms` for the end of the millisecond.
fn timestamp(text: &str) -> Option<Timestamp> {
    match text.split_once('+') {
        Some((ms, logical)) => {
            let first = Timestamp::from_millis(ms.parse().ok()?);
            Some(Timestamp::from_bits(first.to_bits() + i64::from(logical.parse::<u16>().ok()?)))
        }
        None => Some(Timestamp::end_of_millis(text.parse().ok()?)),
    }
}

/// `[collection, key, version]`.
fn cause(tree: Tree) -> Option<DocumentVersion> {
    let Tree::List(parts) = tree else { return None };
    match <[Tree; 3]>::try_from(parts) {
        Ok([Tree::Text(collection), Tree::Text(key), Tree::Text(version)]) => {
            Some(DocumentVersion { collection, key, version: version.parse().ok()? })
        }
        _ => None,
    }
}
