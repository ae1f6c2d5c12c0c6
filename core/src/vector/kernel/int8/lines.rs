//! Arrays that begin at a cache line, so that a row of a whole number of lines touches no other; and arrays as bytes.
//!
//! Memory comes zeroed from the allocator, and what is not touched costs nothing: an array may be as long as one in a file of
//! which little is read yet. Allocators give that only for types of a common alignment, so the lines are found within words.
//! Large arrays begin at a large page, and are in large pages as far as they are filled.

use crate::vector::kernel::memory;
use alloc::{vec, vec::Vec};

/// What may be read from bytes as it is.
///
/// # Safety
/// Any bytes are a value of the type, and it has no padding.
pub(crate) unsafe trait Plain: Copy {
    /// Bytes of each number in it.
    const WIDTH: usize;
}
// SAFETY: numbers, and arrays of them.
unsafe impl Plain for i8 {
    const WIDTH: usize = 1;
}
// SAFETY: as above.
unsafe impl Plain for u8 {
    const WIDTH: usize = 1;
}
// SAFETY: as above.
unsafe impl Plain for u16 {
    const WIDTH: usize = 2;
}
// SAFETY: as above.
unsafe impl Plain for u32 {
    const WIDTH: usize = 4;
}
// SAFETY: as above.
unsafe impl Plain for u64 {
    const WIDTH: usize = 8;
}
// SAFETY: as above.
unsafe impl Plain for i64 {
    const WIDTH: usize = 8;
}
// SAFETY: as above.
unsafe impl Plain for f32 {
    const WIDTH: usize = 4;
}
// SAFETY: as above.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {
    const WIDTH: usize = T::WIDTH;
}

/// The bytes of an array.
pub(crate) fn bytes_of<T: Plain>(items: &[T]) -> &[u8] {
    // SAFETY: there is no padding, and any bytes are bytes.
    unsafe { core::slice::from_raw_parts(items.as_ptr().cast(), size_of_val(items)) }
}

/// The bytes of an array, to be written over.
pub(crate) fn bytes_of_mut<T: Plain>(items: &mut [T]) -> &mut [u8] {
    // SAFETY: as above, and any bytes are a value of the type.
    unsafe { core::slice::from_raw_parts_mut(items.as_mut_ptr().cast(), size_of_val(items)) }
}

/// Bytes and words of a cache line.
const LINE: usize = 64;
const WORDS: usize = LINE / size_of::<u64>();

/// A growing array of `T`, whose size divides 64, that begins at a cache line. It grows by a sixteenth at a time: it is large,
/// and its bytes are counted.
pub(crate) struct Lines<T> {
    words: Vec<u64>,
    /// Words before the first line.
    skip: usize,
    length: usize,
    kind: core::marker::PhantomData<T>,
}

impl<T: Plain> Lines<T> {
    const EACH: usize = LINE / size_of::<T>();

    pub(crate) const fn new() -> Self {
        Lines { words: Vec::new(), skip: 0, length: 0, kind: core::marker::PhantomData }
    }

    /// So many zeros, with room for a sixteenth more. What is never touched takes no memory.
    pub(crate) fn zeroed(length: usize) -> Self {
        let mut lines = Lines::new();
        let needed = length.div_ceil(Self::EACH);
        lines.set_room(needed + needed / 16 + 1);
        lines.length = length;
        lines
    }

    /// The same, to be filled at once.
    pub(crate) fn to_fill(length: usize) -> Self {
        let lines = Lines::zeroed(length);
        memory::expect(bytes_of(&lines));
        lines
    }

    /// Lines that there is room for.
    fn room(&self) -> usize {
        self.bytes() / LINE
    }

    /// Makes room for so many lines, which is not less than there was; all that is new is zero.
    fn set_room(&mut self, lines: usize) {
        let alignment = memory::alignment(lines * LINE);
        let before = alignment / size_of::<u64>() - 1;
        let mut words = vec![0_u64; lines * WORDS + before];
        let skip = words.as_ptr().align_offset(alignment).min(before);
        words.truncate(skip + lines * WORDS);
        let mut grown = Lines { words, skip, length: self.length, kind: self.kind };
        if self.length > 0 {
            // It grows further as it has grown so far.
            memory::expect(bytes_of(&grown.words[skip..]));
            grown.copy_from_slice(self);
        }
        *self = grown;
    }

    /// Makes room for `more` items and nothing beyond them.
    pub(crate) fn reserve_exact(&mut self, more: usize) {
        let needed = (self.length + more).div_ceil(Self::EACH);
        if needed > self.room() {
            self.set_room(needed);
        }
    }

    /// Sets the length; new items are of zero bytes, or of what was there before it was shorter.
    pub(crate) fn resize_unfilled(&mut self, length: usize) {
        let (needed, room) = (length.div_ceil(Self::EACH), self.room());
        if needed > room {
            self.set_room(needed.max(room + room / 16 + 1));
        }
        self.length = length;
    }

    /// Sets the length; new items are `fill`.
    pub(crate) fn resize(&mut self, length: usize, fill: T) {
        let old = self.length.min(length);
        self.resize_unfilled(length);
        self[old..].fill(fill);
    }

    /// Appends the items.
    #[cfg(test)]
    pub(crate) fn extend_from_slice(&mut self, items: &[T]) {
        let old = self.length;
        self.resize_unfilled(old + items.len());
        self[old..].copy_from_slice(items);
    }

    /// Bytes that there is room for.
    pub(crate) fn bytes(&self) -> usize {
        (self.words.len() - self.skip) * size_of::<u64>()
    }
}

impl<T> core::fmt::Debug for Lines<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} items", self.length)
    }
}

impl<T: Plain> Clone for Lines<T> {
    fn clone(&self) -> Self {
        let mut lines = Lines::to_fill(self.length);
        lines.copy_from_slice(self);
        lines
    }
}

impl<T: Plain> core::ops::Deref for Lines<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        if self.length == 0 {
            // There may be no line that it could begin at.
            return &[];
        }
        // SAFETY: the words are initialised and hold at least `length` items behind those that are skipped, any bytes are a
        // value of the type, and a line is aligned for it.
        unsafe { core::slice::from_raw_parts(self.words.as_ptr().add(self.skip).cast(), self.length) }
    }
}

impl<T: Plain> core::ops::DerefMut for Lines<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: as for reading; the words are borrowed for as long as the slice.
        unsafe { core::slice::from_raw_parts_mut(self.words.as_mut_ptr().add(self.skip).cast(), self.length) }
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
    fn a_large_array_begins_at_a_large_page_and_keeps_what_it_holds() {
        let length = 5 * memory::LARGE_PAGE;
        let mut lines = Lines::<u8>::to_fill(length);
        let aligned = |lines: &Lines<u8>| lines.as_ptr().addr().is_multiple_of(memory::alignment(length));
        lines.iter_mut().zip(0_u32..).for_each(|(byte, at)| *byte = (at % 251) as u8);
        memory::settle(&lines[..2 * memory::LARGE_PAGE]);
        memory::settle(&lines[7..]);
        let copy = lines.clone();
        lines.resize(2 * length, 9);
        assert!(aligned(&lines) && aligned(&copy));
        assert!(lines.iter().take(length).zip(0_u32..).all(|(byte, at)| u32::from(*byte) == at % 251));
        assert!(lines[..length] == *copy && lines[length..].iter().all(|byte| *byte == 9));
        assert!(copy.bytes() < length + length / 8, "what is skipped is no room: {}", copy.bytes());
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

    #[test]
    fn a_copy_and_an_array_of_zeros_begin_at_a_line_too() {
        let mut lines = Lines::<u32>::zeroed(1000);
        assert!(lines.iter().all(|x| *x == 0));
        lines[999] = 5;
        lines.resize(2000, 6);
        let copy = lines.clone();
        assert_eq!(*copy, *lines);
        assert_eq!((copy[998], copy[999], copy[1999]), (0, 5, 6));
        assert!([&lines, &copy].iter().all(|lines| lines.as_ptr().align_offset(64) == 0));
        assert_eq!(bytes_of(&lines[999..1000]), 5_u32.to_ne_bytes());
        bytes_of_mut(&mut lines[..1]).fill(1);
        assert_eq!(lines[0], 0x0101_0101);
    }
}
