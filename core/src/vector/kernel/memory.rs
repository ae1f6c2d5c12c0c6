//! Advice about memory. It changes nothing but the time that things take, and may be refused.
//!
//! Large pages for large arrays, where the system has them: a walk that touches rows all over an array of pages of 4 KiB waits
//! for the page tables about as often as for the rows themselves.

/// Bytes of a large page.
pub(crate) const LARGE_PAGE: usize = 2 << 20;

/// What an array of so many bytes begins at a multiple of: a large page, if it is worth one, or a cache line.
pub(crate) const fn alignment(bytes: usize) -> usize {
    let large = cfg!(all(feature = "std", target_os = "linux")) && bytes >= 4 * LARGE_PAGE;
    if large { LARGE_PAGE } else { 64 }
}

/// The whole large pages that begin where these bytes begin.
fn whole(bytes: &[u8]) -> &[u8] {
    let aligned = bytes.as_ptr().addr().is_multiple_of(LARGE_PAGE);
    if aligned { &bytes[..bytes.len() - bytes.len() % LARGE_PAGE] } else { &[] }
}

/// Asks for large pages for memory that will be filled soon.
pub(crate) fn expect(bytes: &[u8]) {
    advise(whole(bytes), Advice::Large);
}

/// Moves memory that is in use to large pages.
pub(crate) fn settle(bytes: &[u8]) {
    let bytes = whole(bytes);
    if !advise(bytes, Advice::Collapse) {
        // The system may do it in its own time.
        advise(bytes, Advice::Large);
    }
}

#[derive(Clone, Copy)]
enum Advice {
    Large,
    Collapse,
}

/// Of Linux 6.1. Not every C library knows it.
#[cfg(all(feature = "std", target_os = "linux"))]
const MADV_COLLAPSE: libc::c_int = 25;

#[cfg(all(feature = "std", target_os = "linux"))]
fn advise(bytes: &[u8], advice: Advice) -> bool {
    let advice = match advice {
        Advice::Large => libc::MADV_HUGEPAGE,
        Advice::Collapse => MADV_COLLAPSE,
    };
    // SAFETY: neither advice changes what the memory holds, and what is not whole pages of this process is refused.
    bytes.is_empty() || unsafe { libc::madvise(bytes.as_ptr().cast_mut().cast(), bytes.len(), advice) == 0 }
}

#[cfg(not(all(feature = "std", target_os = "linux")))]
fn advise(_: &[u8], advice: Advice) -> bool {
    matches!(advice, Advice::Large | Advice::Collapse)
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Asks for the memory of some items of an array that may stand anywhere.
#[inline(always)]
pub(crate) fn prefetch_items<T: Copy>(array: &[T], items: impl Iterator<Item = u32>) {
    if cfg!(any(target_arch = "x86_64", target_arch = "wasm32")) {
        items
            .filter_map(|item| array.get(item as usize))
            .for_each(|item| prefetch_anywhere(core::slice::from_ref(item)));
    }
}

/// Asks for the memory of a slice that may stand anywhere, which changes nothing but the time of its next use.
///
/// WebAssembly cannot ask. An item of each line is read there, which nothing waits for until the processor has room for no
/// more; what stands behind what is read now the processor finds sooner by itself.
#[inline(always)]
pub(crate) fn prefetch_anywhere<T: Copy>(slice: &[T]) {
    prefetch(slice);
    if cfg!(target_arch = "wasm32") {
        let of_a_line = (LINE / size_of::<T>().max(1)).max(1);
        let mut at = 0;
        while at < slice.len() {
            // SAFETY: the item is one of the slice, and can be copied.
            unsafe { slice.as_ptr().add(at).read_volatile() };
            at += of_a_line;
        }
    }
}

/// Asks for the memory of a slice, which changes nothing but the time of its next use.
#[inline(always)]
pub(crate) fn prefetch<T>(slice: &[T]) {
    let _ = slice;
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = slice.as_ptr().cast::<i8>();
        let mut offset = 0;
        while offset < size_of_val(slice) {
            // SAFETY: a prefetch is allowed for any address and needs only SSE, which every x86-64 has.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) };
            offset += LINE;
        }
    }
}
