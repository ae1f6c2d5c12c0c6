// Bring your own module: the engine in this thread, nothing fetched and no worker started by itself. For workers of your
// own, for runtimes without files, and for whoever embeds the module.

import * as glue from "../wasm/koru.js";
import { begin, checkOptions } from "./begin.js";
import type { Database } from "./database.js";
import type { Glue } from "./engine/glue.js";
import { KoruError } from "./error.js";
import { importArchive } from "./import.js";
import { parseLocation } from "./location.js";
import { engineOptions, type OpenOptions } from "./options.js";
import { HttpStorage } from "./storage/http.js";
import { IndexedDbStorage } from "./storage/indexeddb.js";
import { MemoryStorage } from "./storage/memory.js";
import { OpfsStorage } from "./storage/opfs.js";
import type { Storage } from "./storage/storage.js";
import { InProcess, Instance } from "./transport/in-process.js";

export * from "./api.js";
export type { AsyncStorage, FileEntry, Soon, Storage, SyncStorage } from "./storage/storage.js";

/** How a database is opened with a module of the caller's. */
export interface SlimOptions extends OpenOptions {
  /** `koru.wasm`, compiled or as bytes. The first one that is given is the one that is used. */
  module: WebAssembly.Module | BufferSource;
  /** A storage of the caller's, instead of the one that the URL names. */
  storage?: Storage;
}

let module: WebAssembly.Module | BufferSource | undefined;

const instance = new Instance(async (before) => {
  if (before > 0) {
    throw new KoruError("POISONED", "the engine was ended by a fault: load the module again in a fresh worker or process");
  }
  (glue as unknown as Glue).initSync({ module: module! });
  return glue as unknown as Glue;
});

/**
 * Opens a database in this thread: `memory:`, `https:`, `idb:`, and in a dedicated worker `opfs:`. It is used by this thread
 * alone: another opening of `idb:` or `opfs:` gets `LOCKED`.
 */
export async function open(url: string | URL, options: SlimOptions): Promise<Database> {
  checkOptions(options);
  if (!options?.module) throw new KoruError("INVALID_ARGUMENT", "the slim entry needs { module }: koru.wasm, compiled or as bytes");
  module ??= options.module;
  const [place, readOnly] = storageOf(url, options);
  if (options.import) await importArchive(await place(), options.import);
  const engine = engineOptions(options);
  if (readOnly) Object.assign(engine, { readOnly, create: false });
  return begin(new InProcess(instance, place, engine), options);
}

function storageOf(url: string | URL, options: SlimOptions): [() => Promise<Storage> | Storage, readOnly: boolean] {
  const { create = true, durability = "strict", readOnly = false, storage } = options;
  if (storage) return [() => storage, readOnly];
  const location = parseLocation(url);
  switch (location.kind) {
    case "memory":
      return [() => new MemoryStorage(), readOnly];
    case "http":
      return [() => HttpStorage.open(location.url), true];
    case "opfs":
      return [() => OpfsStorage.open(location.name, { create }), readOnly];
    case "idb":
      return [() => IndexedDbStorage.open(location.name, { create, durability }), readOnly];
    default:
      throw new KoruError("INVALID_ARGUMENT", `${String(url)}: this entry knows memory:, https:, idb: and opfs:, or { storage }`);
  }
}
