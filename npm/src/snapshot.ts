/// <reference lib="esnext.disposable" preserve="true" />
// A database as it was at a moment: reading only.

import { KoruError } from "./error.js";
import { Operation } from "./protocol/operation.js";
import type { Value } from "./protocol/value.js";
import {
  readCommit, readDocument, readDocumentValue, readVersion, text, writeMoment, writeRange,
  type Commit, type Document, type KeyRange, type Moment, type SnapshotHandle, type Version, type VersionId,
} from "./protocol/words.js";
import type { Writer } from "./protocol/writer.js";
import { pages, release, Rows, throwIfAborted, untilAborted, type AbortOptions } from "./rows.js";
import { readHits, writeSearch, type Hits, type SearchOptions } from "./search.js";
import type { Connection, Parts } from "./transport/connection.js";
import { readVectors, type Vectors } from "./vectors.js";

/** Which documents of a collection. */
export interface ScanOptions extends KeyRange, AbortOptions {
  /** At most so many documents. */
  limit?: number;
}

/** Which versions of a document. */
export interface HistoryOptions extends AbortOptions {
  /** Only versions older than this one. */
  before?: VersionId;
  /** Whether values are read as well. They are if it is left out. */
  values?: boolean;
}

/** A moment, and the session of the handle that it hangs on if it does. */
export interface Place {
  moment: Moment | SnapshotHandle | undefined;
  session?: number | undefined;
}

/** The documents of one collection at a moment. `Collection` is the same now, with writing. */
export class SnapshotCollection<T = Value> {
  /** @internal */
  constructor(
    /** @internal */ readonly connection: Connection,
    /** Its name. */
    readonly name: string,
    /** @internal */ readonly place: Place,
  ) {
    text(name, "the name of a collection");
  }

  /** The value of a document; `undefined` if it is not there: never written, deleted or expired. */
  async get(key: string, options?: AbortOptions): Promise<T | undefined> {
    const answer = await this.#read(Operation.get, options, (writer) => writer.string(text(key, "a key")));
    return answer.done ? undefined : readDocumentValue<T>(answer);
  }

  /** The document with its version, or `undefined`. */
  async document(key: string, options?: AbortOptions): Promise<Document<T> | undefined> {
    const answer = await this.#read(Operation.get, options, (writer) => writer.string(text(key, "a key")));
    return answer.done ? undefined : readDocument<T>(answer, key);
  }

  /** The values of many documents, in the order of the keys; `undefined` where there is none. One call, one moment. */
  getMany(keys: readonly string[], options?: AbortOptions): Promise<(T | undefined)[]> {
    return this.#many(keys, options, (answer) => readDocumentValue<T>(answer));
  }

  /** As `getMany`, with versions. */
  documents(keys: readonly string[], options?: AbortOptions): Promise<(Document<T> | undefined)[]> {
    return this.#many(keys, options, (answer, key) => readDocument<T>(answer, key));
  }

  async #many<R>(
    given: readonly string[],
    options: AbortOptions | undefined,
    read: (answer: import("./protocol/reader.js").Reader, key: string) => R,
  ): Promise<(R | undefined)[]> {
    // Whose array it is may change it meanwhile.
    const keys = given.slice();
    const found: (R | undefined)[] = [];
    const parts: Parts = {
      begin: () => void (found.length = 0),
      // For each key an array: empty where there is no document.
      take(results) {
        while (!results.done) found.push(results.array() === 0 ? undefined : read(results, keys[found.length]!));
      },
    };
    const write = (writer: Writer) => {
      writer.array(keys.length);
      for (const key of keys) writer.string(text(key, "a key"));
    };
    parts.take(await this.#read(Operation.getMany, options, write, this.place.moment, parts));
    return found;
  }

  /** The vectors of a document, by name: none if it has none, and `undefined` if there is no document. */
  async vectors(key: string, options?: AbortOptions): Promise<Vectors | undefined> {
    const answer = await this.#read(Operation.vectors, options, (writer) => writer.string(text(key, "a key")));
    return answer.done ? undefined : readVectors(answer);
  }

  /**
   * The documents whose vector is nearest to the one that is given or to that of a document, best first; those of equal
   * score by key. Searches that are made at once, as with `Promise.all`, travel together.
   *
   * Errors: `NOT_FOUND` for a name that no document ever had a vector of and for a document that is not there,
   * `DIMENSION_MISMATCH`.
   */
  async search<const I extends "values" | "vectors" = "values">(options: SearchOptions<I>): Promise<Hits<T, I>> {
    const { asOf } = options;
    if (asOf !== undefined && this.place.moment !== undefined) {
      throw new KoruError("INVALID_ARGUMENT", "this is of a moment already: a search of it has no asOf");
    }
    const query = (writer: Writer) => writeSearch(writer, options);
    const answer = await this.#read(Operation.search, options, query, asOf ?? this.place.moment);
    return readHits<T, I>(answer, options.include);
  }

  /** The documents of a range in the order of their keys' UTF-8 bytes, as of one moment. */
  scan(options: ScanOptions = {}): Rows<Document<T>> {
    const { signal } = options;
    return this.#rows(options, true, (reader) => {
      reader.array();
      return readDocument<T>(reader, reader.string());
    }, (row) => row.key, signal);
  }

  /** The keys of a range, as `scan` finds them, without reading values. */
  keys(options: ScanOptions = {}): Rows<string> {
    return this.#rows(options, false, (reader) => {
      reader.array();
      const key = reader.string();
      reader.value();
      reader.value();
      reader.value();
      return key;
    }, (key) => key, options.signal);
  }

  /** The versions of a document, newest first: all of them now, and at a moment those that are shown then. */
  history(key: string, options: HistoryOptions = {}): Rows<Version<T>> {
    const { connection, name, place: { moment, session } } = this;
    text(key, "a key");
    return new Rows(() =>
      pages<Version<T>>(connection, {
        operation: Operation.history,
        session,
        signal: options.signal,
        resumable: session === undefined,
        write: (writer, page, last) => {
          writer.string(name);
          writer.string(key);
          const before = last?.version ?? options.before;
          if (before === undefined) writer.null();
          else writer.string(before);
          writer.integer(page);
          writer.bool(options.values ?? true);
          writeMoment(writer, moment);
        },
        read: (reader) => readVersion<T>(reader),
      }),
    );
  }

  #rows<R>(
    options: ScanOptions,
    values: boolean,
    read: (reader: import("./protocol/reader.js").Reader) => R,
    keyOf: (row: R) => string,
    signal: AbortSignal | undefined,
  ): Rows<R> {
    const { connection, name, place: { moment, session } } = this;
    return new Rows(() => {
      let left = options.limit;
      return pages<R>(connection, {
        operation: Operation.scan,
        session,
        signal,
        // What is now changes: a scan of it cannot go on elsewhere and still have seen one moment.
        resumable: moment !== undefined && session === undefined,
        write: (writer, page, last) => {
          writer.string(name);
          writeRange(writer, last === undefined ? options : behind(options, keyOf(last)));
          writeMoment(writer, moment);
          if (left === undefined) writer.null();
          else writer.integer(left);
          writer.integer(page);
          writer.bool(values);
        },
        read: (reader) => {
          if (left !== undefined) left--;
          return read(reader);
        },
      });
    });
  }

  async #read(
    operation: Operation,
    options: AbortOptions | undefined,
    key: (writer: Writer) => void,
    moment: Moment | SnapshotHandle | undefined = this.place.moment,
    parts?: Parts,
  ) {
    throwIfAborted(options?.signal);
    const { session } = this.place;
    const answer = this.connection.read(
      operation,
      (writer) => {
        writer.string(this.name);
        key(writer);
        writeMoment(writer, moment);
      },
      session,
      parts,
    );
    return untilAborted(answer, options?.signal);
  }
}

/** The rest of a range behind a key. */
export function behind(range: KeyRange, key: string): KeyRange {
  const { prefix, from, after, to, before, descending } = range;
  const rest = descending ? { prefix, from, after, before: key, descending } : { prefix, after: key, to, before };
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as KeyRange;
}

/** All collections at one moment. */
export class Snapshot implements AsyncDisposable {
  #handle: number | undefined;

  /** @internal */
  constructor(
    /** @internal */ readonly connection: Connection,
    /** @internal */ readonly place: Place,
  ) {
    const { moment } = place;
    if (moment && typeof moment === "object" && "snapshot" in moment) this.#handle = moment.snapshot;
  }

  /** A collection as of this moment. */
  collection<T = Value>(name: string): SnapshotCollection<T> {
    if (this.place.session !== undefined && this.#handle === undefined) {
      throw new KoruError("CLOSED", "the snapshot was closed");
    }
    return new SnapshotCollection<T>(this.connection, name, this.place);
  }

  /** The names of the collections that hold a document then, ascending. */
  async collections(): Promise<string[]> {
    const { moment, session } = this.place;
    const answer = await this.connection.read(Operation.collections, (writer) => writeMoment(writer, moment), session);
    return answer.value() as unknown as string[];
  }

  /** The commits that are shown, newest first. */
  log(options: AbortOptions = {}): Rows<Commit> {
    const { moment, session } = this.place;
    return new Rows(() =>
      pages<Commit>(this.connection, {
        operation: Operation.log,
        session,
        signal: options.signal,
        resumable: false,
        write: (writer, page) => {
          writer.integer(page);
          writeMoment(writer, moment);
        },
        read: (reader) => {
          reader.array();
          return readCommit(reader);
        },
      }),
    );
  }

  /** Lets go of what the snapshot keeps from being cleaned up. */
  async close(): Promise<void> {
    if (this.#handle === undefined || this.place.session === undefined) return;
    release(this.connection, this.#handle, this.place.session);
    this.#handle = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
