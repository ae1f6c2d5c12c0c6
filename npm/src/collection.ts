// The documents of one collection, now: reading, writing, history.

import { KoruError } from "./error.js";
import { Operation } from "./protocol/operation.js";
import { Writer } from "./protocol/writer.js";
import type { Value } from "./protocol/value.js";
import {
  readVersion, text, writeExpected, writeExpiry,
  type CommitOptions, type DocumentVersion, type Expected, type Expiry, type Moment, type Version, type VersionId,
} from "./protocol/words.js";
import { type Rows, throwIfAborted, type AbortOptions } from "./rows.js";
import { SnapshotCollection } from "./snapshot.js";
import { changesBetween, type DocumentChange } from "./changes.js";
import { watch, type WatchEvent, type WatchOptions } from "./watch.js";
import { lineage, type Lineage, type LineageOptions } from "./lineage.js";
import { restore } from "./restore.js";
import type { Connection } from "./transport/connection.js";
import { entriesOf, rowsOf, writeVectors, type PutVectors, type VectorConfig, type VectorInfo, type VectorRows } from "./vectors.js";

/** How a document is written or deleted. */
export interface WriteOptions extends CommitOptions, AbortOptions {
  /** What the document has to be for the write to go ahead: at this version, or with `null` not there. Else `CONFLICT`. */
  expected?: Expected;
}

/** How a document is written. */
export interface PutOptions extends WriteOptions, PutVectors {
  /** From when on the document no longer shows, in milliseconds since 1970 or as a `Date`. */
  expiresAt?: Expiry | undefined;
}

/** How many documents are written. */
export interface PutManyOptions extends CommitOptions, AbortOptions {
  /**
   * A vector for each of the documents, under the name `default`: one array with all rows one behind the other, or an
   * array of vectors. Or an object from names to such.
   */
  vectors?: VectorRows | { readonly [name: string]: VectorRows } | undefined;
}

/** How two values differ at one place. */
export interface Change {
  /** Where: a JSON pointer. */
  path: string;
  /** What was there; left out if something was added. */
  before?: Value;
  /** What is there; left out if something was removed. */
  after?: Value;
}

/** The documents of one collection. Make as many as you like: it holds nothing. */
export class Collection<T = Value> extends SnapshotCollection<T> {
  /** @internal */
  constructor(connection: Connection, name: string) {
    super(connection, name, { moment: undefined });
  }

  /**
   * Writes a document: a new version on top of what is there. Resolves with the version when it is durable. A signal only
   * counts before it is sent: what has been sent cannot be taken back.
   */
  async put(key: string, value: T, options: PutOptions = {}): Promise<VersionId> {
    throwIfAborted(options.signal);
    const answer = await this.connection.write(
      Operation.put,
      (writer) => {
        writer.string(this.name);
        writer.string(text(key, "a key"));
      },
      options,
      (writer) => {
        writeExpected(writer, options.expected);
        writeExpiry(writer, options.expiresAt);
        writer.value(value, `${this.name}/${key}`);
        writeVectors(writer, entriesOf(options));
      },
    );
    const version = answer.string();
    this.connection.saw(answer.number());
    return version;
  }

  /** Deletes a document. Resolves with the version that says so, or `undefined` if there was none. Its history stays. */
  async delete(key: string, options: WriteOptions = {}): Promise<VersionId | undefined> {
    throwIfAborted(options.signal);
    const answer = await this.connection.write(
      Operation.delete,
      (writer) => {
        writer.string(this.name);
        writer.string(text(key, "a key"));
      },
      options,
      (writer) => writeExpected(writer, options.expected),
    );
    return readEffect(this.connection, answer);
  }

  /**
   * Writes many documents as one commit: all of them or none. Of equal keys the last one counts. Takes pairs of key and
   * value, each with its vectors as a third element if it has any; a `Map`; or an object from keys to values. Resolves with
   * the commit's version, or `undefined` for no documents.
   */
  async putMany(
    documents: Iterable<readonly [key: string, value: T, vectors?: PutVectors | undefined]> | { readonly [key: string]: T },
    options: PutManyOptions = {},
  ): Promise<VersionId | undefined> {
    throwIfAborted(options.signal);
    type Item = readonly [string, T, (PutVectors | undefined)?];
    // A generator may make calls itself, which must not come in the middle of this one.
    const given = Symbol.iterator in documents ? [...(documents as Iterable<Item>)] : undefined;
    let items = given ?? (Object.entries(documents) as unknown as Item[]);
    let row: ReturnType<typeof rowsOf> | undefined;
    if (options.vectors !== undefined) {
      // Which numbers are keys decides over the order of an object's.
      if (!given) throw new KoruError("INVALID_ARGUMENT", "vectors for each document need documents in an order: pairs or a Map");
      row = rowsOf(options.vectors, (items as Item[]).length);
    }
    const answer = await this.connection.write(
      Operation.putMany,
      (writer) => writer.string(this.name),
      options,
      (writer, ahead) => {
        let index = 0;
        for (const [key, value, own] of items) {
          ahead();
          writer.string(text(key, "a key"));
          writer.value(value, `${this.name}/${key}`);
          if (row && own) throw new KoruError("INVALID_ARGUMENT", `${this.name}/${key} has vectors of its own and those of the call`);
          writeVectors(writer, row ? row(index++) : own ? entriesOf(own) : []);
        }
      },
    );
    return readEffect(this.connection, answer);
  }

  /** One version of a document. `NOT_FOUND` if the document has no such version. */
  async version(key: string, version: VersionId): Promise<Version<T>> {
    const answer = await this.#ofDocument(Operation.version, key, [version]);
    return readVersion<T>(answer);
  }

  /** The versions that no other replaced: one, or several after concurrent writes, the one that `get` shows first. */
  async heads(key: string): Promise<VersionId[]> {
    return (await this.#ofDocument(Operation.heads, key, [])).value() as unknown as VersionId[];
  }

  /**
   * What changed in a document between two of its versions, place by place; or without a key, the documents of the
   * collection that differ between two moments.
   */
  diff(key: string, before: VersionId, after: VersionId): Promise<Change[]>;
  diff(before: Moment | undefined, after: Moment | undefined, options?: AbortOptions): Rows<DocumentChange<T>>;
  diff(first: unknown, second: unknown, third?: unknown): Promise<Change[]> | Rows<DocumentChange<T>> {
    if (typeof first === "string") return this.#diff(first, text(second, "a version"), text(third, "a version"));
    const [before, after] = [first, second] as (Moment | undefined)[];
    return changesBetween<T>(this.connection, before, after, this.name, third as AbortOptions | undefined);
  }

  async #diff(key: string, before: VersionId, after: VersionId): Promise<Change[]> {
    return (await this.#ofDocument(Operation.diff, key, [before, after])).value() as unknown as Change[];
  }

  /** This collection as of a moment. */
  asOf(moment: Moment): SnapshotCollection<T> {
    return new SnapshotCollection<T>(this.connection, this.name, { moment });
  }

  /** Makes a document what it was at a moment, by a new version. Resolves with it, or `undefined` if nothing differs. */
  restore(key: string, moment: Moment, options: CommitOptions = {}): Promise<VersionId | undefined> {
    return restore(this.connection, this.name, text(key, "a key"), moment, options);
  }

  /** The same for the whole collection, by one commit. */
  restoreAll(moment: Moment, options: CommitOptions = {}): Promise<VersionId | undefined> {
    return restore(this.connection, this.name, null, moment, options);
  }

  /** What a version was derived from, or what was derived from it. */
  lineage(key: string, version: VersionId, options: LineageOptions = {}): Promise<Lineage> {
    return lineage(this.connection, this.at(key, version), options);
  }

  /** The commits that change this collection, from now on or from a token on. */
  watch(options: Omit<WatchOptions, "collection"> = {}): Rows<WatchEvent<T>> {
    return watch<T>(this.connection, { ...options, collection: this.name });
  }

  /** A version of a document of this collection, as causes and lineage name it. */
  at(key: string, version: VersionId): DocumentVersion {
    return { collection: this.name, key, version };
  }

  /**
   * Sets how the vectors of a name are searched. Resolves with the commit's version, or `undefined` if it is so already. A
   * name keeps its dimension, else `DIMENSION_MISMATCH`.
   */
  async configureVectors(
    name: string,
    config: Partial<VectorConfig> & { dimension: number },
    options: CommitOptions = {},
  ): Promise<VersionId | undefined> {
    const { dimension, metric, index, codes } = config;
    const answer = await this.connection.write(
      Operation.configureVectors,
      (writer) => {
        writer.string(this.name);
        writer.string(text(name, "the name of a vector"));
      },
      options,
      (writer) => {
        for (const word of [dimension, metric ?? null, index ?? null, codes ?? null]) writer.value(word);
      },
    );
    return readEffect(this.connection, answer);
  }

  /** How the vectors of a name are searched; `undefined` if there were none. */
  async vectorConfig(name = "default"): Promise<VectorConfig | undefined> {
    const answer = await this.connection.read(Operation.vectorConfig, (writer) => {
      writer.string(this.name);
      writer.string(text(name, "the name of a vector"));
    });
    return (answer.value() as unknown as VectorConfig | null) ?? undefined;
  }

  /** What is known of the vectors of this collection, by name: what `auto` chose, rows, memory. */
  async vectorInfo(): Promise<VectorInfo[]> {
    const answer = await this.connection.read(Operation.vectorInfo, (writer) => writer.string(this.name));
    const infos = answer.value() as unknown as (VectorInfo & { memory_bytes: number })[];
    return infos.map(({ memory_bytes: memoryBytes, ...info }) => ({ ...info, memoryBytes }));
  }

  #ofDocument(operation: Operation, key: string, versions: VersionId[]) {
    return this.connection.read(operation, (writer: Writer) => {
      writer.string(this.name);
      writer.string(text(key, "a key"));
      for (const version of versions) writer.string(text(version, "a version"));
    });
  }
}

/** `version?, sequence`: what a write had for an effect. */
export function readEffect(connection: Connection, answer: import("./protocol/reader.js").Reader): VersionId | undefined {
  const version = answer.stringOrNull();
  connection.saw(answer.number());
  return version ?? undefined;
}
