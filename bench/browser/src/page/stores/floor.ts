// The floor: a log written by hand. It stores and finds nothing; it makes as many bytes durable as a put of koru writes.

import type { Document } from "../../documents.js";
import { startWorker } from "../call.js";
import type { Store } from "../store.js";

/** What one put writes to koru's log: a frame with the commit, the token of its call and the value. */
const FRAME_BYTES = 320;

let call: Awaited<ReturnType<typeof startWorker>>;
const utf8 = new TextEncoder();

function frame([, person]: Document): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES);
  utf8.encodeInto(JSON.stringify(person), bytes);
  return bytes;
}

const nothing = () => Promise.reject(new Error("the floor reads nothing"));

export default {
  load: async () => (call = await startWorker("/build/workers/file.js")),
  open: () => call("open"),
  put: (document) => call("append", frame(document)),
  putMany: nothing,
  get: nothing,
  getMany: nothing,
  close: () => call("close"),
} satisfies Store;
