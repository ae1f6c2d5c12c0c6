// The storages that a worker has.

import type { EngineOptions } from "../engine/glue.js";
import { answered } from "../storage/answered.js";
import { HttpStorage } from "../storage/http.js";
import { IndexedDbStorage, removeIndexedDb } from "../storage/indexeddb.js";
import { MemoryStorage } from "../storage/memory.js";
import { OpfsStorage, removeOpfs } from "../storage/opfs.js";
import type { Storage } from "../storage/storage.js";
import type { Place } from "./messages.js";

/** How long a holder that is just ending is waited for, in milliseconds. Whoever opens is already elected. */
const WAIT_MS = 3000;

export async function openStorage(place: Place, options: EngineOptions): Promise<Storage> {
  switch (place.kind) {
    case "memory":
      return new MemoryStorage();
    case "http":
      return HttpStorage.open(place.url);
    case "opfs":
      return OpfsStorage.open(place.name, { create: options.create ?? true, waitMs: WAIT_MS });
    case "idb":
      return IndexedDbStorage.open(place.name, {
        create: options.create ?? true,
        durability: options.durability ?? "strict",
        waitMs: WAIT_MS,
      });
  }
}

export async function removeStorage(place: Place): Promise<void> {
  if (place.kind === "opfs") await removeOpfs(place.name);
  else if (place.kind === "idb") await removeIndexedDb(place.name);
}

/** Why OPFS cannot be used here, or null if it can: asked by doing, because some browsers have it only in name. */
export async function probeOpfs(): Promise<string | null> {
  if (!navigator.storage?.getDirectory) return "this browser has none, or not for this page";
  const file = `probe-${crypto.randomUUID()}`;
  try {
    const root = await navigator.storage.getDirectory();
    const handle = await answered(root, (root) => root.getFileHandle(file, { create: true }));
    try {
      const opening = handle as unknown as { createSyncAccessHandle(): Promise<{ close(): void }> };
      (await answered(opening, (handle) => handle.createSyncAccessHandle())).close();
    } finally {
      await answered(root, (root) => root.removeEntry(file));
    }
    return null;
  } catch (error) {
    // A full one works: to pass it over would hide the database that is in it.
    return (error as Error).name === "QuotaExceededError" ? null : (error as Error).message;
  }
}

/** The same for IndexedDB. */
export async function probeIndexedDb(): Promise<string | null> {
  const name = "koru-delta probe";
  try {
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result.close());
      request.onerror = () => reject(request.error as Error);
    });
    indexedDB.deleteDatabase(name);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
