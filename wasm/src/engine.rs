//! The exports: open a database, and sessions on it.

use crate::{
    error::to_js,
    host::{GivenHost, JsHost, PlatformHost},
    options::JsOptions,
    storage::{JsStorage, Storage},
};
use alloc::{rc::Rc, sync::Arc};
use js_sys::{Function, Uint8Array};
use koru_delta::{
    Host,
    local::{LocalDatabase, LocalOptions},
    protocol,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// An open database.
#[wasm_bindgen]
pub struct Engine {
    database: LocalDatabase<Storage>,
}

/// Opens the database on a storage, or makes one there. Rejects with an `Error` that has a `code`; the storage is not
/// closed then.
#[wasm_bindgen]
pub async fn open(storage: JsStorage, host: Option<JsHost>, options: Option<JsOptions>) -> Result<Engine, JsValue> {
    #[allow(clippy::arc_with_non_send_sync, reason = "there is one thread")]
    let host: Arc<dyn Host> = match host {
        Some(host) => Arc::new(GivenHost(host)),
        None => Arc::new(PlatformHost),
    };
    let opened = async {
        let options = options.map_or(Ok(LocalOptions::default()), |options| options.read())?;
        LocalDatabase::open(Storage::new(storage), host, options).await
    };
    Ok(Engine { database: opened.await.map_err(|e| to_js(&e))? })
}

#[wasm_bindgen]
impl Engine {
    /// A session. `onReply` is called with each batch of replies; what is ready in the same turn comes in one.
    pub fn session(&self, #[wasm_bindgen(js_name = onReply)] on_reply: Function) -> Session {
        let session = Rc::new(protocol::Session::new(&self.database));
        let (replies, tell) = (session.clone(), on_reply.clone());
        spawn_local(async move {
            while let Some(batch) = replies.replies().await {
                hand_over(&tell, &batch);
            }
        });
        Session { session, on_reply }
    }

    /// Does due maintenance in at most `steps` bounded steps, and resolves with whether more is due.
    pub fn maintain(&self, steps: u32) -> js_sys::Promise {
        let database = self.database.clone();
        wasm_bindgen_futures::future_to_promise(async move {
            database.maintain(steps as usize).await.map(JsValue::from).map_err(|e| to_js(&e))
        })
    }

    /// Whether `maintain` has something to do.
    #[wasm_bindgen(js_name = maintenanceDue)]
    pub fn maintenance_due(&self) -> bool {
        self.database.maintenance_due()
    }

    /// Makes everything durable and closes database and storage; calls of sessions fail with `CLOSED` from then on.
    pub fn close(&self) -> js_sys::Promise {
        let database = self.database.clone();
        wasm_bindgen_futures::future_to_promise(async move {
            database.close().await.map(|()| JsValue::UNDEFINED).map_err(|e| to_js(&e))
        })
    }
}

/// Hands replies to who waits for them.
fn hand_over(on_reply: &Function, batch: &[u8]) {
    // What its receiver throws is not ours to handle.
    let _ = on_reply.call1(&JsValue::UNDEFINED, &Uint8Array::from(batch));
}

/// One client's calls.
#[wasm_bindgen]
pub struct Session {
    session: Rc<protocol::Session<Storage>>,
    on_reply: Function,
}

#[wasm_bindgen]
impl Session {
    /// Takes a batch of calls. Throws an `Error` with a `code` where the batch as a whole cannot be taken; the session has
    /// ended then.
    pub fn submit(&self, batch: &[u8]) -> Result<(), JsValue> {
        let tasks = self.session.drive(batch, |replies| hand_over(&self.on_reply, replies)).map_err(|e| to_js(&e))?;
        tasks.into_iter().for_each(spawn_local);
        Ok(())
    }

    /// Ends the session. Writes that are under way go on, without a reply.
    pub fn end(&self) {
        self.session.end();
    }
}
