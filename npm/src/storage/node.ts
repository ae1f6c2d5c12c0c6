// Files through `node:fs`, call for call what `core/src/storage/file.rs` does natively: the same directory, the same names,
// the same lock. A database written by one opens in the other.
//
// Invariant: one writer at a time, of whatever language. See `lock.ts` for how far that holds. Handles stay open up to a
// bound; one with unsynced writes is never closed, because the error of a later sync could then be lost.

import fs from "node:fs";
import path from "node:path";
import { KoruError, type ErrorCode } from "../error.js";
import { takeLock } from "./node-lock.js";
import { checkEnd, closed, isFileName, readOnly, type FileEntry, type SyncStorage } from "./storage.js";

/** Most files that are kept open: `OPEN_FILES_MAX`. */
const OPEN_FILES_MAX = 128;

export interface NodeStorageOptions {
  readOnly?: boolean;
  /** Whether a directory that does not exist is made, and an empty one accepted. */
  create?: boolean;
  /** Whether the writer's lock is taken. Without it two writers destroy the database. */
  lock?: boolean;
}

interface Handle {
  fd: number;
  unsynced: boolean;
}

export class NodeStorage implements SyncStorage {
  readonly asynchronous = false;
  readonly kind = "file";
  readonly location: string;
  readonly preallocate: boolean;
  readonly #readOnly: boolean;
  readonly #handles = new Map<string, Handle>();
  #lock: number | undefined;
  #closed = false;

  private constructor(directory: string, isReadOnly: boolean, lock: number | undefined) {
    this.location = directory;
    this.#readOnly = isReadOnly;
    this.preallocate = !isReadOnly;
    this.#lock = lock;
  }

  /** Opens the directory; errors are those of `FileStorage::open`. */
  static open(directory: string, options: NodeStorageOptions = {}): NodeStorage {
    if (directory === "") throw new KoruError("INVALID_ARGUMENT", '"" is not a path of a database');
    const at = path.resolve(directory);
    const create = !options.readOnly && (options.create ?? true);
    const found = attempt("open", at, () => fs.statSync(at, { throwIfNoEntry: false }));
    if (found && !found.isDirectory()) {
      throw new KoruError("INVALID_ARGUMENT", `${at} is a file, and a database is a directory: choose another path`);
    }
    if (!found && !create) throw new KoruError("NOT_FOUND", `there is no database at ${at}: no such directory`);
    if (!found) makeDirectory(at);
    checkContent(at, create);
    const lock = options.readOnly || options.lock === false ? undefined : takeLock(at);
    return new NodeStorage(at, options.readOnly ?? false, lock);
  }

  #path(name: string): string {
    return path.join(this.location, name);
  }

  #ensureOpen(): void {
    if (this.#closed) throw closed(this.location);
  }

  #ensureWritable(): void {
    this.#ensureOpen();
    if (this.#readOnly) throw readOnly(this.location);
  }

  #handle(name: string): Handle {
    this.#ensureOpen();
    const known = this.#handles.get(name);
    if (known) return known;
    const at = this.#path(name);
    return this.#keep(name, attempt("open", at, () => fs.openSync(at, this.#readOnly ? "r" : "r+"), !this.#readOnly));
  }

  #keep(name: string, fd: number): Handle {
    if (this.#handles.size >= OPEN_FILES_MAX) {
      for (const [other, handle] of this.#handles) {
        if (handle.unsynced) continue;
        this.#handles.delete(other);
        fs.closeSync(handle.fd);
        break;
      }
    }
    const handle = { fd, unsynced: false };
    this.#handles.set(name, handle);
    return handle;
  }

  list(): FileEntry[] {
    this.#ensureOpen();
    const files: FileEntry[] = [];
    for (const name of attempt("list", this.location, () => fs.readdirSync(this.location))) {
      if (!isFileName(name)) continue;
      const found = attempt("list", this.location, () => fs.statSync(this.#path(name), { throwIfNoEntry: false }));
      if (found?.isFile()) files.push([name, found.size]);
    }
    return files;
  }

  create(name: string): void {
    this.#ensureWritable();
    const at = this.#path(name);
    this.#keep(name, attempt("create", at, () => fs.openSync(at, "wx+"), true));
    syncDirectory(this.location);
  }

  readAt(name: string, offset: number, into: Uint8Array): number {
    const { fd } = this.#handle(name);
    const count = Math.min(into.length, Math.max(0, Number.MAX_SAFE_INTEGER - offset));
    if (count === 0) return 0;
    return attempt("read", this.#path(name), () => fs.readSync(fd, into, 0, count, offset));
  }

  writeAt(name: string, offset: number, data: Uint8Array): void {
    this.#ensureWritable();
    const handle = this.#handle(name);
    if (data.length === 0) return;
    checkEnd(name, offset + data.length);
    // A failed write may have begun.
    handle.unsynced = true;
    attempt("write", this.#path(name), () => {
      for (let done = 0; done < data.length; ) {
        done += fs.writeSync(handle.fd, data, done, data.length - done, offset + done);
      }
    }, true);
  }

  sync(name: string): void {
    this.#ensureWritable();
    const handle = this.#handle(name);
    attempt("sync", this.#path(name), () => fs.fdatasyncSync(handle.fd), true);
    handle.unsynced = false;
  }

  truncate(name: string, bytes: number): void {
    this.#ensureWritable();
    const handle = this.#handle(name);
    checkEnd(name, bytes);
    handle.unsynced = true;
    attempt("truncate", this.#path(name), () => fs.ftruncateSync(handle.fd, bytes), true);
  }

  remove(name: string): void {
    this.#ensureWritable();
    const handle = this.#handles.get(name);
    const at = this.#path(name);
    this.#handles.delete(name);
    if (handle) fs.closeSync(handle.fd);
    attempt("remove", at, () => fs.unlinkSync(at), true);
    syncDirectory(this.location);
  }

  close(): void {
    this.#closed = true;
    for (const { fd } of this.#handles.values()) fs.closeSync(fd);
    this.#handles.clear();
    if (this.#lock !== undefined) fs.closeSync(this.#lock);
    this.#lock = undefined;
  }
}

/**
 * Removes a database: its files and, if nothing else is in it, the directory. The root goes first: one that was half removed
 * is no database any more.
 */
export function removeDirectory(directory: string, lock: boolean): void {
  const storage = NodeStorage.open(directory, { create: false, lock });
  try {
    const names = storage.list().map(([name]) => name);
    for (const name of names.sort((a, b) => Number(b === "root") - Number(a === "root"))) storage.remove(name);
    // While it is still held, so that whoever comes now makes one of its own.
    fs.rmSync(path.join(storage.location, "lock"), { force: true });
  } finally {
    storage.close();
  }
  if (fs.readdirSync(storage.location).length === 0) {
    attempt("remove", storage.location, () => fs.rmdirSync(storage.location), true);
  }
}

/** Makes the last component of `at`, durably. A parent that does not exist is more likely a mistake than a wish. */
function makeDirectory(at: string): void {
  const parent = path.dirname(at);
  try {
    fs.mkdirSync(at);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      const message = `no database can be made at ${at}: make the directory ${parent} first`;
      throw new KoruError("NOT_FOUND", message, { cause: error });
    }
    if (code !== "EEXIST") throw refused("create the directory", at, error, true);
  }
  syncDirectory(parent);
}

/** Refuses a directory with files of which none is a database's, and one without a database when none may be made. */
function checkContent(at: string, create: boolean): void {
  const names = attempt("list", at, () => fs.readdirSync(at));
  if (names.some(isFileName)) return;
  const foreign = names.find((name) => name !== "lock");
  if (foreign !== undefined) {
    const message = `${at} is not a database: it holds ${JSON.stringify(foreign)}. Choose a new or an empty directory`;
    throw new KoruError("UNSUPPORTED_FORMAT", message);
  }
  if (!create) throw new KoruError("NOT_FOUND", `there is no database in ${at}`);
}

/** Makes what was created and removed in a directory durable. NTFS journals that itself and offers no call for it. */
function syncDirectory(at: string): void {
  if (process.platform === "win32") return;
  attempt("sync", at, () => {
    const fd = fs.openSync(at, "r");
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  });
}

function attempt<T>(doing: string, at: string, call: () => T, writing = false): T {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EINTR") throw refused(doing, at, error, writing);
    }
  }
}

const CODES: Record<string, ErrorCode> = {
  ENOENT: "NOT_FOUND",
  EEXIST: "ALREADY_EXISTS",
  ENOSPC: "STORAGE_FULL",
  EDQUOT: "STORAGE_FULL",
};

/** What the operating system refused, as an error that names the path. */
export function refused(doing: string, at: string, error: unknown, writing: boolean): KoruError {
  if (error instanceof KoruError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (writing && ["EACCES", "EPERM", "EROFS"].includes(code)) {
    const text = `cannot ${doing} ${at}: ${message}. It can be opened read-only`;
    return new KoruError("READ_ONLY", text, { cause: error });
  }
  return new KoruError(CODES[code] ?? "IO", `cannot ${doing} ${at}: ${message}`, { cause: error });
}
