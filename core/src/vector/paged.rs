//! Arrays that are read from a file when they are needed: whole, or page by page.
//!
//! What is here sees no storage. It says which pages are missing and takes them in; whoever has the file reads them, checks
//! them and comes again. An array has its full length from the begin, and no memory where nothing was touched.
//!
//! Invariant: a page that is there is never written over by one of a file, so an array may be changed where it is there.

use super::kernel::{
    int8::lines::{Plain, bytes_of, bytes_of_mut},
    memory,
};
use alloc::{boxed::Box, vec, vec::Vec};
use core::ops::Range;

/// Bytes of a page: what is read and checked at once, and that of most file systems.
pub(crate) const PAGE: usize = 4096;

/// Words of marks for the pages of a large page.
const LARGE_WORDS: usize = memory::LARGE_PAGE / PAGE / 64;

/// Which pages of an array are there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages(Option<Box<Partial>>);

/// Some are not.
#[derive(Clone, Debug)]
struct Partial {
    /// The number of the first page in the file.
    first: u32,
    /// Bytes of the file: what was added to the array behind them is there.
    bytes: usize,
    there: Vec<u64>,
    missing: usize,
}

impl Pages {
    /// None of so many bytes, which lie in the file from a page on.
    pub(crate) fn none(first: u32, bytes: usize) -> Pages {
        let missing = bytes.div_ceil(PAGE);
        let there = vec![0; missing.div_ceil(64)];
        Pages((missing > 0).then(|| Box::new(Partial { first, bytes, there, missing })))
    }

    /// Whether all are there.
    #[inline(always)]
    pub(crate) fn are_all(&self) -> bool {
        self.0.is_none()
    }

    /// How many are missing, and how many there are of the file.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.0.as_ref().map_or((0, 0), |partial| (partial.missing, partial.bytes.div_ceil(PAGE)))
    }

    /// Adds to `out` the pages of a range of bytes that are not there; whether there was none.
    pub(crate) fn need(&self, range: Range<usize>, out: &mut Vec<u32>) -> bool {
        let Some(partial) = &self.0 else { return true };
        let before = out.len();
        let end = range.end.min(partial.bytes);
        // What was added behind the file's bytes has no page.
        let pages = if range.start < end { range.start / PAGE..end.div_ceil(PAGE) } else { 0..0 };
        for page in pages {
            if partial.there.get(page / 64).is_some_and(|word| word >> (page % 64) & 1 == 0) {
                out.push(partial.first + page as u32);
            }
        }
        out.len() == before
    }

    /// The bytes of a page of the file, if it is one of this array's that is not there.
    pub(crate) fn place(&self, page: u32) -> Option<Range<usize>> {
        let partial = self.0.as_deref()?;
        let at = page.checked_sub(partial.first)? as usize;
        let start = at.checked_mul(PAGE).filter(|start| *start < partial.bytes)?;
        let missing = partial.there.get(at / 64)? >> (at % 64) & 1 == 0;
        missing.then(|| start..(start + PAGE).min(partial.bytes))
    }

    /// Copies a page to its place in an array, if it is missing there, and returns its range of bytes. [`add`](Self::add) says
    /// that it is there, once it was found sound.
    pub(crate) fn copy(&self, page: u32, bytes: &[u8], to: ArrayMut<'_>) -> Option<Range<usize>> {
        let range = self.place(page)?;
        let own = to.bytes.get_mut(range.clone())?;
        own.copy_from_slice(bytes.get(..own.len())?);
        to_native(own, to.width);
        Some(range)
    }

    /// A page of an array is there now.
    pub(crate) fn add(&mut self, page: u32, array: &[u8]) {
        if self.place(page).is_none() {
            return;
        }
        let Some(partial) = &mut self.0 else { return };
        let at = (page - partial.first) as usize;
        partial.there[at / 64] |= 1 << (at % 64);
        partial.missing -= 1;
        let large = at / 64 / LARGE_WORDS;
        let is_whole = partial.there[large * LARGE_WORDS..].iter().take(LARGE_WORDS).all(|word| *word == u64::MAX);
        if let Some(whole) =
            array.get(large * memory::LARGE_PAGE..(large + 1) * memory::LARGE_PAGE).filter(|_| is_whole)
        {
            memory::settle(whole);
        }
        if partial.missing == 0 {
            self.0 = None;
        }
    }

    /// Takes in a page of an array of which any bytes are sound; whether it was one of its missing ones.
    pub(crate) fn take_in(&mut self, page: u32, bytes: &[u8], to: ArrayMut<'_>) -> bool {
        let ArrayMut { bytes: array, width, whole } = to;
        let taken = self.copy(page, bytes, ArrayMut { bytes: &mut *array, width, whole }).is_some();
        if taken {
            self.add(page, array);
        }
        taken
    }
}

/// An array, to be written to a file.
pub(crate) struct Array<'a> {
    pub(crate) bytes: &'a [u8],
    /// Bytes of each number in it.
    pub(crate) width: usize,
}

/// An array, to be read from a file.
pub(crate) struct ArrayMut<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) width: usize,
    /// Whether it is read as a whole, or page by page when it is needed.
    pub(crate) whole: bool,
}

impl<'a> Array<'a> {
    pub(crate) fn of<T: Plain>(items: &'a [T]) -> Array<'a> {
        Array { bytes: bytes_of(items), width: T::WIDTH }
    }
}

impl<'a> ArrayMut<'a> {
    pub(crate) fn of<T: Plain>(items: &'a mut [T], pages: Option<&Pages>) -> ArrayMut<'a> {
        ArrayMut { bytes: bytes_of_mut(items), width: T::WIDTH, whole: pages.is_none_or(Pages::are_all) }
    }
}

/// Makes numbers of so many bytes, which are little-endian in files, those of the processor, or the other way round.
pub(crate) fn to_native(bytes: &mut [u8], width: usize) {
    if cfg!(target_endian = "big") && width > 1 {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
}

/// Pages of a file that are given to arrays, one after the other.
#[derive(Clone)]
pub(crate) struct Paging {
    next: u32,
    end: u32,
}

impl Paging {
    pub(crate) fn new(pages: u32) -> Paging {
        Paging { next: 0, end: pages }
    }

    /// The page that is given next.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.next == self.end
    }

    /// Gives pages to an array of so many items of a size, and returns the first of them; `None` if the file has not as many.
    /// So nothing is made room for that is not there.
    pub(crate) fn give(&mut self, count: usize, size: usize) -> Option<u32> {
        let pages = u32::try_from(count.checked_mul(size)?.div_ceil(PAGE)).ok()?;
        let first = self.next;
        self.next = first.checked_add(pages).filter(|next| *next <= self.end)?;
        Some(first)
    }
}

/// Files of arrays, for tests.
#[cfg(test)]
pub(crate) mod files {
    use super::*;

    /// Arrays as they lie in a file.
    pub(crate) fn written(arrays: &[Array<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for array in arrays {
            let at = bytes.len();
            bytes.extend_from_slice(array.bytes);
            to_native(&mut bytes[at..], array.width);
            bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
        }
        bytes
    }

    /// Reads the arrays that are read as a whole.
    pub(crate) fn read(arrays: Vec<ArrayMut<'_>>, bytes: &[u8]) {
        let mut at = 0;
        for array in arrays {
            let length = array.bytes.len();
            if array.whole {
                array.bytes.copy_from_slice(&bytes[at..at + length]);
                to_native(array.bytes, array.width);
            }
            at += length.next_multiple_of(PAGE);
        }
    }

    /// The pages with their numbers.
    pub(crate) fn pages(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
        (0..).zip(bytes.chunks(PAGE))
    }

    /// Pages of a file.
    pub(crate) fn paging(bytes: &[u8]) -> Paging {
        Paging::new((bytes.len() / PAGE) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::kernel::int8::lines::Lines;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        #[test]
        fn pages_come_in_any_order_and_what_is_there_stays(
            numbers in vec(any::<u32>(), 0..6000), first in 0..9_u32, wanted in vec(any::<prop::sample::Index>(), 0..40),
            more in vec(any::<u32>(), 0..2000),
        ) {
            let file = files::written(&[Array::of(&numbers)]);
            let mut pages = Pages::none(first, numbers.len() * 4);
            let mut array = vec![0_u32; numbers.len()];
            // What is added has no page to wait for.
            array.extend_from_slice(&more);
            prop_assert!(pages.need(numbers.len() * 4..array.len() * 4, &mut Vec::new()));
            for at in wanted.iter().filter(|_| !numbers.is_empty()) {
                let at = at.index(numbers.len());
                let mut missing = Vec::new();
                let there = pages.need(at * 4..at * 4 + 4, &mut missing);
                prop_assert_eq!(there, missing.is_empty());
                for page in missing {
                    let start = (page - first) as usize * PAGE;
                    let bytes = &file[start..start + PAGE];
                    prop_assert!(pages.take_in(page, bytes, ArrayMut::of(&mut array, None)));
                    array[at] ^= 1;
                    prop_assert!(!pages.take_in(page, bytes, ArrayMut::of(&mut array, None)), "it would be written over");
                    array[at] ^= 1;
                }
                prop_assert_eq!(array[at], numbers[at]);
            }
            let mut rest = Vec::new();
            prop_assert_eq!(pages.need(0..usize::MAX, &mut rest), pages.are_all());
            prop_assert!(!pages.take_in(first + 1000, &[0; PAGE], ArrayMut::of(&mut array, None)));
            for page in rest {
                let start = (page - first) as usize * PAGE;
                prop_assert!(pages.take_in(page, &file[start..start + PAGE], ArrayMut::of(&mut array, None)));
            }
            prop_assert!(pages.are_all());
            prop_assert_eq!(&array[..numbers.len()], &numbers[..]);
            prop_assert_eq!(&array[numbers.len()..], &more[..]);
        }
    }

    #[test]
    fn an_array_of_large_pages_is_what_was_read_of_it() {
        let numbers: Vec<u32> = (0..3 << 20).collect();
        let file = files::written(&[Array::of(&numbers)]);
        let mut array = Lines::<u32>::zeroed(numbers.len());
        let mut pages = Pages::none(0, numbers.len() * 4);
        // From the end, and all but one: every large page is whole but that.
        for (page, bytes) in files::pages(&file).collect::<Vec<_>>().into_iter().rev().filter(|(page, _)| *page != 700)
        {
            assert!(pages.take_in(page, bytes, ArrayMut::of(&mut array, None)));
        }
        let mut missing = Vec::new();
        assert!(!pages.need(0..usize::MAX, &mut missing));
        assert_eq!(missing, [700]);
        let hole = 700 * PAGE / 4..701 * PAGE / 4;
        assert!(array[..hole.start] == numbers[..hole.start] && array[hole.end..] == numbers[hole.end..]);
        assert!(array[hole].iter().all(|number| *number == 0));
    }

    #[test]
    fn no_more_pages_are_given_than_there_are() {
        let mut paging = Paging::new(3);
        assert_eq!(paging.give(0, 8), Some(0));
        assert_eq!(paging.give(PAGE + 1, 1), Some(0));
        assert_eq!(paging.clone().give(2 * PAGE, 1), None);
        assert_eq!(paging.clone().give(usize::MAX, 2), None);
        assert_eq!(paging.give(1, 8), Some(2));
        assert!(paging.is_used_up());
    }
}
