//! Storage in JavaScript. One type for both flavours: what is there at once is ready at once, and a promise is waited for.

use crate::error::OrThrown;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::RefCell;
use js_sys::{Array, JsString, Promise, Uint8Array};
use koru_delta::{
    Error, ErrorCode, Result,
    storage::{AsyncStorage, FileInfo, FileName},
};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A medium, as the engine reaches it. What is thrown or rejected has a `code` of the list of errors, or counts as `IO`. */
export type JsStorage = SyncStorage | AsyncStorage;

interface AnyStorage {
  /** How the medium is called in `info`. */
  readonly kind: string;
  readonly location: string;
  /** Whether zeros written ahead of the log make a small sync cheaper. */
  readonly preallocate: boolean;
}

/** Bytes that are handed over are views of the module's memory: they are not to be kept. */
export interface SyncStorage extends AnyStorage {
  readonly asynchronous: false;
  list(): [name: string, bytes: number][];
  create(name: string): void;
  readAt(name: string, offset: number, into: Uint8Array): number;
  writeAt(name: string, offset: number, data: Uint8Array): void;
  sync(name: string): void;
  truncate(name: string, bytes: number): void;
  remove(name: string): void;
  close(): void;
}

/** Every call returns its result or a promise of it. `data` is a view of the module's memory and not to be kept. */
export interface AsyncStorage extends AnyStorage {
  readonly asynchronous: true;
  list(): [name: string, bytes: number][] | Promise<[name: string, bytes: number][]>;
  create(name: string): void | Promise<void>;
  readAt(name: string, offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  writeAt(name: string, offset: number, data: Uint8Array): void | Promise<void>;
  sync(name: string): void | Promise<void>;
  truncate(name: string, bytes: number): void | Promise<void>;
  remove(name: string): void | Promise<void>;
  close(): void | Promise<void>;
}
"#;

type Thrown<T> = core::result::Result<T, JsValue>;

#[wasm_bindgen]
extern "C" {
    /// See `TYPES`.
    #[wasm_bindgen(typescript_type = "JsStorage")]
    #[derive(Clone, Debug)]
    pub type JsStorage;

    #[wasm_bindgen(method, getter)]
    fn asynchronous(this: &JsStorage) -> bool;
    #[wasm_bindgen(method, getter)]
    fn kind(this: &JsStorage) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn location(this: &JsStorage) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn preallocate(this: &JsStorage) -> bool;

    #[wasm_bindgen(method, catch)]
    fn list(this: &JsStorage) -> Thrown<JsValue>;
    #[wasm_bindgen(method, catch)]
    fn create(this: &JsStorage, name: &JsString) -> Thrown<JsValue>;
    #[wasm_bindgen(method, catch, js_name = readAt)]
    fn read_into(this: &JsStorage, name: &JsString, offset: f64, into: &mut [u8]) -> Thrown<f64>;
    #[wasm_bindgen(method, catch, js_name = readAt)]
    fn read_at(this: &JsStorage, name: &JsString, offset: f64, length: f64) -> Thrown<JsValue>;
    #[wasm_bindgen(method, catch, js_name = writeAt)]
    fn write_at(this: &JsStorage, name: &JsString, offset: f64, data: &[u8]) -> Thrown<JsValue>;
    #[wasm_bindgen(method, catch)]
    fn sync(this: &JsStorage, name: &JsString) -> Thrown<JsValue>;
    #[wasm_bindgen(method, catch)]
    fn truncate(this: &JsStorage, name: &JsString, bytes: f64) -> Thrown<JsValue>;
    #[wasm_bindgen(method, catch)]
    fn remove(this: &JsStorage, name: &JsString) -> Thrown<JsValue>;
    #[wasm_bindgen(method, catch)]
    fn close(this: &JsStorage) -> Thrown<JsValue>;
}

/// Names of files that are kept as JavaScript strings: most calls are of the same few.
const NAMES_MAX: usize = 32;

/// The largest offset that a JavaScript number names exactly.
const OFFSET_MAX: u64 = (1 << 53) - 1;

pub(crate) struct Storage {
    js: JsStorage,
    asynchronous: bool,
    kind: &'static str,
    location: String,
    preallocate: bool,
    names: RefCell<Vec<(FileName, JsString)>>,
}

impl Storage {
    pub(crate) fn new(js: JsStorage) -> Storage {
        let known = ["memory", "file", "node", "opfs", "idb", "http"];
        let kind = js.kind().unwrap_or_default();
        let kind = known.into_iter().find(|known| *known == kind).unwrap_or("custom");
        let (asynchronous, location, preallocate) =
            (js.asynchronous(), js.location().unwrap_or_default(), js.preallocate());
        Storage { js, asynchronous, kind, location, preallocate, names: RefCell::default() }
    }

    fn name(&self, name: FileName) -> JsString {
        let mut names = self.names.borrow_mut();
        if let Some((_, text)) = names.iter().find(|(known, _)| *known == name) {
            return text.clone();
        }
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        let text = JsString::from(name.to_string());
        names.push((name, text.clone()));
        text
    }
}

fn offset(name: FileName, bytes: u64) -> Result<f64> {
    if bytes > OFFSET_MAX {
        let message = format!("{name} cannot hold {bytes} bytes: JavaScript counts to {OFFSET_MAX}");
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    Ok(bytes as f64)
}

/// What a call returned, or what it promised.
async fn done(returned: Thrown<JsValue>) -> Result<JsValue> {
    let returned = returned.or_thrown()?;
    match returned.dyn_into::<Promise>() {
        Ok(promise) => JsFuture::from(promise).await.or_thrown(),
        Err(value) => Ok(value),
    }
}

fn unexpected(call: &str) -> Error {
    Error::new(ErrorCode::Io, format!("the storage's {call} returned something else than it has to"))
}

impl AsyncStorage for Storage {
    async fn list(&self) -> Result<Vec<FileInfo>> {
        let listed = done(self.js.list()).await?;
        let listed: Array = listed.dyn_into().map_err(|_| unexpected("list"))?;
        let mut files = Vec::new();
        for file in listed.iter() {
            let file: Array = file.dyn_into().map_err(|_| unexpected("list"))?;
            let (Some(name), Some(bytes)) = (file.get(0).as_string(), file.get(1).as_f64()) else {
                return Err(unexpected("list"));
            };
            // A file that is none of ours is left alone.
            files.extend(FileName::parse(&name).map(|name| FileInfo { name, bytes: bytes as u64 }));
        }
        Ok(files)
    }

    async fn create(&self, name: FileName) -> Result<()> {
        done(self.js.create(&self.name(name))).await.map(drop)
    }

    async fn read_at(&self, name: FileName, at: u64, buffer: &mut [u8]) -> Result<usize> {
        let (file, at) = (self.name(name), offset(name, at)?);
        if !self.asynchronous {
            let read = self.js.read_into(&file, at, buffer).or_thrown()? as usize;
            return if read <= buffer.len() { Ok(read) } else { Err(unexpected("readAt")) };
        }
        let read = done(self.js.read_at(&file, at, buffer.len() as f64)).await?;
        let read: Uint8Array = read.dyn_into().map_err(|_| unexpected("readAt"))?;
        let into = buffer.get_mut(..read.length() as usize).ok_or_else(|| unexpected("readAt"))?;
        read.copy_to(into);
        Ok(into.len())
    }

    async fn write_at(&self, name: FileName, at: u64, data: &[u8]) -> Result<()> {
        offset(name, at.saturating_add(data.len() as u64))?;
        done(self.js.write_at(&self.name(name), offset(name, at)?, data)).await.map(drop)
    }

    async fn sync(&self, name: FileName) -> Result<()> {
        done(self.js.sync(&self.name(name))).await.map(drop)
    }

    async fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        done(self.js.truncate(&self.name(name), offset(name, bytes)?)).await.map(drop)
    }

    async fn remove(&self, name: FileName) -> Result<()> {
        done(self.js.remove(&self.name(name))).await.map(drop)
    }

    async fn close(&self) -> Result<()> {
        done(self.js.close()).await.map(drop)
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn location(&self) -> String {
        self.location.clone()
    }

    fn wants_preallocation(&self) -> bool {
        self.preallocate
    }

    fn wants_block_reads(&self) -> bool {
        true
    }
}
