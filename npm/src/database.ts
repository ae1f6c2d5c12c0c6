/// <reference lib="esnext.disposable" preserve="true" />
// An open database: its workspaces, and what is known of the whole.

import { archiveOf } from "./archive.js";
import { KoruError } from "./error.js";
import { Importer } from "./importer.js";
import { lineage, type Lineage, type LineageOptions } from "./lineage.js";
import { checkName } from "./names.js";
import { Operation } from "./protocol/operation.js";
import type { Value } from "./protocol/value.js";
import { readCommit, text, type Commit, type DocumentVersion } from "./protocol/words.js";
import { throwIfAborted, type AbortOptions } from "./rows.js";
import type { Connection } from "./transport/connection.js";
import { Workspace } from "./workspace.js";

/** The collection that remembers how far each import has come. */
const IMPORTS = "$imports";

/** The workspace that is always there. */
const MAIN = "main";

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
  /** Files that the log consists of. */
  segments: number;
  /** How many of them are compressed. */
  packedSegments: number;
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

/** An open database. It is its workspace `main`, and has all of the calls of a `Workspace` beside its own. */
export class Database extends Workspace implements AsyncDisposable {
  readonly #durability: Info["durability"];

  /** @internal */
  constructor(connection: Connection, durability: Info["durability"]) {
    super(connection, MAIN);
    this.#durability = durability;
  }

  /** A workspace by its name: `main`, which is what a database is itself. Throws `NOT_FOUND` for another name. */
  workspace(name: string): Workspace {
    checkName(name, "a workspace");
    if (name !== MAIN) {
      throw new KoruError("NOT_FOUND", `there is no workspace ${JSON.stringify(name)}: the only one is "${MAIN}"`);
    }
    return new Workspace(this.connection, name);
  }

  /** A commit by its version, or by 4 to 64 digits of its id. `NOT_FOUND` if there is none. */
  async commit(versionOrId: string): Promise<Commit> {
    const name = text(versionOrId, "a commit");
    return readCommit(await this.connection.read(Operation.findCommit, (writer) => writer.string(name)));
  }

  /** What a version was derived from, or what was derived from it. */
  lineage(of: DocumentVersion, options: LineageOptions = {}): Promise<Lineage> {
    return lineage(this.connection, of, options);
  }

  /** An import by its name: commits with times of their own, so that history from elsewhere keeps its dates. */
  async importer(name: string): Promise<Importer> {
    const remembered = await this.collection<{ state: Value }>(IMPORTS).get(text(name, "the name of an import"));
    return new Importer(this.connection, name, remembered?.state);
  }

  /** Reads everything and checks every checksum and hash. */
  async verify(): Promise<VerifyReport> {
    const answer = await this.connection.read(Operation.verify, () => {});
    const report = camel(answer.value()) as Partial<VerifyReport>;
    return { ...(report as VerifyReport), problems: report.problems ?? [], moreProblems: report.moreProblems ?? 0 };
  }

  /**
   * The whole database as one archive: a tar file, as it is at the call. Unpacked it is a database directory; `open` takes
   * it as `import`.
   */
  export(): ReadableStream<Uint8Array> {
    return archiveOf(this.connection);
  }

  /** What the database is, where it is, and how durable. */
  async info(): Promise<Info> {
    const [answer, described] = await Promise.all([
      this.connection.read(Operation.info, () => {}),
      this.connection.connector.describe(),
    ]);
    const raw = camel(answer.value()) as Record<string, unknown>;
    const { createdMs, newest, ...rest } = raw;
    this.connection.saw(Number(raw["commits"] ?? 0));
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
    return camel((await this.connection.read(Operation.stats, () => {})).value()) as Stats;
  }

  /** Makes everything acknowledged durable. With strict durability it is already. */
  async sync(): Promise<void> {
    const answer = await this.connection.read(Operation.sync, () => {});
    this.connection.saw(answer.number());
  }

  /** Writes the index of what is only in the log, so that the next opening has less to read. */
  async checkpoint(): Promise<void> {
    await this.connection.read(Operation.checkpoint, () => {});
  }

  /**
   * Makes the database as small as it gets: compresses the log, and merges the tables of the index into one. Nothing of
   * history is dropped. What is compressed is read some microseconds slower, and what is written afterwards is not
   * compressed until this is called again. Reading and writing go on meanwhile; there has to be room for one more
   * compressed segment of the log (below 64 MiB) and for one more index. The last of the log stays as it is while it is
   * below 1 MiB.
   *
   * @throws `STORAGE_FULL` if there is not that room; nothing is lost then.
   */
  async compact(options: AbortOptions = {}): Promise<void> {
    // A step a call, so that others have their turn in between.
    for (let begin = true, more = true; more; begin = false) {
      throwIfAborted(options.signal);
      more = (await this.connection.read(Operation.compact, (writer) => writer.bool(begin))).bool();
    }
  }

  /** Ends the use of the database. Calls under way may fail with `CLOSED`. Closing twice is fine. */
  close(): Promise<void> {
    return this.connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The same map with names as JavaScript writes them. */
function camel(value: unknown): unknown {
  const entries = Object.entries(value as object);
  return Object.fromEntries(entries.map(([key, v]) => [key.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase()), v as unknown]));
}
