// The words of the protocol that several operations share, as JavaScript has them: moments, ranges, commit infos, rows.
// Each is written or read here and nowhere else (docs/reference/protocol.md#words).

import { KoruError } from "../error.js";
import type { Reader } from "./reader.js";
import type { Value } from "./value.js";
import type { Writer } from "./writer.js";

/** The id of a version: `n@actor`, the actor's n-th commit. */
export type VersionId = string;

/** A version together with the document that it is of. */
export interface DocumentVersion {
  collection: string;
  key: string;
  version: VersionId;
}

/**
 * A point to read at. A `Date` shows every version up to the end of its millisecond; a `bigint` is an exact timestamp
 * (`Document.timestamp`). Both are what is known of that time now: a commit that arrives later may be older. A commit, a
 * version and a tag are causal cuts, which never change. A commit is named by 4 to 64 digits of its id.
 */
export type Moment = Date | bigint | { version: VersionId } | { commit: string } | { tag: string };

/** Which keys, in the order of their UTF-8 bytes. */
export interface KeyRange {
  /** Keys that begin with this. */
  prefix?: string;
  /** From this key on, with it. */
  from?: string;
  /** Behind this key, without it. */
  after?: string;
  /** Up to this key, with it. */
  to?: string;
  /** Up to this key, without it. */
  before?: string;
  /** From the last key to the first. */
  descending?: boolean;
}

/** What a commit says about itself. */
export interface CommitOptions {
  /** Who wrote it. At most 1024 bytes. */
  author?: string | undefined;
  /** Why. At most 64 KiB. */
  message?: string | undefined;
  /** The versions that it was derived from. At most 1024. */
  causes?: readonly DocumentVersion[] | undefined;
}

/** As it goes over the line. */
export interface CommitInfo extends CommitOptions {
  token?: { client: Uint8Array; call: number };
  after?: number;
}

/** A handle of a session, as a moment. */
export interface SnapshotHandle {
  snapshot: number;
}

/** What a document has to be for a write to go ahead: at this version, or with `null` not there. */
export type Expected = VersionId | null | undefined;

/** A document as it was read. */
export interface Document<T = Value> {
  key: string;
  value: T;
  version: VersionId;
  /** When it was written: milliseconds since 1970 times 65536, and a counter within the millisecond. See `dateOf`. */
  timestamp: bigint;
  /** From when on it no longer shows, in milliseconds since 1970. */
  expiresAt?: number | bigint;
}

/** One version of a document. */
export interface Version<T = Value> {
  version: VersionId;
  timestamp: bigint;
  /** Whether it says that the document was deleted. */
  deleted: boolean;
  expiresAt?: number | bigint;
  /** Bytes of its encoded value. */
  bytes: number;
  /** Left out for a deletion, and when values were not asked for. */
  value?: T;
}

/** One commit: who wrote what, when, and because of what. */
export interface Commit {
  /** The hash of its canonical header, in hexadecimal digits. */
  id: string;
  version: VersionId;
  /** Its place in this database's log. */
  sequence: number;
  timestamp: bigint;
  author?: string;
  message?: string;
  causes: DocumentVersion[];
  dependencies: VersionId[];
  changes: CommitChange[];
}

/** What a commit did to one document. */
export interface CommitChange {
  collection: string;
  key: string;
  deleted: boolean;
  bytes: number;
  /** The versions that this one replaced. */
  parents: VersionId[];
  expiresAt?: number | bigint;
}

/** The date of a timestamp, to the millisecond. */
export function dateOf(timestamp: bigint): Date {
  return new Date(Number(timestamp >> 16n));
}

export function writeMoment(writer: Writer, moment: Moment | SnapshotHandle | undefined): void {
  if (moment === undefined) return writer.null();
  if (typeof moment === "bigint") return writer.integer(moment);
  if (moment instanceof Date) {
    const ms = moment.getTime();
    if (Number.isNaN(ms)) throw new KoruError("INVALID_ARGUMENT", "the date of a moment is invalid");
    return writer.integer((BigInt(ms) << 16n) + 0xffffn);
  }
  const entries = moment !== null && typeof moment === "object" ? Object.entries(moment) : [];
  const [name] = entries[0] ?? [];
  if (entries.length !== 1 || !["version", "commit", "tag", "snapshot"].includes(name!)) {
    throw new KoruError("INVALID_ARGUMENT", "a moment is a Date, a bigint timestamp, { version }, { commit } or { tag }");
  }
  writer.value(moment);
}

export function writeRange(writer: Writer, range: KeyRange | undefined): void {
  if (!range) return writer.null();
  const { prefix, from, after, to, before, descending } = range;
  const map = { prefix, from, after, to, before, descending: descending ? true : undefined };
  if (Object.values(map).every((value) => value === undefined)) return writer.null();
  writer.value(map);
}

export function writeInfo(writer: Writer, info: CommitInfo): void {
  const { author, message, causes, token, after } = info;
  if (author === undefined && message === undefined && !causes?.length && !token && after === undefined) {
    return writer.null();
  }
  writer.value({
    author,
    message,
    causes: causes?.length ? causes.map((cause) => [cause.collection, cause.key, cause.version]) : undefined,
    token: token && [token.client, token.call],
    after,
  });
}

export function writeExpected(writer: Writer, expected: Expected): void {
  if (expected === undefined) writer.null();
  else if (expected === null) writer.bool(false);
  else writer.string(text(expected, "an expected version"));
}

/** When a document expires: milliseconds since 1970, or a `Date`. */
export type Expiry = number | bigint | Date;

export function writeExpiry(writer: Writer, expiresAt: Expiry | undefined): void {
  if (expiresAt === undefined) writer.null();
  else writeMillis(writer, expiresAt, "expiresAt");
}

/** A point in time, as milliseconds since 1970. */
export function writeMillis(writer: Writer, time: Date | number | bigint, what: string): void {
  const ms = time instanceof Date ? time.getTime() : time;
  if (typeof ms === "bigint") return writer.value(ms, what);
  if (!Number.isSafeInteger(ms)) {
    throw new KoruError("INVALID_ARGUMENT", `${what} is ${ms} and must be whole milliseconds since 1970, or a Date`);
  }
  writer.integer(ms);
}

/** A string argument, checked: what a caller without types passes must not be stored as something else. */
export function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw new KoruError("INVALID_ARGUMENT", `${what} must be a string and is ${kindOf(value)}`);
  return value;
}

function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** A document's four values. */
export function readDocument<T>(reader: Reader, key: string): Document<T> {
  const version = reader.string();
  const timestamp = reader.bigint();
  const expiresAt = reader.integerOrNull();
  const value = reader.value() as T;
  return expiresAt === null ? { key, value, version, timestamp } : { key, value, version, timestamp, expiresAt };
}

/** The value alone of a document. */
export function readDocumentValue<T>(reader: Reader): T {
  // Version, timestamp, expiry.
  for (let i = 0; i < 3; i++) reader.pass();
  return reader.value() as T;
}

/** A row of a history. */
export function readVersion<T>(reader: Reader): Version<T> {
  const fields = reader.array();
  const version: Version<T> = {
    version: reader.string(),
    timestamp: reader.bigint(),
    deleted: reader.bool(),
    bytes: 0,
  };
  const expiresAt = reader.integerOrNull();
  if (expiresAt !== null) version.expiresAt = expiresAt;
  version.bytes = reader.number();
  if (fields > 5) version.value = reader.value() as T;
  return version;
}

interface WireCommit {
  id: string;
  version: string;
  sequence: number;
  timestamp: number | bigint;
  author?: string;
  message?: string;
  causes?: [string, string, string][];
  dependencies?: string[];
  changes?: WireChange[];
}

interface WireChange {
  collection: string;
  key: string;
  deleted?: boolean;
  bytes?: number;
  parents?: string[];
  expires_at?: number | bigint;
}

/** A commit: what is empty or null was left out. */
export function readCommit(reader: Reader): Commit {
  const wire = reader.value() as unknown as WireCommit;
  const { id, version, sequence, timestamp, author, message, causes = [], dependencies = [], changes = [] } = wire;
  return {
    id,
    version,
    sequence,
    timestamp: BigInt(timestamp),
    ...(author !== undefined && { author }),
    ...(message !== undefined && { message }),
    causes: causes.map(readDocumentVersion),
    dependencies,
    changes: changes.map(({ collection, key, deleted = false, bytes = 0, parents = [], expires_at }) => ({
      collection,
      key,
      deleted,
      bytes,
      parents,
      ...(expires_at !== undefined && { expiresAt: expires_at }),
    })),
  };
}

export function readDocumentVersion([collection, key, version]: [string, string, string]): DocumentVersion {
  return { collection, key, version };
}
