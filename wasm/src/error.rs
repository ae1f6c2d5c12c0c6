//! Errors in both directions: ours become `Error` objects with a `code`, and what JavaScript throws becomes one of ours.

use js_sys::Reflect;
use koru_delta::{Error, ErrorCode, Result};
use wasm_bindgen::prelude::*;

/// An `Error` with the property `code`.
pub(crate) fn to_js(error: &Error) -> JsValue {
    let thrown = js_sys::Error::new(error.message());
    // A fresh object takes any property.
    let _ = Reflect::set(&thrown, &"code".into(), &error.code().name().into());
    thrown.into()
}

/// What a storage or host threw: with a `code` of ours that error, anything else is `IO`.
pub(crate) fn from_js(thrown: &JsValue) -> Error {
    let text = |name: &str| Reflect::get(thrown, &name.into()).ok().and_then(|value| value.as_string());
    let code = text("code").and_then(|name| ErrorCode::ALL.iter().copied().find(|code| code.name() == name));
    let message = text("message").or_else(|| thrown.as_string()).unwrap_or_else(|| "something was thrown".into());
    Error::new(code.unwrap_or(ErrorCode::Io), message)
}

/// The result of a call into JavaScript.
pub(crate) trait OrThrown<T> {
    fn or_thrown(self) -> Result<T>;
}

impl<T> OrThrown<T> for core::result::Result<T, JsValue> {
    fn or_thrown(self) -> Result<T> {
        self.map_err(|thrown| from_js(&thrown))
    }
}
