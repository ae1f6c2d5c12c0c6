//! Bytes that are held in place while they are short. The keys and values of a memtable are many and small: an allocation
//! for each would cost more than the bytes, and would be given back by another thread than took it.
//!
//! Invariant: equal bytes are equal and ordered alike, however they are held.

use alloc::boxed::Box;
use core::{borrow::Borrow, cmp::Ordering, fmt, ops::Deref};

/// Bytes; up to `N` of them need no allocation.
#[derive(Clone)]
pub(crate) enum Short<const N: usize> {
    Inline(u8, [u8; N]),
    Boxed(Box<[u8]>),
}

/// A key of the index. Those of documents with a name and key of 40 bytes together are held in place.
pub(crate) type Key = Short<62>;
/// A value of the index.
pub(crate) type Value = Short<22>;

impl<const N: usize> From<&[u8]> for Short<N> {
    fn from(bytes: &[u8]) -> Self {
        let mut inline = [0; N];
        match (u8::try_from(bytes.len()), inline.get_mut(..bytes.len())) {
            (Ok(length), Some(part)) => {
                part.copy_from_slice(bytes);
                Short::Inline(length, inline)
            }
            _ => Short::Boxed(bytes.into()),
        }
    }
}

impl<const N: usize> Deref for Short<N> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Short::Inline(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Short::Boxed(bytes) => bytes,
        }
    }
}

impl<const N: usize> Borrow<[u8]> for Short<N> {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl<const N: usize> PartialEq for Short<N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<const N: usize> Eq for Short<N> {}

impl<const N: usize> PartialOrd for Short<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Ord for Short<N> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(other)
    }
}

impl<const N: usize> fmt::Debug for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_come_back_and_order_as_bytes(
            a in proptest::collection::vec(0u8..3, 0..9), b in proptest::collection::vec(0u8..3, 0..9)
        ) {
            let (short_a, short_b) = (Short::<4>::from(&*a), Short::<4>::from(&*b));
            prop_assert_eq!(&*short_a, &*a);
            prop_assert_eq!(short_a.cmp(&short_b), a.cmp(&b));
            prop_assert_eq!(short_a == short_b, a == b);
        }
    }
}
