//! The clock and the entropy: the caller's, or those of the platform.

use crate::error::OrThrown;
use koru_delta::{Host, Result};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A source of time and entropy that the caller gives, for tests that are to have the same bytes.
    #[derive(Clone, Debug)]
    pub type JsHost;

    #[wasm_bindgen(method, catch, js_name = nowMs)]
    fn now_ms(this: &JsHost) -> core::result::Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn entropy(this: &JsHost, into: &mut [u8]) -> core::result::Result<(), JsValue>;

    #[wasm_bindgen(catch, js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(into: &mut [u8]) -> core::result::Result<JsValue, JsValue>;
}

/// The most bytes that `getRandomValues` gives at once.
const ENTROPY_BYTES_MAX: usize = 65_536;

pub(crate) struct GivenHost(pub(crate) JsHost);

impl Host for GivenHost {
    fn now_ms(&self) -> i64 {
        // A clock that throws is one that stands still.
        self.0.now_ms().map_or(0, |ms| ms as i64)
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<()> {
        self.0.entropy(bytes).or_thrown()
    }
}

pub(crate) struct PlatformHost;

impl Host for PlatformHost {
    fn now_ms(&self) -> i64 {
        js_sys::Date::now() as i64
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.chunks_mut(ENTROPY_BYTES_MAX).try_for_each(|chunk| get_random_values(chunk).or_thrown().map(drop))
    }
}
