//! Arrays that begin at a cache line, so that a row of a whole number of lines touches no other.

use alloc::vec::Vec;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// What may lie in lines: integers, for which every pattern of bits is a value.
///
/// # Safety
/// Any bytes are a value of the type, it has no padding, and its size divides 64.
pub(crate) unsafe trait Plain: Copy {}
// SAFETY: integers.
unsafe impl Plain for i8 {}
// SAFETY: integers.
unsafe impl Plain for u32 {}

/// A growing array of `T` that begins at a cache line. It grows by a sixteenth at a time: it is large, and its bytes are
/// counted.
#[derive(Clone)]
pub(crate) struct Lines<T> {
    lines: Vec<Line>,
    length: usize,
    kind: core::marker::PhantomData<T>,
}

impl<T: Plain> Lines<T> {
    const EACH: usize = 64 / size_of::<T>();

    pub(crate) const fn new() -> Self {
        Lines { lines: Vec::new(), length: 0, kind: core::marker::PhantomData }
    }

    /// Makes room for `more` items and nothing beyond them.
    pub(crate) fn reserve_exact(&mut self, more: usize) {
        let needed = (self.length + more).div_ceil(Self::EACH);
        self.lines.reserve_exact(needed.saturating_sub(self.lines.len()));
    }

    /// Sets the length; new items are of zero bytes, or of what was there before it was shorter.
    pub(crate) fn resize_unfilled(&mut self, length: usize) {
        let needed = length.div_ceil(Self::EACH);
        if needed > self.lines.capacity() {
            self.lines.reserve_exact((needed - self.lines.len()).max(self.lines.len() / 16 + 1));
        }
        self.lines.resize(needed, Line([0; 64]));
        self.length = length;
    }

    /// Sets the length; new items are `fill`.
    pub(crate) fn resize(&mut self, length: usize, fill: T) {
        let old = self.length.min(length);
        self.resize_unfilled(length);
        self[old..].fill(fill);
    }

    /// Appends the items.
    pub(crate) fn extend_from_slice(&mut self, items: &[T]) {
        let old = self.length;
        self.resize_unfilled(old + items.len());
        self[old..].copy_from_slice(items);
    }

    /// Bytes of memory that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.capacity() * 64
    }
}

impl<T: Plain> core::ops::Deref for Lines<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the lines are initialised and hold at least `length` items, for which any bytes are a value.
        unsafe { core::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> core::ops::DerefMut for Lines<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for reading; the lines are borrowed for as long as the slice.
        unsafe { core::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_of_lines_holds_what_a_vector_holds_and_begins_at_a_line() {
        let (mut lines, mut vector) = (Lines::<u32>::new(), Vec::new());
        for length in [0_usize, 1, 15, 16, 17, 100, 33, 400] {
            lines.resize(length, 7);
            vector.resize(length, 7);
            lines.extend_from_slice(&[1, 2, 3]);
            vector.extend_from_slice(&[1, 2, 3]);
            assert_eq!(*lines, *vector);
            assert_eq!(lines.as_ptr() as usize % 64, 0);
            assert!(lines.bytes() >= lines.len() * 4);
        }
    }

    #[test]
    fn room_that_was_made_is_used_up_before_more_is_taken() {
        let mut lines = Lines::<i8>::new();
        lines.reserve_exact(10_000);
        let bytes = lines.bytes();
        assert!((10_000..10_128).contains(&bytes), "{bytes}");
        lines.resize(10_000, 1);
        assert_eq!(lines.bytes(), bytes);
    }
}
