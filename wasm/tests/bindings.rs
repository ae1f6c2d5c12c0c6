//! The module as JavaScript uses it, in Node and in Chromium: storage written in JavaScript, batches of bytes, errors with codes.
//!
//! Run by `wasm-bindgen-test-runner`; natively there is nothing here.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use js_sys::{Function, Promise, Reflect, Uint8Array};
use koru_wasm::{Engine, JsHost, JsOptions, JsStorage, Session, open};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen(inline_js = r#"
function failure(code, message) {
  return Object.assign(new Error(message), { code });
}

class Memory {
  asynchronous = false;
  kind = "memory";
  location = "memory:";
  preallocate = false;
  syncs = 0;
  files = new Map();

  get(name) {
    const file = this.files.get(name);
    if (!file) throw failure("NOT_FOUND", `there is no ${name}`);
    return file;
  }
  set(name, bytes) {
    const grown = new Uint8Array(bytes);
    const file = this.get(name);
    grown.set(file.subarray(0, bytes));
    this.files.set(name, grown);
    return grown;
  }
  list() {
    return [...this.files].map(([name, file]) => [name, file.length]).concat([["unrelated.txt", 5]]);
  }
  create(name) {
    if (this.files.has(name)) throw failure("ALREADY_EXISTS", name);
    this.files.set(name, new Uint8Array());
  }
  readAt(name, offset, into) {
    const part = this.get(name).subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }
  writeAt(name, offset, data) {
    if (this.full) throw failure("STORAGE_FULL", "no room");
    const file = this.get(name);
    const end = offset + data.length;
    (end > file.length ? this.set(name, end) : file).set(data, offset);
  }
  sync(name) {
    this.get(name);
    this.syncs += 1;
    if (this.broken) throw new Error("the cable is out");
  }
  truncate(name, bytes) {
    this.set(name, bytes);
  }
  remove(name) {
    this.get(name);
    this.files.delete(name);
  }
  close() {
    this.closed = true;
  }
}

export function memory() {
  return new Memory();
}

/** The same files through calls that promise their results, or now and then have them at once. */
export function promising(memory) {
  let calls = 0;
  const later = (make) => (++calls % 5 === 0 ? make() : new Promise((resolve) => setTimeout(resolve, calls % 3)).then(make));
  const copy = (data) => data.slice();
  return {
    asynchronous: true,
    kind: "idb",
    location: "idb:test",
    preallocate: false,
    list: () => later(() => memory.list()),
    create: (name) => later(() => memory.create(name)),
    readAt: (name, offset, length) => later(() => memory.get(name).slice(offset, offset + length)),
    writeAt: (name, offset, data) => {
      const kept = copy(data);
      return later(() => memory.writeAt(name, offset, kept));
    },
    sync: (name) => later(() => memory.sync(name)),
    truncate: (name, bytes) => later(() => memory.truncate(name, bytes)),
    remove: (name) => later(() => memory.remove(name)),
    close: () => later(() => memory.close()),
  };
}

export function fixed_host() {
  let byte = 0;
  return { nowMs: () => 1234567890123, entropy: (into) => into.forEach((_, i) => (into[i] = byte++)) };
}
"#)]
extern "C" {
    fn memory() -> JsStorage;
    fn promising(memory: &JsValue) -> JsStorage;
    fn fixed_host() -> JsHost;
}

/// A session and what it was answered.
struct Client {
    session: Session,
    batches: Rc<RefCell<Vec<Vec<u8>>>>,
    _on_reply: Closure<dyn FnMut(Uint8Array)>,
}

impl Client {
    fn new(engine: &Engine) -> Client {
        let batches = Rc::new(RefCell::new(Vec::new()));
        let into = batches.clone();
        let on_reply = Closure::new(move |batch: Uint8Array| into.borrow_mut().push(batch.to_vec()));
        let session = engine.session(on_reply.as_ref().unchecked_ref::<Function>().clone());
        Client { session, batches, _on_reply: on_reply }
    }

    /// Submits a batch and waits for as many replies: for each its status and its results.
    async fn call(&self, messages: &[Vec<u8>]) -> Vec<(u8, Vec<u8>)> {
        self.session.submit(&messages.concat()).unwrap();
        for _ in 0..2_000 {
            let all = self.batches.borrow().concat();
            let mut replies = Vec::new();
            let mut rest = &*all;
            while let Some((length, after)) = rest.split_first_chunk() {
                let (reply, after) = after.split_at(u32::from_le_bytes(*length) as usize);
                replies.push((u32::from_le_bytes(reply[..4].try_into().unwrap()), reply[4], reply[5..].to_vec()));
                rest = after;
            }
            if replies.len() == messages.len() {
                replies.sort();
                self.batches.borrow_mut().clear();
                return replies.into_iter().map(|(_, status, results)| (status, results)).collect();
            }
            sleep(1).await;
        }
        panic!("no reply");
    }
}

async fn sleep(ms: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        let set = Reflect::get(&js_sys::global(), &"setTimeout".into()).unwrap();
        set.unchecked_into::<Function>().call2(&JsValue::UNDEFINED, &resolve, &ms.into()).unwrap();
    });
    JsFuture::from(promise).await.unwrap();
}

const NULL: &[u8] = &[0xf0];

fn text(text: &str) -> Vec<u8> {
    [&[0x80 + text.len() as u8], text.as_bytes()].concat()
}

fn message(call: u32, operation: u8, arguments: &[&[u8]]) -> Vec<u8> {
    let body = arguments.concat();
    [&(body.len() as u32 + 5).to_le_bytes()[..], &call.to_le_bytes(), &[operation], &body].concat()
}

fn put(call: u32, key: &str, value: &[u8]) -> Vec<u8> {
    message(call, 3, &[&text("c"), &text(key), NULL, NULL, NULL, value])
}

fn get(call: u32, key: &str) -> Vec<u8> {
    message(call, 1, &[&text("c"), &text(key), NULL])
}

fn options(entries: &[(&str, JsValue)]) -> Option<JsOptions> {
    let object = js_sys::Object::new();
    for (name, value) in entries {
        Reflect::set(&object, &(*name).into(), value).unwrap();
    }
    Some(object.unchecked_into())
}

fn code(error: &JsValue) -> String {
    Reflect::get(error, &"code".into()).unwrap().as_string().unwrap_or_default()
}

fn number(object: &JsValue, name: &str) -> f64 {
    Reflect::get(object, &name.into()).unwrap().as_f64().unwrap()
}

#[wasm_bindgen_test]
async fn a_document_goes_in_and_comes_out() {
    let storage = memory();
    let files: JsValue = storage.clone().into();
    let engine = open(storage, None, None).await.unwrap();
    let client = Client::new(&engine);
    assert_eq!(client.call(&[get(1, "a")]).await, [(0, vec![])]);
    let written = client.call(&[put(2, "a", &text("one"))]).await;
    let read = client.call(&[get(3, "a")]).await;
    assert!(read[0].0 == 0 && read[0].1.ends_with(&text("one")));
    assert!(written[0].1.starts_with(&read[0].1[..8]), "the version is told by both");

    let before = number(&files, "syncs");
    let puts: Vec<_> = (0..64).map(|i| put(i, &format!("k{i}"), &[i as u8])).collect();
    assert!(client.call(&puts).await.iter().all(|(status, _)| *status == 0));
    assert_eq!(number(&files, "syncs") - before, 1.0, "the puts of a batch share a sync");

    JsFuture::from(engine.close()).await.unwrap();
    assert_eq!(Reflect::get(&files, &"closed".into()).unwrap(), JsValue::TRUE);
    let (status, error) = client.call(&[get(4, "a")]).await.remove(0);
    assert!(status == 1 && error.starts_with(&text("CLOSED")));
}

#[wasm_bindgen_test]
async fn storage_that_promises_is_waited_for() {
    let files: JsValue = memory().into();
    let settings = || options(&[("segmentBytes", 40_000.into()), ("tailBytes", 4_000.into())]);
    let engine = open(promising(&files), None, settings()).await.unwrap();
    let client = Client::new(&engine);
    for round in 0..6_u32 {
        let puts: Vec<_> = (0..20).map(|i| put(i, &format!("k{i}"), &text(&"x".repeat(round as usize + 30)))).collect();
        assert!(client.call(&puts).await.iter().all(|(status, _)| *status == 0));
    }
    JsFuture::from(engine.close()).await.unwrap();
    let engine = open(promising(&files), None, settings()).await.unwrap();
    let client = Client::new(&engine);
    let read = client.call(&[get(1, "k7"), get(2, "none")]).await;
    assert!(read[0].1.ends_with(&text(&"x".repeat(35))) && read[1] == (0, vec![]));
}

#[wasm_bindgen_test]
async fn a_watch_is_told() {
    let engine = open(memory(), None, None).await.unwrap();
    let (watcher, writer) = (Client::new(&engine), Client::new(&engine));
    let watch = watcher.call(&[message(1, 11, &[NULL, NULL, NULL])]).await;
    assert_eq!(watch, [(0, vec![1, 0])]);
    watcher.session.submit(&message(2, 12, &[&[1], &[10]])).unwrap();
    sleep(5).await;
    assert!(watcher.batches.borrow().is_empty());
    writer.call(&[put(1, "a", &text("told"))]).await;
    sleep(5).await;
    assert!(watcher.batches.borrow().concat().ends_with(&text("told")));
    watcher.session.end();
    assert_eq!(code(&watcher.session.submit(&get(3, "a")).unwrap_err()), "CLOSED");
}

#[wasm_bindgen_test]
async fn errors_have_their_codes_on_both_ways() {
    let refused = open(memory(), None, options(&[("create", false.into())])).await.err().unwrap();
    assert_eq!(code(&refused), "NOT_FOUND");
    let refused = open(memory(), None, options(&[("durability", "maybe".into())])).await.err().unwrap();
    assert!(code(&refused) == "INVALID_ARGUMENT" && refused.is_instance_of::<js_sys::Error>());
    let refused = open(memory(), None, options(&[("cacheBytes", 5.into())])).await.err().unwrap();
    assert_eq!(code(&refused), "INVALID_ARGUMENT");

    let storage = memory();
    let files: JsValue = storage.clone().into();
    let engine = open(storage, None, None).await.unwrap();
    let client = Client::new(&engine);
    client.call(&[put(1, "a", &[1])]).await;
    Reflect::set(&files, &"full".into(), &true.into()).unwrap();
    assert!(client.call(&[put(1, "a", &[2])]).await[0].1.starts_with(&text("STORAGE_FULL")));
    Reflect::set(&files, &"full".into(), &false.into()).unwrap();
    assert_eq!(client.call(&[put(1, "a", &[2])]).await[0].0, 0);
    Reflect::set(&files, &"broken".into(), &true.into()).unwrap();
    let (status, error) = client.call(&[put(1, "a", &[3])]).await.remove(0);
    assert!(status == 1 && error.starts_with(&text("POISONED")));
    assert!(String::from_utf8_lossy(&error).contains("the cable is out"));
    assert_eq!(code(&client.session.submit(&[1, 2, 3]).unwrap_err()), "UNTRUSTED");
}

#[wasm_bindgen_test]
async fn the_same_host_gives_the_same_bytes() {
    let mut listed = Vec::new();
    for _ in 0..2 {
        let storage = memory();
        let files: JsValue = storage.clone().into();
        let engine = open(storage, Some(fixed_host()), None).await.unwrap();
        let client = Client::new(&engine);
        client.call(&[put(1, "a", &text("one")), put(2, "b", &text("two"))]).await;
        JsFuture::from(engine.close()).await.unwrap();
        let map = Reflect::get(&files, &"files".into()).unwrap().unchecked_into::<js_sys::Map>();
        let log = map.get(&"00000001.log".into()).unchecked_into::<Uint8Array>().to_vec();
        listed.push((log, map.size()));
    }
    assert!(listed[0] == listed[1] && listed[0].0.len() > 100);
}

#[wasm_bindgen_test]
async fn maintenance_by_hand_says_when_it_is_due() {
    let settings =
        options(&[("maintenance", "manual".into()), ("tailBytes", 2_000.into()), ("durability", "none".into())]);
    let engine = open(memory(), None, settings).await.unwrap();
    let client = Client::new(&engine);
    assert!(!engine.maintenance_due());
    let puts: Vec<_> = (0..20).map(|i| put(i, &format!("k{i}"), &text(&"x".repeat(60)))).collect();
    client.call(&puts).await;
    assert!(engine.maintenance_due());
    assert_eq!(JsFuture::from(engine.maintain(10)).await.unwrap(), JsValue::FALSE);
    assert!(!engine.maintenance_due());
}
