//! What a module without the standard library has to have: memory, and an end for panics. For the download: it is all that we
//! would use of the library.

use core::panic::PanicInfo;
use dlmalloc::GlobalDlmalloc;

/// What the standard library uses, too.
#[global_allocator]
static MEMORY: GlobalDlmalloc = GlobalDlmalloc;

#[panic_handler]
fn panic(panic: &PanicInfo<'_>) -> ! {
    super::say_why(panic);
    core::arch::wasm32::unreachable()
}
