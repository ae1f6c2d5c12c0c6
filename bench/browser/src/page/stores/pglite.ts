// PGlite: JSON text goes to a worker and comes back.

import { startWorker } from "../call.js";
import type { Store } from "../store.js";

let call: Awaited<ReturnType<typeof startWorker>>;

export default {
  load: async () => (call = await startWorker("/build/workers/pglite.js")),
  open: () => call("open"),
  put: ([key, person]) => call("put", key, JSON.stringify(person)),
  putMany: (documents) => call("putMany", documents.map(([key]) => key), documents.map(([, person]) => JSON.stringify(person))),
  get: async (key) => JSON.parse(await call("get", key)),
  getMany: async (keys) => (await call("getMany", keys)).map((text: string) => JSON.parse(text)),
  close: () => call("close"),
} satisfies Store;
