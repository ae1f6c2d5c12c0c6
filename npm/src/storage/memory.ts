// Memory: files that are gone with the process. Nothing to lock, nothing to sync.
//
// A file is a list of chunks, so that growing never copies it and a gap costs nothing.

import type { FileEntry, SyncStorage } from "./storage.js";
import { alreadyExists, checkEnd, closed, notFound } from "./storage.js";
import { KoruError } from "../error.js";

const CHUNK_BYTES = 64 << 10;

interface MemoryFile {
  chunks: Map<number, Uint8Array>;
  bytes: number;
}

export class MemoryStorage implements SyncStorage {
  readonly asynchronous = false;
  readonly kind = "memory";
  readonly location = "memory";
  readonly preallocate = false;
  #files: Map<string, MemoryFile> | undefined = new Map();

  #open(): Map<string, MemoryFile> {
    if (!this.#files) throw closed(this.location);
    return this.#files;
  }

  #file(name: string): MemoryFile {
    const file = this.#open().get(name);
    if (!file) throw notFound(name);
    return file;
  }

  list(): FileEntry[] {
    return Array.from(this.#open(), ([name, file]) => [name, file.bytes]);
  }

  create(name: string): void {
    if (this.#open().has(name)) throw alreadyExists(name);
    this.#open().set(name, { chunks: new Map(), bytes: 0 });
  }

  readAt(name: string, offset: number, into: Uint8Array): number {
    const file = this.#file(name);
    const count = Math.min(into.length, Math.max(0, file.bytes - offset));
    for (let done = 0; done < count; ) {
      const at = (offset + done) % CHUNK_BYTES;
      const part = Math.min(CHUNK_BYTES - at, count - done);
      const chunk = file.chunks.get(Math.floor((offset + done) / CHUNK_BYTES));
      if (chunk) into.set(chunk.subarray(at, at + part), done);
      else into.fill(0, done, done + part);
      done += part;
    }
    return count;
  }

  writeAt(name: string, offset: number, data: Uint8Array): void {
    const file = this.#file(name);
    if (data.length === 0) return;
    const end = checkEnd(name, offset + data.length);
    for (let done = 0; done < data.length; ) {
      const number = Math.floor((offset + done) / CHUNK_BYTES);
      const at = (offset + done) % CHUNK_BYTES;
      const part = Math.min(CHUNK_BYTES - at, data.length - done);
      let chunk = file.chunks.get(number);
      if (!chunk) {
        try {
          chunk = new Uint8Array(CHUNK_BYTES);
        } catch (cause) {
          throw new KoruError("STORAGE_FULL", "there is no memory left for the database", { cause });
        }
        file.chunks.set(number, chunk);
      }
      chunk.set(data.subarray(done, done + part), at);
      done += part;
    }
    file.bytes = Math.max(file.bytes, end);
  }

  sync(name: string): void {
    this.#file(name);
  }

  truncate(name: string, bytes: number): void {
    const file = this.#file(name);
    checkEnd(name, bytes);
    if (bytes < file.bytes) {
      const last = Math.floor(bytes / CHUNK_BYTES);
      for (const number of file.chunks.keys()) if (number > last) file.chunks.delete(number);
      file.chunks.get(last)?.fill(0, bytes % CHUNK_BYTES);
    }
    file.bytes = bytes;
  }

  remove(name: string): void {
    if (!this.#open().delete(name)) throw notFound(name);
  }

  close(): void {
    this.#files = undefined;
  }
}
