//! What a module without the standard library has to have: memory, and an end for panics. For the download: it is all that we
//! would use of the library.

#![allow(unsafe_code, reason = "whoever hands out memory does")]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    panic::PanicInfo,
};
use dlmalloc::Dlmalloc;

/// What the standard library uses, too, for one thread.
struct Memory(UnsafeCell<Dlmalloc>);

/// By how much memory grows at least. Whenever it does, its buffer in JavaScript is replaced by one of all its size. Node
/// counts both, and collects garbage: by 64 KiB at a time, as is usual, it did so for longer than the engine worked.
const GROWTH_BYTES: usize = 256 << 10;

#[global_allocator]
static MEMORY: Memory = Memory(UnsafeCell::new({
    let mut memory = Dlmalloc::new();
    assert!(memory.set_granularity(GROWTH_BYTES));
    memory
}));

// SAFETY: there is one thread.
unsafe impl Sync for Memory {}

// SAFETY: all of it is that of `Dlmalloc`, which nobody else reaches, and whose calls do not come back here.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(at, layout.size(), layout.align()) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(at, layout.size(), layout.align(), bytes) }
    }
}

#[panic_handler]
fn panic(panic: &PanicInfo<'_>) -> ! {
    super::say_why(panic);
    core::arch::wasm32::unreachable()
}
