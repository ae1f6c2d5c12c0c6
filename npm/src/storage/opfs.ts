// The origin private file system, through synchronous access handles: only in a dedicated worker. A database is a
// directory below `koru-delta`, and each of its files is a file there.
//
// Invariant: whoever holds the handle of `lock` is the only one to touch the directory; the browser gives it to one worker at a
// time and takes it back when that ends. Few handles stay open, because each is slow to open and some engines allow few; one
// with unsynced writes is flushed before it is closed. A call on an open file is answered at once; one that has to open the
// file first is answered by a promise. `createWritable` is never used: a kill leaves its swap files behind.

import { KoruError } from "../error.js";
import { answered } from "./answered.js";
import {
  alreadyExists, checkEnd, closed, isFileName, notFound, type AsyncStorage, type FileEntry, type Soon,
} from "./storage.js";

/**
 * Open handles beside that of the lock: enough for the files of a database of a gigabyte and more. One that does not find its
 * place reads a document at random in a millisecond instead of in a hundredth of it. Some engines allow about 250.
 */
const HANDLES_MAX = 31;
/** Time between two tries to open what another holder is just losing, in milliseconds. */
const RETRY_MS = 5;
/** How long a file's handle is waited for. Whoever has the lock is its only user, but a predecessor may be ending still. */
const FILE_WAIT_MS = 2000;

/** What this needs of `FileSystemSyncAccessHandle`, which only workers know. */
interface AccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(data: Uint8Array, options: { at: number }): number;
  flush(): void;
  getSize(): number;
  truncate(bytes: number): void;
  close(): void;
}

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<AccessHandle> };

interface Open {
  access: AccessHandle;
  unsynced: boolean;
}

export interface OpfsOptions {
  /** Whether a database that does not exist is made. */
  create?: boolean;
  /** How long to wait for a holder that is just ending, in milliseconds. */
  waitMs?: number;
}

export class OpfsStorage implements AsyncStorage {
  readonly asynchronous = true;
  readonly kind = "opfs";
  readonly location: string;
  readonly preallocate = false;
  /** Every file and its length. Nobody else changes them. */
  readonly #bytes: Map<string, number>;
  /** The last used one last. */
  readonly #open = new Map<string, Open>();
  /** Files that are being opened: the browser gives a second handle to nobody, not even to us. */
  readonly #opening = new Map<string, Promise<Open>>();
  #scratch = new Uint8Array(64 << 10);
  #closed = false;

  private constructor(
    readonly name: string,
    readonly directory: FileSystemDirectoryHandle,
    readonly lock: AccessHandle,
    files: FileEntry[],
    /** The files that were there when it was opened: they need not be looked for again. */
    readonly handles: Map<string, FileHandle>,
  ) {
    this.location = `opfs:${name}`;
    this.#bytes = new Map(files);
  }

  /** Opens the directory of a database. `LOCKED` if another worker has it. */
  static async open(name: string, options: OpfsOptions = {}): Promise<OpfsStorage> {
    const create = options.create ?? true;
    const directory = await directoryOf(name, create);
    const lock = await openHandle(directory, "lock", true, options.waitMs ?? 0, name);
    try {
      const handles = new Map<string, FileHandle>();
      await answered(directory.entries(), async (entries) => {
        for await (const [file, handle] of entries) {
          if (handle.kind === "file" && isFileName(file)) handles.set(file, handle as FileHandle);
        }
      });
      if (handles.size === 0 && !create) throw new KoruError("NOT_FOUND", `there is no database opfs:${name}`);
      // Each is a question to another process: all at once.
      const lengthOf = async ([file, handle]: [string, FileHandle]): Promise<FileEntry> => [file, (await handle.getFile()).size];
      const files = await Promise.all([...handles].map(lengthOf));
      return new OpfsStorage(name, directory, lock, files, handles);
    } catch (error) {
      lock.close();
      throw refused("list", name, error);
    }
  }

  #length(name: string): number {
    if (this.#closed) throw closed(this.location);
    const bytes = this.#bytes.get(name);
    if (bytes === undefined) throw notFound(name);
    return bytes;
  }

  /** Calls `use` with the file's handle: at once if it is open. */
  #with<T>(name: string, use: (open: Open) => T): Soon<T> {
    const open = this.#open.get(name);
    // Asked again: another file that was opened may have taken its place already.
    if (!open) return this.#openFile(name, false).then(() => this.#with(name, use));
    this.#open.delete(name);
    this.#open.set(name, open);
    return use(open);
  }

  #openFile(name: string, create: boolean): Promise<Open> {
    const opening = this.#opening.get(name) ?? this.#openNow(name, create).finally(() => this.#opening.delete(name));
    this.#opening.set(name, opening);
    return opening;
  }

  async #openNow(name: string, create: boolean): Promise<Open> {
    while (this.#open.size + this.#opening.size >= HANDLES_MAX && this.#open.size > 0) this.#closeOne();
    const access = await openHandle(this.directory, name, create, FILE_WAIT_MS, this.name, this.handles.get(name));
    if (this.#closed) {
      access.close();
      throw closed(this.location);
    }
    const open = { access, unsynced: false };
    this.#open.set(name, open);
    return open;
  }

  #closeOne(): void {
    let victim: string | undefined;
    for (const [name, open] of this.#open) {
      victim ??= name;
      if (open.unsynced) continue;
      victim = name;
      break;
    }
    const open = this.#open.get(victim!)!;
    if (open.unsynced) attempt("flush", victim!, () => open.access.flush());
    open.access.close();
    this.#open.delete(victim!);
  }

  list(): FileEntry[] {
    if (this.#closed) throw closed(this.location);
    return [...this.#bytes];
  }

  async create(name: string): Promise<void> {
    if (this.#closed) throw closed(this.location);
    if (this.#bytes.has(name)) throw alreadyExists(name);
    const open = await this.#openFile(name, true);
    attempt("create", name, () => open.access.flush());
    this.#bytes.set(name, 0);
  }

  readAt(name: string, offset: number, length: number): Soon<Uint8Array> {
    const count = Math.min(length, this.#length(name) - offset);
    if (count <= 0) return this.#scratch.subarray(0, 0);
    // Whoever has to wait is not the next to look at what was read: it may be for several at once.
    const into = this.#open.has(name) ? this.#room(count) : new Uint8Array(count);
    return this.#with(name, ({ access }) => into.subarray(0, attempt("read", name, () => access.read(into, { at: offset }))));
  }

  /** Room for what is read and looked at before anything else is. */
  #room(bytes: number): Uint8Array {
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(bytes);
    return this.#scratch.subarray(0, bytes);
  }

  writeAt(name: string, offset: number, data: Uint8Array): Soon<void> {
    const before = this.#length(name);
    if (data.length === 0) return;
    const end = checkEnd(name, offset + data.length);
    const held = this.#open.has(name) ? data : data.slice();
    return this.#with(name, (open) => {
      open.unsynced = true;
      attempt("write", name, () => {
        for (let done = 0; done < held.length; ) {
          const written = open.access.write(held.subarray(done), { at: offset + done });
          if (written === 0) throw new KoruError("STORAGE_FULL", `there is no room to write ${name}`);
          done += written;
        }
      });
      this.#bytes.set(name, Math.max(before, end));
    });
  }

  sync(name: string): Soon<void> {
    this.#length(name);
    const open = this.#open.get(name);
    // A file is closed only when it is flushed.
    if (!open) return;
    attempt("sync", name, () => open.access.flush());
    open.unsynced = false;
  }

  truncate(name: string, bytes: number): Soon<void> {
    this.#length(name);
    checkEnd(name, bytes);
    return this.#with(name, (open) => {
      open.unsynced = true;
      attempt("truncate", name, () => open.access.truncate(bytes));
      this.#bytes.set(name, bytes);
    });
  }

  async remove(name: string): Promise<void> {
    this.#length(name);
    const open = this.#open.get(name);
    this.#open.delete(name);
    open?.access.close();
    this.#bytes.delete(name);
    this.handles.delete(name);
    try {
      await answered(this.directory, (directory) => directory.removeEntry(name));
    } catch (error) {
      throw refused("remove", name, error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { access } of this.#open.values()) access.close();
    this.#open.clear();
    this.lock.close();
  }
}

/** The directory of a database, below one of this package's own. */
async function directoryOf(name: string, create: boolean): Promise<FileSystemDirectoryHandle> {
  try {
    const root = await navigator.storage.getDirectory();
    const all = await answered(root, (root) => root.getDirectoryHandle("koru-delta", { create }));
    return await answered(all, (all) => all.getDirectoryHandle(name, { create }));
  } catch (error) {
    if ((error as DOMException).name === "NotFoundError") {
      throw new KoruError("NOT_FOUND", `there is no database opfs:${name}`, { cause: error });
    }
    throw refused("open", name, error);
  }
}

/** Removes a database. `LOCKED` if a worker has it. */
export async function removeOpfs(name: string): Promise<void> {
  const directory = await directoryOf(name, false);
  const lock = await openHandle(directory, "lock", true, 0, name);
  lock.close();
  const root = await navigator.storage.getDirectory();
  const all = await answered(root, (root) => root.getDirectoryHandle("koru-delta"));
  await answered(all, (all) => all.removeEntry(name, { recursive: true }));
}

async function openHandle(
  directory: FileSystemDirectoryHandle,
  file: string,
  create: boolean,
  waitMs: number,
  database: string,
  known?: FileHandle,
): Promise<AccessHandle> {
  const until = Date.now() + waitMs;
  for (;;) {
    try {
      const asking = (directory: FileSystemDirectoryHandle) => directory.getFileHandle(file, { create });
      const handle = known ?? ((await answered(directory, asking)) as FileHandle);
      return await answered(handle, (handle) => handle.createSyncAccessHandle());
    } catch (error) {
      const { name } = error as DOMException;
      if (name === "NotFoundError") throw notFound(file);
      if (name !== "NoModificationAllowedError" && name !== "InvalidStateError") throw refused("open", file, error);
      if (Date.now() >= until) {
        throw new KoruError("LOCKED", `opfs:${database} is open elsewhere: close it there`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function attempt<T>(doing: string, name: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw refused(doing, name, error);
  }
}

function refused(doing: string, name: string, error: unknown): KoruError {
  if (error instanceof KoruError) return error;
  const full = (error as DOMException).name === "QuotaExceededError";
  const message = `cannot ${doing} ${name}: ${(error as Error).message}`;
  return new KoruError(full ? "STORAGE_FULL" : "IO", message, { cause: error });
}
