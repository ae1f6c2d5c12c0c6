//! The way back: changes onto a value.

use super::{Change, Path, Segment};
use crate::{
    error::{Error, ErrorCode, Result, quoted},
    value::Value,
};
use alloc::{format, string::String};

/// The value that `changes` make of `base`, one after the other, where `None` is an absent document.
///
/// An element that is added or removed moves those behind it, so the cost is that of the changes times the length of
/// the arrays they are in.
///
/// # Errors
/// `CONFLICT` if what a change wants to replace or remove is not what is there, or something is where it wants to add:
/// then the changes are those of another value.
pub fn apply(base: Option<&Value>, changes: &[Change]) -> Result<Option<Value>> {
    let mut document = base.cloned();
    for change in changes {
        apply_one(&mut document, change)
            .map_err(|e| e.context(&format!("at {}", quoted(&format!("{}", change.path)))))?;
    }
    Ok(document)
}

fn apply_one(document: &mut Option<Value>, change: &Change) -> Result<()> {
    let Path(segments) = &change.path;
    let Some((last, way)) = segments.split_last() else {
        expect(document.as_ref(), change)?;
        document.clone_from(&change.after);
        return Ok(());
    };
    let document = document.as_mut().ok_or_else(|| conflict("there is no document"))?;
    let container = way.iter().try_fold(document, |value, segment| match segment {
        Segment::Key(key) => value.as_map_mut()?.get_mut(key),
        Segment::Index(index) => value.as_array_mut()?.get_mut(*index),
    });
    let container = container.ok_or_else(|| conflict("the path ends before it"))?;
    match (last, container) {
        (Segment::Key(key), Value::Map(map)) => {
            expect(map.get(key), change)?;
            match &change.after {
                Some(after) => map.insert(key.clone(), after.clone()),
                None => map.remove(key),
            };
        }
        (Segment::Index(index), Value::Array(items)) => {
            match (&change.before, &change.after) {
                (None, None) => {}
                (None, Some(after)) if *index <= items.len() => items.insert(*index, after.clone()),
                (None, Some(_)) => return Err(conflict("the array ends before it")),
                (Some(_), after) => {
                    expect(items.get(*index), change)?;
                    match (after, items.get_mut(*index)) {
                        (Some(after), Some(item)) => item.clone_from(after),
                        _ => drop(items.remove(*index)),
                    }
                }
            };
        }
        (_, other) => return Err(conflict(format!("what holds it is {}", other.kind()))),
    }
    Ok(())
}

fn expect(found: Option<&Value>, change: &Change) -> Result<()> {
    if found == change.before.as_ref() {
        return Ok(());
    }
    Err(conflict(match (found, &change.before) {
        (Some(_), None) => "something is there already",
        (None, _) => "nothing is there",
        _ => "another value is there",
    }))
}

fn conflict(what: impl Into<String>) -> Error {
    Error::new(ErrorCode::Conflict, what)
}
