// The eight calls through which the engine reaches a medium, as JavaScript objects. What each promises, and what the
// engine assumes, is written at the trait `Storage` in `core/src/storage/mod.rs`; `test/contract.ts` checks it.
//
// Names are those of docs/reference/format.md ("root", "00000001.log", ...). Offsets and lengths are whole numbers of
// bytes. Every failure is a `KoruError`, or an error with a `code`.

import { KoruError } from "../error.js";

/** A file and its length in bytes. */
export type FileEntry = [name: string, bytes: number];

interface Described {
  /** How the medium is called in `info`. */
  readonly kind: string;
  /** Where it is, for people. */
  readonly location: string;
  /** Whether zeros written ahead of the log make a small sync cheaper. */
  readonly preallocate: boolean;
}

/** A medium whose calls return when they are done. */
export interface SyncStorage extends Described {
  readonly asynchronous: false;
  list(): FileEntry[];
  create(name: string): void;
  /** Reads into the whole of `into` and returns how many bytes there were. */
  readAt(name: string, offset: number, into: Uint8Array): number;
  /** `data` may be a view of the engine's memory: it is used before the call returns. */
  writeAt(name: string, offset: number, data: Uint8Array): void;
  sync(name: string): void;
  truncate(name: string, bytes: number): void;
  remove(name: string): void;
  close(): void;
}

/** A value, or a promise of it where the medium has to be waited for. */
export type Soon<T> = T | Promise<T>;

/** A medium that sometimes has to be waited for. */
export interface AsyncStorage extends Described {
  readonly asynchronous: true;
  list(): Soon<FileEntry[]>;
  create(name: string): Soon<void>;
  /** At most `length` bytes. An array that is returned is valid until the next call only, one that is promised for good. */
  readAt(name: string, offset: number, length: number): Soon<Uint8Array>;
  /** `data` may be a view of the engine's memory: where the call has to wait, it copies first. */
  writeAt(name: string, offset: number, data: Uint8Array): Soon<void>;
  sync(name: string): Soon<void>;
  truncate(name: string, bytes: number): Soon<void>;
  remove(name: string): Soon<void>;
  close(): Soon<void>;
}

/** A medium of either kind. */
export type Storage = SyncStorage | AsyncStorage;

/** Whether `name` is one of a database's files. */
export function isFileName(name: string): boolean {
  return name === "root" || /^(\d{8}|[1-9]\d{8,9})\.(manifest|log|packed|index|vectors)$/.test(name);
}

/** The end of a write, or `INVALID_ARGUMENT` where numbers end. */
export function checkEnd(name: string, end: number): number {
  if (!Number.isSafeInteger(end) || end < 0) {
    throw new KoruError("INVALID_ARGUMENT", `${name} cannot hold ${end} bytes: a file ends at ${Number.MAX_SAFE_INTEGER}`);
  }
  return end;
}

export function notFound(name: string): KoruError {
  return new KoruError("NOT_FOUND", `there is no file ${name}`);
}

export function alreadyExists(name: string): KoruError {
  return new KoruError("ALREADY_EXISTS", `there is a file ${name} already`);
}

export function closed(location: string): KoruError {
  return new KoruError("CLOSED", `${location} was closed`);
}

export function readOnly(location: string): KoruError {
  return new KoruError("READ_ONLY", `${location} was opened read-only`);
}
