// Node, and what has Node's file system: the engine in this thread, files through `node:fs`.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as glue from "../wasm/koru.js";
import { begin, checkOptions } from "./begin.js";
import type { Database } from "./database.js";
import type { Glue, Host } from "./engine/glue.js";
import { KoruError } from "./error.js";
import { importArchive } from "./import.js";
import { parseLocation } from "./location.js";
import { engineOptions, type OpenOptions, type TestOptions } from "./options.js";
import { HttpStorage } from "./storage/http.js";
import { MemoryStorage } from "./storage/memory.js";
import { NodeStorage, removeDirectory } from "./storage/node.js";
import type { Storage } from "./storage/storage.js";
import { InProcess, Instance } from "./transport/in-process.js";

export * from "./api.js";

const instance = new Instance(async (before) => {
  const bytes = await readFile(new URL("./koru.wasm", import.meta.url));
  const fresh = (before === 0 ? glue : await load(before)) as unknown as Glue;
  fresh.initSync({ module: bytes });
  return fresh;
});

/** Another instance of the bindings: they hold one instance of the module for as long as they live. */
async function load(number: number): Promise<unknown> {
  try {
    return await import(new URL(`./koru.js?${number}`, import.meta.url).href);
  } catch (cause) {
    const message = "the engine was ended by a fault and cannot be started again in this process";
    throw new KoruError("POISONED", message, { cause });
  }
}

/** How a database is opened in Node. */
export interface NodeOptions extends OpenOptions {
  /**
   * `false` opens without the writer's lock, where neither `flock` nor `perl` is installed to take it. Two writers at a time
   * destroy the database.
   */
  lock?: boolean;
}

/**
 * Opens a database, or makes one: `memory:`, a path, `file:`, or `https:` for one that is published read-only.
 *
 * Errors: `LOCKED` if another process has it open for writing, `NOT_FOUND`, `READ_ONLY`, `UNSUPPORTED_FORMAT`, `CORRUPT`.
 */
export async function open(url: string | URL, options: NodeOptions = {}): Promise<Database> {
  return openWith(url, options);
}

/**
 * Removes a database with everything in it; the directory stays if something else is in it. `LOCKED` while a process has it
 * open for writing.
 */
export async function remove(url: string | URL, options: Pick<NodeOptions, "lock"> = {}): Promise<void> {
  const path = pathOf(url);
  if (path === undefined) throw new KoruError("INVALID_ARGUMENT", `${String(url)} is no database of this file system`);
  removeDirectory(path, options.lock ?? true);
}

/** Whether the storage keeps what is in it when it needs room: files always. For code that is written for browsers too. */
export async function persist(): Promise<boolean> {
  return true;
}

/** With what only tests have: limits, and a clock and entropy of their own. @internal */
export async function openWith(url: string | URL, options: NodeOptions & TestOptions & { host?: Host }): Promise<Database> {
  checkOptions(options);
  const [place, readOnly] = storageOf(url, options);
  if (options.import) await importArchive(await place(false), options.import);
  const engine = engineOptions(options);
  if (readOnly) Object.assign(engine, { readOnly, create: false });
  const again = (again: boolean) => place(again);
  return begin(new InProcess(instance, again, engine, options.host), options);
}

type OpenStorage = (again: boolean) => Promise<Storage> | Storage;

function storageOf(url: string | URL, options: NodeOptions): [OpenStorage, readOnly: boolean] {
  const location = parseLocation(url);
  switch (location.kind) {
    case "memory":
      return [memoryOnce(options), options.readOnly ?? false];
    case "http":
      return [() => HttpStorage.open(location.url), true];
    case "opfs":
    case "idb":
      throw new KoruError("INVALID_ARGUMENT", `${String(url)}: there is no ${location.kind} in Node; give a path`);
    case "file":
    case "bare": {
      const path = pathOf(url)!;
      const { readOnly = false, create = true, lock = true } = options;
      return [() => NodeStorage.open(path, { readOnly, create, lock }), readOnly];
    }
  }
}

/** Where it is, if it is a directory. */
function pathOf(url: string | URL): string | undefined {
  const location = parseLocation(url);
  if (location.kind === "bare") return location.name;
  return location.kind === "file" ? fileURLToPath(location.path) : undefined;
}

function memoryOnce(options: NodeOptions): OpenStorage {
  if (options.import) throw new KoruError("INVALID_ARGUMENT", "an archive cannot be imported into memory: give a path");
  return (again) => {
    if (again) throw new KoruError("CLOSED", "the engine was ended by a fault, and the database in memory went with it");
    return new MemoryStorage();
  };
}
