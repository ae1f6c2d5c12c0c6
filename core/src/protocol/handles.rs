//! What a session holds for its client between calls: cursors, watches, snapshots, exports.
//!
//! Whoever reads on takes it out and puts it back, so that nothing is borrowed while the storage is waited for.

use super::pages::Cursor;
use crate::{
    Error, ErrorCode, Result,
    engine::{Export, Feed, View},
    limits::HANDLES_MAX,
};
use alloc::{boxed::Box, format, rc::Rc, vec::Vec};
use core::cell::{Cell, RefCell};

#[derive(Default)]
pub(super) struct Handles {
    /// Ascending by number.
    held: RefCell<Vec<(i64, Held)>>,
    next: Cell<i64>,
}

pub(super) enum Held {
    /// A call has taken it out.
    Taken,
    Cursor(Box<Cursor>),
    Watch(Box<Feed>),
    Snapshot(View),
    Export(Rc<Export>),
}

fn unknown(handle: i64, what: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("handle {handle} is not that of {what}, or was released"))
}

fn find(held: &[(i64, Held)], handle: i64) -> Option<&Held> {
    let at = held.binary_search_by_key(&handle, |(number, _)| *number).ok()?;
    held.get(at).map(|(_, thing)| thing)
}

fn find_mut(held: &mut [(i64, Held)], handle: i64) -> Option<&mut Held> {
    let at = held.binary_search_by_key(&handle, |(number, _)| *number).ok()?;
    held.get_mut(at).map(|(_, thing)| thing)
}

impl Handles {
    /// Keeps something, under a number that was never used before.
    pub(super) fn keep(&self, thing: Held) -> Result<i64> {
        let mut held = self.held.borrow_mut();
        if held.len() >= HANDLES_MAX {
            return Err(Error::limit(format!(
                "{HANDLES_MAX} handles are in use, the most of one session: release some"
            )));
        }
        let handle = self.next.get() + 1;
        self.next.set(handle);
        held.push((handle, thing));
        Ok(handle)
    }

    /// Takes out what is to be read on.
    pub(super) fn take(&self, handle: i64) -> Result<Held> {
        match find_mut(&mut self.held.borrow_mut(), handle) {
            Some(Held::Taken) => {
                Err(Error::invalid(format!("another call reads on with handle {handle}: wait for it")))
            }
            Some(thing @ (Held::Cursor(_) | Held::Watch(_))) => Ok(core::mem::replace(thing, Held::Taken)),
            _ => Err(unknown(handle, "a cursor or watch")),
        }
    }

    /// Whether something that was taken out can still be put back.
    pub(super) fn is_taken(&self, handle: i64) -> bool {
        matches!(find(&self.held.borrow(), handle), Some(Held::Taken))
    }

    /// Puts back what was taken out, unless it was released in between.
    pub(super) fn put_back(&self, handle: i64, thing: Held) {
        if let Some(place @ Held::Taken) = find_mut(&mut self.held.borrow_mut(), handle) {
            *place = thing;
        }
    }

    pub(super) fn release(&self, handle: i64) -> Result<()> {
        let mut held = self.held.borrow_mut();
        let at = held.binary_search_by_key(&handle, |(number, _)| *number);
        at.map(|at| drop(held.remove(at))).map_err(|_| unknown(handle, "anything"))
    }

    pub(super) fn snapshot(&self, handle: i64) -> Result<View> {
        match find(&self.held.borrow(), handle) {
            Some(Held::Snapshot(view)) => Ok(view.clone()),
            _ => Err(unknown(handle, "a snapshot")),
        }
    }

    pub(super) fn export(&self, handle: i64) -> Result<Rc<Export>> {
        match find(&self.held.borrow(), handle) {
            Some(Held::Export(export)) => Ok(export.clone()),
            _ => Err(unknown(handle, "an export")),
        }
    }

    pub(super) fn clear(&self) {
        self.held.borrow_mut().clear();
    }
}
