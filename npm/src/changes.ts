// The documents that differ between two moments.

import { Operation } from "./protocol/operation.js";
import type { Reader } from "./protocol/reader.js";
import type { Value } from "./protocol/value.js";
import { readDocument, writeMoment, type Document, type Moment, type SnapshotHandle } from "./protocol/words.js";
import { pages, Rows, type AbortOptions } from "./rows.js";
import type { Connection } from "./transport/connection.js";

/** How a document differs between two moments. */
export interface DocumentChange<T = Value> {
  collection: string;
  key: string;
  /** How it was; `undefined` if it was not there. */
  before?: Document<T>;
  /** How it is then; `undefined` if it is not there. */
  after?: Document<T>;
}

export function changesBetween<T>(
  connection: Connection,
  before: Moment | SnapshotHandle | undefined,
  after: Moment | SnapshotHandle | undefined,
  collection: string | undefined,
  options: AbortOptions = {},
): Rows<DocumentChange<T>> {
  return new Rows(() =>
    pages<DocumentChange<T>>(connection, {
      operation: Operation.changes,
      signal: options.signal,
      resumable: false,
      write: (writer, page) => {
        writeMoment(writer, before);
        writeMoment(writer, after);
        if (collection === undefined) writer.null();
        else writer.string(collection);
        writer.integer(page);
      },
      read: (reader) => {
        reader.array();
        const change: DocumentChange<T> = { collection: reader.string(), key: reader.string() };
        const was = readMaybeDocument<T>(reader, change.key);
        const is = readMaybeDocument<T>(reader, change.key);
        if (was) change.before = was;
        if (is) change.after = is;
        return change;
      },
    }),
  );
}

/** Null, or an array of a document's four. */
export function readMaybeDocument<T>(reader: Reader, key: string): Document<T> | undefined {
  if (reader.nothing()) return undefined;
  reader.array();
  return readDocument<T>(reader, key);
}
