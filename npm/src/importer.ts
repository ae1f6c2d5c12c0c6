// Imports: history from elsewhere, with its own times.

import { readEffect } from "./collection.js";
import { Operation } from "./protocol/operation.js";
import type { Value } from "./protocol/value.js";
import { text, writeMillis, type CommitOptions, type VersionId } from "./protocol/words.js";
import type { Connection } from "./transport/connection.js";
import { entriesOf, writeVectors, type PutVectors } from "./vectors.js";

/** One change of an import: a document's new value, with its vectors if it has any, or its deletion. */
export type ImportChange = { collection: string; key: string } & (
  | ({ value: Value; deleted?: false } & PutVectors)
  | { deleted: true }
);

/** What a commit of an import says about itself. */
export interface ImportOptions extends CommitOptions {
  /** What is remembered with it, to go on from: the last line that was read, say. Null if left out. */
  state?: Value;
}

/**
 * An import: commits with times of their own, so that history keeps its dates and time travel works on it. It writes as an
 * actor of its own and knows only its own line of history: what the database itself wrote to the same documents is
 * concurrent, and the newer one shows. With every commit it remembers a `state`, so that it can go on after a crash, or later
 * with what is new.
 */
export class Importer {
  #state: Value | undefined;

  /** @internal */
  constructor(
    /** @internal */ readonly connection: Connection,
    /** Its name. */
    readonly name: string,
    state: Value | undefined,
  ) {
    this.#state = state;
  }

  /** What was remembered with its last commit; `undefined` before the first one. */
  get state(): Value | undefined {
    return this.#state;
  }

  /**
   * Writes one commit at `time`: a `Date`, or whole milliseconds since 1970. A time before the import's last commit is moved
   * behind it; one more than a minute ahead of the clock is refused with `INVALID_ARGUMENT`. Of equal documents the last
   * change counts, and a deletion of what the import never wrote has no effect. Resolves with the commit's version.
   */
  async commit(time: Date | number | bigint, changes: Iterable<ImportChange>, options: ImportOptions = {}): Promise<VersionId | undefined> {
    const { state = null, ...info } = options;
    // A generator may make calls itself, which must not come in the middle of this one.
    const all = [...changes];
    const answer = await this.connection.write(
      Operation.import,
      (writer) => writer.string(this.name),
      info,
      (writer) => {
        writeMillis(writer, time, "the time");
        writer.value(state, "the state");
        for (const change of all) {
          writer.string(text(change.collection, "the name of a collection"));
          writer.string(text(change.key, "a key"));
          writer.bool(!change.deleted);
          if (change.deleted) continue;
          writer.value(change.value, `${change.collection}/${change.key}`);
          writeVectors(writer, entriesOf(change));
        }
      },
    );
    this.#state = state;
    return readEffect(this.connection, answer);
  }
}
