// IndexedDB: where there are no access handles. A file is a row of chunks and its length in bytes.
//
// Invariant: a write is one transaction, so it is there as a whole or not at all, also when the quota is reached. With strict
// durability a write to the log is acknowledged when the browser says that it is on the medium; `sync` has then nothing left to
// do, and a commit is one transaction. Other writes are handed over relaxed, and a `sync` makes one strict transaction behind
// them, which makes what came before durable as well.
//
// Each transaction looks whether the database still belongs to this opening. So a holder that was given up for dead and is
// not cannot write into what another one has taken over.

import { KoruError } from "../error.js";
import { alreadyExists, checkEnd, closed, isFileName, notFound, type AsyncStorage, type FileEntry } from "./storage.js";

export const CHUNK_BYTES = 64 << 10;
/** Chunks that are kept: the ends of files, which are written again and again, and what was read last. 4 MiB. */
const CHUNKS_MAX = 64;
/** Bytes of one transaction. A larger write is several, which the engine allows before a sync. */
const TRANSACTION_BYTES = 8 << 20;
const FORMAT = 1;
const EMPTY = new Uint8Array(0);

export interface IndexedDbOptions {
  create?: boolean;
  durability?: "strict" | "relaxed" | "none";
  /** How long to wait for a holder that is just ending, in milliseconds. */
  waitMs?: number;
}

type Mode = "strict" | "relaxed";

export class IndexedDbStorage implements AsyncStorage {
  readonly asynchronous = true;
  readonly kind = "idb";
  readonly location: string;
  readonly preallocate = false;
  readonly #bytes: Map<string, number>;
  /** Files with relaxed writes behind their last strict transaction. */
  readonly #unsynced = new Set<string>();
  /** By name and number, the youngest last. A chunk ends with its file; what is missing of it is zeros. */
  readonly #chunks = new Map<string, Uint8Array>();
  #writes: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(
    readonly name: string,
    readonly database: IDBDatabase,
    readonly owner: string,
    readonly mode: Mode,
    files: FileEntry[],
    readonly letGo: () => Promise<unknown>,
  ) {
    this.location = `idb:${name}`;
    this.#bytes = new Map(files);
    database.onversionchange = () => database.close();
  }

  /** Opens a database. `LOCKED` if another one has it. */
  static async open(name: string, options: IndexedDbOptions = {}): Promise<IndexedDbStorage> {
    const letGo = await holdLock(name, options.waitMs ?? 0);
    let database: IDBDatabase | undefined;
    try {
      database = await openDatabase(databaseName(name));
      // Whoever had it before may still have a transaction under way: it comes before this one, or finds that it lost.
      const owner = crypto.randomUUID?.() ?? String(Math.random());
      const files = await claim(database, owner);
      if (files.length === 0 && options.create === false) {
        throw new KoruError("NOT_FOUND", `there is no database idb:${name}`);
      }
      const mode = (options.durability ?? "strict") === "strict" ? "strict" : "relaxed";
      return new IndexedDbStorage(name, database, owner, mode, files, letGo);
    } catch (error) {
      database?.close();
      await letGo();
      throw refused("open", `idb:${name}`, error);
    }
  }

  #length(name: string): number {
    if (this.#closed) throw closed(this.location);
    const bytes = this.#bytes.get(name);
    if (bytes === undefined) throw notFound(name);
    return bytes;
  }

  list(): FileEntry[] {
    if (this.#closed) throw closed(this.location);
    return [...this.#bytes];
  }

  create(name: string): Promise<void> {
    return this.#write(async () => {
      if (this.#closed) throw closed(this.location);
      if (this.#bytes.has(name)) throw alreadyExists(name);
      await this.#transaction("strict", "create", name, (files) => void files.put(0, name));
      this.#bytes.set(name, 0);
    });
  }

  async readAt(name: string, offset: number, length: number): Promise<Uint8Array> {
    const count = Math.min(length, this.#length(name) - offset);
    if (count <= 0) return EMPTY;
    const [first, last] = [Math.floor(offset / CHUNK_BYTES), Math.floor((offset + count - 1) / CHUNK_BYTES)];
    if (first !== last) return this.#readMany(name, offset, count, first, last);
    const chunk = await this.#chunk(name, first);
    const at = offset - first * CHUNK_BYTES;
    if (chunk.length >= at + count) return chunk.subarray(at, at + count);
    const padded = new Uint8Array(count);
    padded.set(chunk.subarray(at, at + count));
    return padded;
  }

  async #readMany(name: string, offset: number, count: number, first: number, last: number): Promise<Uint8Array> {
    const into = new Uint8Array(count);
    const put = (number: number, chunk: Uint8Array) => {
      const at = number * CHUNK_BYTES - offset;
      if (at >= 0) into.set(chunk.subarray(0, count - at), at);
      else into.set(chunk.subarray(-at, count - at));
    };
    const store = this.database.transaction("chunks").objectStore("chunks");
    const reads: Promise<void>[] = [];
    for (let number = first; number <= last; number++) {
      const known = this.#chunks.get(`${number} ${name}`);
      if (known) put(number, known);
      else reads.push(result(store.get([name, number])).then((chunk) => put(number, (chunk as Uint8Array) ?? EMPTY)));
    }
    await Promise.all(reads).catch((error: unknown) => {
      throw refused("read", name, error);
    });
    return into;
  }

  async #chunk(name: string, number: number): Promise<Uint8Array> {
    const known = this.#chunks.get(`${number} ${name}`);
    if (known) {
      this.#keep(name, number, known);
      return known;
    }
    try {
      const request = this.database.transaction("chunks").objectStore("chunks").get([name, number]);
      const chunk = ((await result(request)) as Uint8Array | undefined) ?? EMPTY;
      this.#keep(name, number, chunk);
      return chunk;
    } catch (error) {
      throw refused("read", name, error);
    }
  }

  #keep(name: string, number: number, chunk: Uint8Array): void {
    const id = `${number} ${name}`;
    this.#chunks.delete(id);
    this.#chunks.set(id, chunk);
    if (this.#chunks.size > CHUNKS_MAX) this.#chunks.delete(this.#chunks.keys().next().value!);
  }

  writeAt(name: string, offset: number, data: Uint8Array): Promise<void> | void {
    this.#length(name);
    if (data.length === 0) return;
    checkEnd(name, offset + data.length);
    const copy = data.slice();
    return this.#write(async () => {
      for (let done = 0; done < copy.length; done += TRANSACTION_BYTES) {
        await this.#writePart(name, offset + done, copy.subarray(done, done + TRANSACTION_BYTES));
      }
    });
  }

  async #writePart(name: string, offset: number, data: Uint8Array): Promise<void> {
    const before = this.#length(name);
    const end = offset + data.length;
    const chunks: [number, Uint8Array][] = [];
    for (let at = offset; at < end; ) {
      const number = Math.floor(at / CHUNK_BYTES);
      const start = at - number * CHUNK_BYTES;
      const count = Math.min(CHUNK_BYTES - start, end - at);
      const part = data.subarray(at - offset, at - offset + count);
      const old = count === CHUNK_BYTES || number * CHUNK_BYTES >= before ? EMPTY : await this.#chunk(name, number);
      const chunk = new Uint8Array(Math.max(old.length, start + count));
      chunk.set(old);
      chunk.set(part, start);
      chunks.push([number, chunk]);
      at += count;
    }
    const mode = name.endsWith(".log") ? this.mode : "relaxed";
    const bytes = Math.max(before, end);
    await this.#transaction(mode, "write", name, (files, store) => {
      for (const [number, chunk] of chunks) store.put(chunk, [name, number]);
      if (bytes !== before) files.put(bytes, name);
    });
    for (const [number, chunk] of chunks) this.#keep(name, number, chunk);
    this.#bytes.set(name, bytes);
    if (mode === "strict") this.#unsynced.delete(name);
    else this.#unsynced.add(name);
  }

  sync(name: string): Promise<void> | void {
    const bytes = this.#length(name);
    if (!this.#unsynced.has(name)) return;
    return this.#write(async () => {
      await this.#transaction("strict", "sync", name, (files) => void files.put(bytes, name));
      this.#unsynced.delete(name);
    });
  }

  truncate(name: string, bytes: number): Promise<void> {
    this.#length(name);
    checkEnd(name, bytes);
    return this.#write(async () => {
      const before = this.#length(name);
      // A write that did not fit has changed nothing: taking it back must not need room.
      if (bytes === before) return;
      const last = Math.floor(bytes / CHUNK_BYTES);
      const kept = bytes % CHUNK_BYTES;
      const cut = bytes < before && kept > 0 ? (await this.#chunk(name, last)).slice(0, kept) : undefined;
      await this.#transaction("relaxed", "truncate", name, (files, store) => {
        files.put(bytes, name);
        if (cut) store.put(cut, [name, last]);
        if (bytes < before) store.delete(IDBKeyRange.bound([name, kept > 0 ? last + 1 : last], [name, Infinity]));
      });
      this.#forget(name, (number) => number >= last);
      this.#bytes.set(name, bytes);
      this.#unsynced.add(name);
    });
  }

  remove(name: string): Promise<void> {
    this.#length(name);
    return this.#write(async () => {
      this.#length(name);
      await this.#transaction("strict", "remove", name, (files, store) => {
        files.delete(name);
        store.delete(IDBKeyRange.bound([name, 0], [name, Infinity]));
      });
      this.#forget(name, () => true);
      this.#bytes.delete(name);
      this.#unsynced.delete(name);
    });
  }

  #forget(name: string, which: (number: number) => boolean): void {
    for (const id of [...this.#chunks.keys()]) {
      const space = id.indexOf(" ");
      if (id.slice(space + 1) === name && which(Number(id.slice(0, space)))) this.#chunks.delete(id);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writes;
    this.database.close();
    await this.letGo();
  }

  /** One change at a time: the next one builds on what the last one left. */
  #write<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#writes.then(change);
    this.#writes = done.catch(() => {});
    return done;
  }

  #transaction(
    durability: Mode,
    doing: string,
    name: string,
    change: (files: IDBObjectStore, chunks: IDBObjectStore) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (mayOnlyDelete: boolean) => {
        let lost = false;
        let transaction: IDBTransaction | undefined;
        try {
          const begun = this.database.transaction(["files", "chunks", "owner"], "readwrite", { durability });
          transaction = begun;
          begun.oncomplete = () => resolve();
          begun.onabort = () => reject(lost ? takenOver(this.location) : refused(doing, name, begun.error));
          const owner = begun.objectStore("owner").get("owner");
          owner.onsuccess = () => {
            lost = owner.result !== this.owner;
            if (lost) begun.abort();
          };
          change(begun.objectStore("files"), begun.objectStore("chunks"));
        } catch (error) {
          // What was asked for before must not be done alone.
          if (transaction) {
            transaction.onabort = null;
            transaction.abort();
          }
          // In Firefox the transaction that follows one without room is for deleting only, and `put` throws in it. The
          // next one is as any other.
          if (mayOnlyDelete && (error as DOMException).name === "InvalidStateError") begin(false);
          else reject(refused(doing, name, error));
        }
      };
      begin(true);
    });
  }
}

function databaseName(name: string): string {
  return `koru-delta:${name}`;
}

/** Removes a database. `LOCKED` if someone has it. */
export async function removeIndexedDb(name: string): Promise<void> {
  const letGo = await holdLock(name, 0);
  try {
    await result(indexedDB.deleteDatabase(databaseName(name)) as unknown as IDBRequest<undefined>);
  } catch (error) {
    throw refused("remove", `idb:${name}`, error);
  } finally {
    await letGo();
  }
}

/**
 * Holds a lock for as long as this agent lives, where there are locks: insecure pages have none, only the owner's mark. What it
 * returns lets go of it, and resolves when the next one may have it.
 */
function holdLock(name: string, waitMs: number): Promise<() => Promise<unknown>> {
  if (!navigator.locks) return Promise.resolve(() => Promise.resolve());
  return new Promise((resolve, reject) => {
    const taken = () => reject(new KoruError("LOCKED", `idb:${name} is open elsewhere: close it there`));
    const held = (lock: Lock | null) => {
      if (!lock) return taken();
      return new Promise<void>((letGo) => {
        resolve(() => {
          letGo();
          return released;
        });
      });
    };
    const how = waitMs > 0 ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true };
    const released = navigator.locks.request(`koru-delta storage idb:${name}`, how, held).catch(taken);
  });
}

function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, FORMAT);
  request.onupgradeneeded = () => {
    for (const store of ["files", "chunks", "owner"]) request.result.createObjectStore(store);
  };
  return result(request);
}

/** Makes the database ours, and lists its files. */
function claim(database: IDBDatabase, owner: string): Promise<FileEntry[]> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(["files", "owner"], "readwrite", { durability: "strict" });
    const files = transaction.objectStore("files");
    const names = files.getAllKeys();
    const lengths = files.getAll();
    transaction.objectStore("owner").put(owner, "owner");
    transaction.oncomplete = () => {
      const all = (names.result as string[]).map((name, i): FileEntry => [name, lengths.result[i] as number]);
      resolve(all.filter(([name]) => isFileName(name)));
    };
    transaction.onabort = () => reject(transaction.error as Error);
  });
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as Error);
  });
}

function takenOver(location: string): KoruError {
  return new KoruError("LOCKED", `${location} was taken over by another tab`);
}

function refused(doing: string, what: string, error: unknown): KoruError {
  if (error instanceof KoruError) return error;
  const { name = "", message = "" } = (error ?? {}) as DOMException;
  const code = name === "QuotaExceededError" ? "STORAGE_FULL" : "IO";
  return new KoruError(code, `cannot ${doing} ${what}: ${message || name || "the transaction was aborted"}`, { cause: error });
}
