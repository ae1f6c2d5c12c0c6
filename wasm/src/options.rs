//! The options of `open`.

use alloc::{format, string::String};
use koru_delta::{Durability, Error, ErrorCode, Result, local::LocalOptions};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** How a database is opened. What is left out is as in every language. */
export interface EngineOptions {
  readOnly?: boolean;
  create?: boolean;
  durability?: "strict" | "relaxed" | "none";
  /** Bytes. */
  cacheBytes?: number;
  /** Bytes; for tests. */
  segmentBytes?: number;
  /** Bytes; for tests. */
  tailBytes?: number;
  maintenance?: "inline" | "manual";
}
"#;

#[wasm_bindgen]
extern "C" {
    /// See `TYPES`.
    #[wasm_bindgen(typescript_type = "EngineOptions")]
    #[derive(Clone, Debug)]
    pub type JsOptions;

    #[wasm_bindgen(method, getter, js_name = readOnly)]
    fn read_only(this: &JsOptions) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    fn create(this: &JsOptions) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    fn durability(this: &JsOptions) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = cacheBytes)]
    fn cache_bytes(this: &JsOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = vectorBytes)]
    fn vector_bytes(this: &JsOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = segmentBytes)]
    fn segment_bytes(this: &JsOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = tailBytes)]
    fn tail_bytes(this: &JsOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn maintenance(this: &JsOptions) -> Option<String>;
}

fn unknown(option: &str, given: &str, known: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("{option} \"{given}\": {known} are possible"))
}

impl JsOptions {
    pub(crate) fn read(&self) -> Result<LocalOptions> {
        let defaults = LocalOptions::default();
        let durability = match self.durability().as_deref() {
            None => defaults.durability,
            Some("strict") => Durability::Strict,
            Some("relaxed") => Durability::Relaxed,
            Some("none") => Durability::None,
            Some(other) => return Err(unknown("durability", other, "strict, relaxed and none")),
        };
        let manual_maintenance = match self.maintenance().as_deref() {
            None | Some("inline") => false,
            Some("manual") => true,
            Some(other) => return Err(unknown("maintenance", other, "inline and manual")),
        };
        // A float that is no such integer becomes the nearest one, and the engine knows the bounds.
        Ok(LocalOptions {
            read_only: self.read_only().unwrap_or(defaults.read_only),
            create: self.create().unwrap_or(defaults.create),
            durability,
            manual_maintenance,
            cache_bytes: self.cache_bytes().map_or(defaults.cache_bytes, |bytes| bytes as usize),
            vector_bytes: self.vector_bytes().map_or(defaults.vector_bytes, |bytes| bytes as usize),
            segment_bytes: self.segment_bytes().map_or(defaults.segment_bytes, |bytes| bytes as u64),
            tail_bytes: self.tail_bytes().map_or(defaults.tail_bytes, |bytes| bytes as u64),
        })
    }
}
