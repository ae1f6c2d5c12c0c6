// Optimistic transactions. Reads come from one snapshot and are remembered with their versions, writes are kept here; one
// message commits them, if everything that was read is still so. Otherwise the callback runs again.
//
// Invariant: what is committed follows from what was there when it was committed. Nobody holds up anybody, and a client
// that dies in the middle leaves nothing behind.

import { readEffect } from "./collection.js";
import { KoruError } from "./error.js";
import { checkKey, checkOwnCollection, checkVectors } from "./names.js";
import { TRANSACTION_TRIES_MAX } from "./limits.js";
import { Operation } from "./protocol/operation.js";
import { Reader } from "./protocol/reader.js";
import type { Value } from "./protocol/value.js";
import {
  text, writeExpected, writeExpiry, writeRange,
  type CommitOptions, type Document, type Expected, type Expiry, type KeyRange, type VersionId,
} from "./protocol/words.js";
import { compareUtf8, Writer } from "./protocol/writer.js";
import { release, throwIfAborted, type AbortOptions } from "./rows.js";
import { SnapshotCollection, type Place, type ScanOptions } from "./snapshot.js";
import type { Connection } from "./transport/connection.js";
import { entriesOf, writeVectors, type PutVectors } from "./vectors.js";

/** How a transaction runs, and what its commit says. */
export interface TransactionOptions extends CommitOptions, AbortOptions {
  /** How often the callback runs at most, when others keep changing what it reads. 16 if left out. */
  tries?: number;
}

interface Write {
  collection: string;
  key: string;
  expected: Expected;
  expiresAt: Expiry | undefined;
  /** The value, and behind it the vectors if there are any. `undefined` deletes. */
  encoded: Uint8Array | undefined;
}

interface ScanRecord {
  collection: string;
  range: KeyRange;
  limit: number | undefined;
  rows: [key: string, version: VersionId][];
}

/** What the callback of `Database.transaction` works with. It is over when the callback returns. */
export class Transaction {
  /** @internal */ readonly reads = new Map<string, [string, string, VersionId | null]>();
  /** @internal */ readonly scans: ScanRecord[] = [];
  /** @internal */ readonly writes = new Map<string, Write>();
  #snapshot: Promise<Place> | undefined;
  #over = false;

  /** Author, message and causes of the commit. The callback may set them. */
  author: string | undefined;
  message: string | undefined;
  causes: CommitOptions["causes"];

  /** @internal */
  constructor(
    /** @internal */ readonly connection: Connection,
    options: CommitOptions,
  ) {
    this.author = options.author;
    this.message = options.message;
    this.causes = options.causes;
  }

  /** A collection, as this transaction sees it. */
  collection<T = Value>(name: string): TransactionCollection<T> {
    return new TransactionCollection<T>(this, text(name, "the name of a collection"));
  }

  /** @internal The state that everything is read from; taken at the first read. */
  place(): Promise<Place> {
    this.ensureOpen();
    return (this.#snapshot ??= this.connection
      .read(Operation.snapshot, (writer) => writer.null())
      .then((answer) => ({ moment: { snapshot: answer.number() }, session: this.connection.session })));
  }

  /** @internal */
  now(): number {
    return this.connection.connector.now?.() ?? Date.now();
  }

  /** @internal */
  ensureOpen(): void {
    if (this.#over) throw new KoruError("CLOSED", "the transaction is over: its callback has returned");
  }

  /** @internal */
  end(): void {
    this.#over = true;
    this.#snapshot?.then(
      ({ moment, session }) => release(this.connection, (moment as { snapshot: number }).snapshot, session!),
      () => {},
    );
  }

  /** @internal */
  async commit(): Promise<VersionId | undefined> {
    if (this.writes.size === 0) return undefined;
    const answer = await this.connection.write(
      Operation.commit,
      () => {},
      { author: this.author, message: this.message, causes: this.causes },
      (writer) => {
        writer.array(this.reads.size);
        for (const read of this.reads.values()) writer.value(read);
        writer.array(this.scans.length);
        for (const { collection, range, limit, rows } of this.scans) {
          writer.array(4);
          writer.string(collection);
          writeRange(writer, range);
          writer.value(limit ?? null);
          writer.array(rows.length);
          for (const row of rows) writer.value(row);
        }
        for (const { collection, key, expected, expiresAt, encoded } of this.writes.values()) {
          writer.string(collection);
          writer.string(key);
          writeExpected(writer, expected);
          writeExpiry(writer, expiresAt);
          writer.bool(encoded !== undefined);
          if (encoded) writer.raw(encoded);
        }
      },
    );
    return readEffect(this.connection, answer);
  }
}

/** One collection within a transaction: it sees the transaction's own writes. */
export class TransactionCollection<T = Value> {
  /** @internal */
  constructor(
    /** @internal */ readonly transaction: Transaction,
    /** Its name. */
    readonly name: string,
  ) {}

  #id(key: string): string {
    return `${this.name}\0${text(key, "a key")}`;
  }

  /** The value of a document, or `undefined`. */
  async get(key: string): Promise<T | undefined> {
    const own = this.transaction.writes.get(this.#id(key));
    if (own) return isThere(own, this.transaction.now()) ? valueOf<T>(own) : undefined;
    return (await this.document(key))?.value;
  }

  /** The document as it was before this transaction, with its version, or `undefined`. */
  async document(key: string): Promise<Document<T> | undefined> {
    const { transaction, name } = this;
    const place = await transaction.place();
    const document = await new SnapshotCollection<T>(transaction.connection, name, place).document(key);
    transaction.reads.set(this.#id(key), [name, key, document?.version ?? null]);
    return document;
  }

  /** Writes a document when the transaction commits. The value and the vectors are taken as they are now. */
  put(key: string, value: T, options: PutVectors & { expected?: Expected; expiresAt?: Expiry } = {}): void {
    const writer = new Writer();
    writer.value(value, `${this.name}/${key}`);
    const vectors = entriesOf(options);
    checkVectors(vectors);
    writeVectors(writer, vectors);
    this.#write(key, writer.slice(), options.expected, options.expiresAt);
  }

  /** Deletes a document when the transaction commits; without effect if it is not there. */
  delete(key: string, options: { expected?: Expected } = {}): void {
    this.#write(key, undefined, options.expected, undefined);
  }

  #write(key: string, encoded: Uint8Array | undefined, expected: Expected, expiresAt: Expiry | undefined): void {
    this.transaction.ensureOpen();
    checkOwnCollection(this.name);
    checkKey(key);
    const id = this.#id(key);
    const before = this.transaction.writes.get(id);
    if (before && expected !== undefined) {
      const message = `${this.name}/${key} was changed by this transaction already: an expected version is about what was there before`;
      throw new KoruError("INVALID_ARGUMENT", message);
    }
    // What an earlier write of this transaction expected of what was there before still has to hold.
    const earlier = before?.expected;
    const write: Write = { collection: this.name, key, expected: expected === undefined ? earlier : expected, expiresAt, encoded };
    this.transaction.writes.set(id, write);
  }

  /** The documents of a range in key order, with this transaction's own writes among them. */
  async *scan(options: ScanOptions = {}): AsyncGenerator<{ key: string; value: T }, void, undefined> {
    const { transaction, name } = this;
    const { limit = Infinity, signal, ...range } = options;
    if (limit <= 0) return;
    const place = await transaction.place();
    const record: ScanRecord = { collection: name, range, limit: 0, rows: [] };
    transaction.scans.push(record);
    const sign = range.descending ? -1 : 1;
    const own = [...transaction.writes.values()]
      .filter((write) => write.collection === name && inRange(write.key, range))
      .sort((a, b) => sign * compareUtf8(a.key, b.key));
    const rows = new SnapshotCollection<T>(transaction.connection, name, place).scan({ ...range, signal })[Symbol.asyncIterator]();
    const next = async () => {
      const { done, value } = await rows.next();
      if (done) {
        record.limit = undefined;
        return undefined;
      }
      record.rows.push([value.key, value.version]);
      record.limit = record.rows.length;
      return value;
    };
    let given = 0;
    try {
      let stored = await next();
      let mine = 0;
      while (given < limit) {
        const write = own[mine];
        if (!stored && !write) return;
        const order = !stored ? 1 : !write ? -1 : sign * compareUtf8(stored.key, write.key);
        if (order < 0) {
          given++;
          yield { key: stored!.key, value: stored!.value };
        } else {
          mine++;
          if (isThere(write!, transaction.now())) {
            given++;
            yield { key: write!.key, value: valueOf<T>(write!) };
          }
        }
        if (order <= 0 && given < limit) stored = await next();
      }
    } finally {
      await rows.return();
    }
  }
}

/** What a write leaves to be seen. */
function valueOf<T>({ encoded }: Write): T {
  return new Reader(encoded!).value() as T;
}

/** Whether a write leaves a document to be seen. */
function isThere({ encoded, expiresAt }: Write, now: number): boolean {
  return encoded !== undefined && (expiresAt === undefined || Number(expiresAt) > now);
}

function inRange(key: string, { prefix, from, after, to, before }: KeyRange): boolean {
  return (
    (prefix === undefined || key.startsWith(prefix)) &&
    (from === undefined || compareUtf8(key, from) >= 0) &&
    (after === undefined || compareUtf8(key, after) > 0) &&
    (to === undefined || compareUtf8(key, to) <= 0) &&
    (before === undefined || compareUtf8(key, before) < 0)
  );
}

/** What the callback returned, and the commit's version, `undefined` if it wrote nothing. */
export interface TransactionResult<R> {
  result: R;
  version: VersionId | undefined;
}

/** Runs `body` until it commits. */
export async function runTransaction<R>(
  connection: Connection,
  body: (transaction: Transaction) => Promise<R> | R,
  options: TransactionOptions,
): Promise<TransactionResult<R>> {
  const tries = options.tries ?? TRANSACTION_TRIES_MAX;
  for (let tried = 1; ; tried++) {
    throwIfAborted(options.signal);
    const transaction = new Transaction(connection, options);
    const session = connection.session;
    try {
      const result = await body(transaction);
      throwIfAborted(options.signal);
      return { result, version: await transaction.commit() };
    } catch (error) {
      // Without reads it would only come to the same again.
      const blind = transaction.reads.size === 0 && transaction.scans.length === 0;
      if (tried >= tries || blind || !mayRunAgain(error, connection, session)) throw error;
    } finally {
      transaction.end();
    }
    // A little apart, so that two that collided do not do so again.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 ** Math.min(tried, 6)));
  }
}

/** Whether it failed because of others: they changed what it read, or its snapshot ended with its engine. */
function mayRunAgain(error: unknown, connection: Connection, session: number): boolean {
  if (!(error instanceof KoruError)) return false;
  return error.code === "CONFLICT" || (error.code === "ABORTED" && connection.session !== session);
}
