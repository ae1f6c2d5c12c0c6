//! An encoded document as a memtable keeps it: its own allocation, or a part of one that the documents of a commit share.
//!
//! A commit of a thousand documents so takes one allocation, which the thread that drops the memtable gives back at once.

use alloc::sync::Arc;
use core::ops::{Deref, Range};

/// Bytes that are shared.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    buffer: Arc<[u8]>,
    range: Range<u32>,
}

impl Payload {
    /// A part of a buffer, which must have it.
    pub(crate) fn part(buffer: &Arc<[u8]>, range: Range<u32>) -> Payload {
        debug_assert!(range.start <= range.end && range.end as usize <= buffer.len());
        Payload { buffer: buffer.clone(), range }
    }

    /// The bytes by themselves, for who keeps them longer than what they came with. Copies a part, and only that.
    pub(crate) fn alone(&self) -> Arc<[u8]> {
        if self.buffer.len() == self.len() { self.buffer.clone() } else { Arc::from(&**self) }
    }
}

impl From<Arc<[u8]>> for Payload {
    fn from(buffer: Arc<[u8]>) -> Self {
        // Values are far shorter than 32 bits can count.
        let range = 0..u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        Payload { buffer, range }
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.get(self.range.start as usize..self.range.end as usize).unwrap_or_default()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_shows_and_keeps_only_its_own_bytes() {
        let buffer: Arc<[u8]> = Arc::from(&b"onetwo"[..]);
        let part = Payload::part(&buffer, 3..6);
        assert_eq!((&*part, &*part.alone()), (&b"two"[..], &b"two"[..]));
        let whole = Payload::from(buffer.clone());
        assert!(Arc::ptr_eq(&whole.alone(), &buffer), "a whole buffer is not copied");
        assert!(!Arc::ptr_eq(&part.alone(), &buffer), "a part does not hold on to the rest");
    }
}
