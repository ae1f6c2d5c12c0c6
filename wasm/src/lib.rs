//! The engine as a WebAssembly module. JavaScript gives storage, clock and entropy; calls are batches of bytes of the
//! call protocol (`docs/reference/protocol.md`). There is no logic here: it converts, calls and maps errors.
//!
//! The module is crash-only: after a panic the instance is lost, and a new one reads what is stored.

#![cfg(target_arch = "wasm32")]

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
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error(&panic.to_string())));
}
