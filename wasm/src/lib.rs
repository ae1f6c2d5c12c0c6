//! The engine as a WebAssembly module. JavaScript gives storage, clock and entropy; calls are batches of bytes of the
//! call protocol (`docs/reference/protocol.md`). There is no logic here: it converts, calls and maps errors.
//!
//! The module is crash-only: after a panic the instance is lost, and a new one reads what is stored.

#![cfg(target_arch = "wasm32")]
#![cfg_attr(koru_module, no_std)]

extern crate alloc;

#[cfg(koru_module)]
mod alone;
mod engine;
mod error;
mod host;
mod options;
mod storage;

pub use engine::{Engine, Session, open};
pub use host::JsHost;
pub use options::JsOptions;
pub use storage::JsStorage;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(message: &str);
}

/// A trap says only that code was unreachable; this says why.
fn say_why(panic: &dyn core::fmt::Display) {
    use core::fmt::Write;
    let mut text = Text { bytes: [0; TEXT_BYTES_MAX], length: 0 };
    // What does not fit is left out.
    let _ = write!(text, "{panic}");
    let bytes = text.bytes.get(..text.length).unwrap_or_default();
    console_error(bytes.utf8_chunks().next().map_or("", |whole| whole.valid()));
}

const TEXT_BYTES_MAX: usize = 512;

/// Text that takes no memory: that there is none may be the reason of the panic.
struct Text {
    bytes: [u8; TEXT_BYTES_MAX],
    length: usize,
}

impl core::fmt::Write for Text {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        for (to, from) in self.bytes.iter_mut().skip(self.length).zip(part.bytes()) {
            *to = from;
            self.length += 1;
        }
        Ok(())
    }
}

/// With the standard library, as in tests.
#[cfg(not(koru_module))]
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| say_why(panic)));
}
