// Rows that come page by page: what scans, histories, logs, diffs and watches are to their caller.

import { KoruError, toKoruError } from "./error.js";
import { Operation } from "./protocol/operation.js";
import type { Reader } from "./protocol/reader.js";
import type { Writer } from "./protocol/writer.js";
import { PAGE_ROWS } from "./limits.js";
import type { Connection } from "./transport/connection.js";

/** Options of whatever may be given up half-way. */
export interface AbortOptions {
  /** Ends the call: it fails with `ABORTED`, and the signal's reason as cause. */
  signal?: AbortSignal | undefined;
}

/**
 * Rows to iterate over with `for await`. Each iteration begins anew. They come in pages, so leaving the loop early costs
 * nothing more.
 */
export class Rows<T> implements AsyncIterable<T> {
  readonly #begin: () => AsyncGenerator<T, void, undefined>;

  /** @internal */
  constructor(begin: () => AsyncGenerator<T, void, undefined>) {
    this.#begin = begin;
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return this.#begin();
  }

  /** All of them. They have to fit into memory. */
  async toArray(): Promise<T[]> {
    const rows: T[] = [];
    for await (const row of this) rows.push(row);
    return rows;
  }
}

/** How one kind of rows is asked for. */
export interface Paged<T> {
  operation: Operation;
  /** Writes the arguments; `last` is the row to go on behind, in a resumed iteration. */
  write(writer: Writer, page: number, last: T | undefined): void;
  /** The session of a handle among the arguments. */
  session?: number | undefined;
  read(reader: Reader): T;
  /** Whether it can go on behind its last row in another session. */
  resumable: boolean;
  signal: AbortSignal | undefined;
  page?: number | undefined;
}

/** Iterates over pages, and lets go of the cursor at the end. */
export async function* pages<T>(connection: Connection, paged: Paged<T>): AsyncGenerator<T, void, undefined> {
  const { signal } = paged;
  const size = paged.page ?? PAGE_ROWS;
  let last: T | undefined;
  let handle: number | null = null;
  let session = 0;
  let reading = true;
  try {
    for (;;) {
      throwIfAborted(signal);
      let answer: Reader;
      try {
        answer = await untilAborted(ask(), signal);
      } catch (error) {
        const over = error instanceof KoruError && error.code === "ABORTED" && handle !== null && session !== connection.session;
        handle = null;
        if (over && paged.resumable && !signal?.aborted) continue;
        throw error;
      }
      session = connection.session;
      handle = answer.numberOrNull();
      while (!answer.done) {
        last = paged.read(answer);
        yield last;
      }
      if (handle === null) {
        reading = false;
        return;
      }
    }
  } finally {
    if (reading && handle !== null) release(connection, handle, session);
  }

  function ask(): Promise<Reader> {
    if (handle !== null) {
      const id = handle;
      return connection.read(
        Operation.next,
        (writer) => {
          writer.integer(id);
          writer.integer(size);
        },
        session,
      );
    }
    return connection.read(paged.operation, (writer) => paged.write(writer, size, last), paged.session);
  }
}

/** Lets go of a handle. If its session is over it is gone already. */
export function release(connection: Connection, handle: number, session: number): void {
  if (session !== connection.session) return;
  connection.read(Operation.release, (writer) => writer.integer(handle), session).catch(() => {});
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

export function aborted(signal: AbortSignal): KoruError {
  return new KoruError("ABORTED", `the call was given up: ${toKoruError(signal.reason).message}`, { cause: signal.reason });
}

/** What `promise` gives, unless the signal comes first. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(aborted(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
