/// <reference lib="esnext.disposable" preserve="true" />
// An open database: collections, transactions, time travel, and what is known of the whole.

import { changesBetween, type DocumentChange } from "./changes.js";
import { archiveOf } from "./archive.js";
import { Collection } from "./collection.js";
import { lineage, type Lineage, type LineageOptions } from "./lineage.js";
import { Operation } from "./protocol/operation.js";
import type { Value } from "./protocol/value.js";
import {
  readCommit, text, writeMoment,
  type Commit, type CommitOptions, type DocumentVersion, type Moment, type VersionId,
} from "./protocol/words.js";
import { restore } from "./restore.js";
import { Rows, type AbortOptions } from "./rows.js";
import { Snapshot } from "./snapshot.js";
import { runTransaction, type Transaction, type TransactionOptions } from "./transaction.js";
import type { Connection } from "./transport/connection.js";
import { watch, type WatchEvent, type WatchOptions } from "./watch.js";

/** A name for a causal cut, which keeps what it covers. */
export interface Tag {
  name: string;
  /** The highest timestamp that it covers. */
  timestamp: bigint;
  /** For each actor the last commit that it covers. */
  commits: VersionId[];
}

/** What a database is, and where. */
export interface Info {
  /** Its id: 32 hexadecimal digits. */
  database: string;
  /** Whom it writes as: 32 hexadecimal digits. */
  actor: string;
  /** When it was made. */
  created: Date;
  /** The storage that holds it: `memory`, `file`, `opfs`, `idb` or `http`. */
  storage: string;
  /** Where, for people. */
  location: string;
  durability: "strict" | "relaxed" | "none";
  readOnly: boolean;
  /** The number of the file format. */
  format: number;
  /** Commits in the log. */
  commits: number;
  actors: number;
  /** The highest timestamp; left out while it is empty. */
  newest?: bigint;
  /** The hash over all commits in their order. */
  chain: string;
  logBytes: number;
  indexBytes: number;
  totalBytes: number;
  /** Bytes of a torn write that opening cut off. */
  tornBytes: number;
  /** Whether the browser has promised not to evict it; left out where there is no such question. */
  persisted?: boolean;
  /** What the origin uses and may use, in bytes, as the browser estimates it. */
  quota?: { usage: number; available: number };
  /** Whether other tabs can use it at the same time. */
  shared: boolean;
  /** Storages that would have been better, and why they were passed over. */
  passedOver?: string[];
}

/** What has been done since it was opened. */
export interface Stats {
  [name: string]: number;
}

/** What `verify` found. */
export interface VerifyReport {
  commits: number;
  versions: number;
  segments: number;
  tables: number;
  logBytes: number;
  chain: string;
  /** In words, each with file and place. Empty if all is well. */
  problems: string[];
  /** Problems beyond those listed. */
  moreProblems: number;
}

/** An open database. */
export class Database implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #durability: Info["durability"];

  /** @internal */
  constructor(connection: Connection, durability: Info["durability"]) {
    this.#connection = connection;
    this.#durability = durability;
  }

  /** A collection by its name. It comes into being with its first document. */
  collection<T = Value>(name: string): Collection<T> {
    return new Collection<T>(this.#connection, name);
  }

  /** The names of the collections that hold a document, ascending. */
  collections(): Promise<string[]> {
    return this.#view(undefined).collections();
  }

  /**
   * Runs `body` as one transaction: all of its writes or none, on top of exactly what it read. If others changed that in
   * the meantime it runs again, so it should have no other effects. Resolves with what `body` returned.
   */
  async transaction<R>(body: (transaction: Transaction) => Promise<R> | R, options: TransactionOptions = {}): Promise<R> {
    return (await runTransaction(this.#connection, body, options)).result;
  }

  /** The database as of a moment. Each read names the moment anew: nothing is held. */
  asOf(moment: Moment): Snapshot {
    return this.#view(moment);
  }

  #view(moment: Moment | undefined): Snapshot {
    return new Snapshot(this.#connection, { moment });
  }

  /**
   * The database as it is now, or at a moment, held until closed: every read of it sees the same. It ends with `ABORTED`
   * if the engine moves to another tab.
   */
  async snapshot(moment?: Moment): Promise<Snapshot> {
    const answer = await this.#connection.read(Operation.snapshot, (writer) => writeMoment(writer, moment));
    return new Snapshot(this.#connection, { moment: { snapshot: answer.number() }, session: this.#connection.session });
  }

  /** The documents that differ between two moments, ascending by collection and key; without the second, up to now. */
  diff<T = Value>(before: Moment, after?: Moment, options?: AbortOptions): Rows<DocumentChange<T>> {
    return changesBetween<T>(this.#connection, before, after, undefined, options);
  }

  /** The commits, newest first. */
  log(options: AbortOptions = {}): Rows<Commit> {
    return this.#view(undefined).log(options);
  }

  /** A commit by its version, or by 4 to 64 digits of its id. `NOT_FOUND` if there is none. */
  async commit(versionOrId: string): Promise<Commit> {
    const name = text(versionOrId, "a commit");
    return readCommit(await this.#connection.read(Operation.findCommit, (writer) => writer.string(name)));
  }

  /** The commits as they come. */
  watch<T = Value>(options: WatchOptions = {}): Rows<WatchEvent<T>> {
    return watch<T>(this.#connection, options);
  }

  /** Gives the present, or a moment, a name. */
  async tag(name: string, options: CommitOptions & { moment?: Moment } = {}): Promise<Tag> {
    const { moment, ...info } = options;
    const answer = await this.#connection.write(
      Operation.tag,
      (writer) => {
        writer.string(text(name, "the name of a tag"));
        writeMoment(writer, moment);
      },
      info,
      () => {},
    );
    const tag = readTag(answer.value());
    this.#connection.saw(answer.number());
    return tag;
  }

  /** Takes a tag away; what it covered stays. */
  async untag(name: string, options: CommitOptions = {}): Promise<void> {
    const answer = await this.#connection.write(
      Operation.untag,
      (writer) => writer.string(text(name, "the name of a tag")),
      options,
      () => {},
    );
    this.#connection.saw(answer.number());
  }

  /** All tags, ascending by name. */
  async tags(): Promise<Tag[]> {
    const answer = await this.#connection.read(Operation.tags, () => {});
    return (answer.value() as unknown[]).map(readTag);
  }

  /** Makes everything what it was at a moment, by one commit. Resolves with it, or `undefined` if nothing differs. */
  restore(moment: Moment, options: CommitOptions = {}): Promise<VersionId | undefined> {
    return restore(this.#connection, null, null, moment, options);
  }

  /** What a version was derived from, or what was derived from it. */
  lineage(of: DocumentVersion, options: LineageOptions = {}): Promise<Lineage> {
    return lineage(this.#connection, of, options);
  }

  /** Reads everything and checks every checksum and hash. */
  async verify(): Promise<VerifyReport> {
    const answer = await this.#connection.read(Operation.verify, () => {});
    const report = camel(answer.value()) as Partial<VerifyReport>;
    return { ...(report as VerifyReport), problems: report.problems ?? [], moreProblems: report.moreProblems ?? 0 };
  }

  /**
   * The whole database as one archive: a tar file, as it is at the call. Unpacked it is a database directory; `open` takes
   * it as `import`.
   */
  export(): ReadableStream<Uint8Array> {
    return archiveOf(this.#connection);
  }

  /** What the database is, where it is, and how durable. */
  async info(): Promise<Info> {
    const [answer, described] = await Promise.all([
      this.#connection.read(Operation.info, () => {}),
      this.#connection.connector.describe(),
    ]);
    const raw = camel(answer.value()) as Record<string, unknown>;
    const { createdMs, newest, ...rest } = raw;
    this.#connection.saw(Number(raw["commits"] ?? 0));
    return {
      ...(rest as unknown as Info),
      tornBytes: Number(raw["tornBytes"] ?? 0),
      created: new Date(Number(createdMs)),
      ...(newest !== undefined && newest !== null && { newest: BigInt(newest as bigint) }),
      durability: this.#durability,
      ...described,
    };
  }

  /** What was done since it was opened, as counters. */
  async stats(): Promise<Stats> {
    return camel((await this.#connection.read(Operation.stats, () => {})).value()) as Stats;
  }

  /** Makes everything acknowledged durable. With strict durability it is already. */
  async sync(): Promise<void> {
    const answer = await this.#connection.read(Operation.sync, () => {});
    this.#connection.saw(answer.number());
  }

  /** Writes the index of what is only in the log, so that the next opening has less to read. */
  async checkpoint(): Promise<void> {
    await this.#connection.read(Operation.checkpoint, () => {});
  }

  /** Ends the use of the database. Calls under way may fail with `CLOSED`. Closing twice is fine. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function readTag(value: unknown): Tag {
  const { name, timestamp, commits = [] } = value as { name: string; timestamp: number | bigint; commits?: VersionId[] };
  return { name, timestamp: BigInt(timestamp), commits };
}

/** The same map with names as JavaScript writes them. */
function camel(value: unknown): unknown {
  const entries = Object.entries(value as object);
  return Object.fromEntries(entries.map(([key, v]) => [key.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase()), v as unknown]));
}
