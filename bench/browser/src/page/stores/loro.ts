// Loro: the document in the page's own thread, each update appended to a file of OPFS and flushed, and a snapshot in its
// place when it is closed.

import * as loro from "loro-crdt/web";
import { LoroDoc, type LoroMap, type VersionVector } from "loro-crdt/web";
import type { Document, Person } from "../../documents.js";
import { startWorker } from "../call.js";
import type { Store } from "../store.js";

// Its types leave out the default export.
const { default: init } = loro as unknown as { default(url: string): Promise<unknown> };
let call: Awaited<ReturnType<typeof startWorker>>;
let doc: LoroDoc;
let people: LoroMap<Record<string, Person>>;
let saved: VersionVector;

function save(documents: Document[]): Promise<unknown> {
  for (const [key, person] of documents) people.set(key, person);
  doc.commit();
  const update = doc.export({ mode: "update", from: saved });
  saved = doc.version();
  return call("append", update);
}

export default {
  load: async () => ([call] = await Promise.all([startWorker("/build/workers/file.js"), init("/build/loro_wasm_bg.wasm")])),
  async open() {
    doc = new LoroDoc();
    doc.importBatch(await call("open"));
    people = doc.getMap("people") as LoroMap<Record<string, Person>>;
    saved = doc.version();
  },
  put: (document) => save([document]),
  putMany: save,
  get: async (key) => people.get(key),
  getMany: async (keys) => keys.map((key) => people.get(key)),
  async close() {
    await call("replace", doc.export({ mode: "snapshot" }));
    await call("close");
  },
} satisfies Store;
