// The commits as they come. A watch follows the log, so it misses nothing, and goes on at its last token wherever the
// engine runs next.

import { KoruError } from "./error.js";
import { readMaybeDocument } from "./changes.js";
import { Operation } from "./protocol/operation.js";
import type { Reader } from "./protocol/reader.js";
import type { Value } from "./protocol/value.js";
import { readCommit, type Commit, type Document } from "./protocol/words.js";
import { aborted, release, Rows, throwIfAborted, type AbortOptions } from "./rows.js";
import type { Connection } from "./transport/connection.js";

/** Which commits are told of, and from where on. */
export interface WatchOptions extends AbortOptions {
  /** Only commits that change this collection. */
  collection?: string | undefined;
  /** Only keys that begin with this. */
  prefix?: string | undefined;
  /** Behind this event rather than from now on: `WatchEvent.token` of the last one that was dealt with, 0 for all. */
  token?: number | undefined;
}

/** One commit, and what it made of the documents that it changed. */
export interface WatchEvent<T = Value> {
  /** Give it to another `watch` to go on behind this event. */
  token: number;
  commit: Commit;
  /** For each of `commit.changes` the document after it; `undefined` if it was deleted. */
  documents: (Document<T> | undefined)[];
}

/** Events of one page: they wait in the log, not here. */
const PAGE_EVENTS = 64;

export function watch<T>(connection: Connection, options: WatchOptions): Rows<WatchEvent<T>> {
  return new Rows(() => follow<T>(connection, options));
}

async function* follow<T>(connection: Connection, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const { signal, collection, prefix } = options;
  let token = options.token ?? null;
  for (;;) {
    throwIfAborted(signal);
    const opened = await connection.read(Operation.watch, (writer) => {
      writer.value(collection ?? null);
      writer.string(prefix ?? "");
      writer.value(token);
    });
    const session = connection.session;
    const handle = opened.number();
    token = opened.number();
    try {
      for (;;) {
        const { answer, cancel } = connection.wait(
          Operation.next,
          (writer) => {
            writer.integer(handle);
            writer.integer(PAGE_EVENTS);
          },
          session,
        );
        signal?.addEventListener("abort", cancel, { once: true });
        let page: Reader;
        try {
          page = await answer;
        } finally {
          signal?.removeEventListener("abort", cancel);
        }
        page.numberOrNull();
        while (!page.done) {
          const event = readEvent<T>(page);
          token = event.token;
          yield event;
          throwIfAborted(signal);
        }
      }
    } catch (error) {
      if (signal?.aborted) throw aborted(signal);
      // The engine is another one now: go on there.
      if (error instanceof KoruError && error.code === "ABORTED" && session !== connection.session) continue;
      if (error instanceof KoruError && error.code === "POISONED" && session !== connection.session) continue;
      throw error;
    } finally {
      release(connection, handle, session);
    }
  }
}

function readEvent<T>(reader: Reader): WatchEvent<T> {
  reader.array();
  const token = reader.number();
  const commit = readCommit(reader);
  const documents: (Document<T> | undefined)[] = [];
  const count = reader.array();
  for (let i = 0; i < count; i++) documents.push(readMaybeDocument<T>(reader, commit.changes[i]?.key ?? ""));
  return { token, commit, documents };
}
