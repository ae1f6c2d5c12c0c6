// A workspace: collections and their history.
//
// There is one, `main`, and a database is that one itself: its class extends this one, so that what is asked of either is the
// same call.

import { changesBetween, type DocumentChange } from "./changes.js";
import { Collection } from "./collection.js";
import { Operation } from "./protocol/operation.js";
import type { Value } from "./protocol/value.js";
import { text, writeMoment, type Commit, type CommitOptions, type Moment, type VersionId } from "./protocol/words.js";
import { restore } from "./restore.js";
import type { AbortOptions, Rows } from "./rows.js";
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

/**
 * An isolated container inside a database, with its own collections and their history. A database is its workspace `main`,
 * and has all of these calls itself.
 */
export class Workspace {
  /** @internal */
  constructor(
    /** @internal */ readonly connection: Connection,
    /** Its name. */
    readonly name: string,
  ) {}

  /** A collection by its name. It comes into being with its first document. */
  collection<T = Value>(name: string): Collection<T> {
    return new Collection<T>(this.connection, name);
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
    return (await runTransaction(this.connection, body, options)).result;
  }

  /** Everything as of a moment. Each read names the moment anew: nothing is held. */
  asOf(moment: Moment): Snapshot {
    return this.#view(moment);
  }

  #view(moment: Moment | undefined): Snapshot {
    return new Snapshot(this.connection, { moment });
  }

  /**
   * Everything as it is now, or at a moment, held until closed: every read of it sees the same. It ends with `ABORTED`
   * if the engine moves to another tab.
   */
  async snapshot(moment?: Moment): Promise<Snapshot> {
    const answer = await this.connection.read(Operation.snapshot, (writer) => writeMoment(writer, moment));
    return new Snapshot(this.connection, { moment: { snapshot: answer.number() }, session: this.connection.session });
  }

  /** The documents that differ between two moments, ascending by collection and key; without the second, up to now. */
  diff<T = Value>(before: Moment, after?: Moment, options?: AbortOptions): Rows<DocumentChange<T>> {
    return changesBetween<T>(this.connection, before, after, undefined, options);
  }

  /** The commits, newest first. */
  log(options: AbortOptions = {}): Rows<Commit> {
    return this.#view(undefined).log(options);
  }

  /** The commits as they come. */
  watch<T = Value>(options: WatchOptions = {}): Rows<WatchEvent<T>> {
    return watch<T>(this.connection, options);
  }

  /** Gives the present, or a moment, a name. */
  async tag(name: string, options: CommitOptions & { moment?: Moment } = {}): Promise<Tag> {
    const { moment, ...info } = options;
    const answer = await this.connection.write(
      Operation.tag,
      (writer) => {
        writer.string(text(name, "the name of a tag"));
        writeMoment(writer, moment);
      },
      info,
      () => {},
    );
    const tag = readTag(answer.value());
    this.connection.saw(answer.number());
    return tag;
  }

  /** Takes a tag away; what it covered stays. */
  async untag(name: string, options: CommitOptions = {}): Promise<void> {
    const answer = await this.connection.write(
      Operation.untag,
      (writer) => writer.string(text(name, "the name of a tag")),
      options,
      () => {},
    );
    this.connection.saw(answer.number());
  }

  /** All tags, ascending by name. */
  async tags(): Promise<Tag[]> {
    const answer = await this.connection.read(Operation.tags, () => {});
    return (answer.value() as unknown[]).map(readTag);
  }

  /** Makes everything what it was at a moment, by one commit. Resolves with it, or `undefined` if nothing differs. */
  restore(moment: Moment, options: CommitOptions = {}): Promise<VersionId | undefined> {
    return restore(this.connection, null, null, moment, options);
  }
}

function readTag(value: unknown): Tag {
  const { name, timestamp, commits = [] } = value as { name: string; timestamp: number | bigint; commits?: VersionId[] };
  return { name, timestamp: BigInt(timestamp), commits };
}
