// A file into a collection, in batches: each is one commit, so what is there is always whole.

import type { Database, Value } from "koru-delta";
import { isContainer } from "../../ui/pretty.js";
import { readRecords, type Format } from "./records.js";

export interface Progress {
  documents: number;
  read: number;
  of: number;
}

export interface ImportOptions {
  collection: string;
  format: Format;
  /** The field that is the key; without one keys are numbers in the order of the file. */
  keyField: string | undefined;
  signal: AbortSignal;
  progress(progress: Progress): void;
}

const BATCH = 1000;
const KEY_DIGITS = 8;

export async function importFile(db: Database, file: File, options: ImportOptions): Promise<number> {
  const { collection, format, keyField, signal, progress } = options;
  const into = db.collection(collection);
  let [documents, batch]: [number, [string, Value][]] = [0, []];
  const write = async (read: number) => {
    signal.throwIfAborted();
    await into.putMany(batch, { message: `Import of ${file.name}` });
    documents += batch.length;
    batch = [];
    progress({ documents, read, of: file.size });
  };
  for await (const { rows, read } of readRecords(file, format)) {
    for (const row of rows) {
      const number = documents + batch.length + 1;
      batch.push([keyOf(row, keyField, number), row]);
      if (batch.length === BATCH) await write(read);
    }
    progress({ documents, read, of: file.size });
  }
  if (batch.length > 0) await write(file.size);
  return documents;
}

function keyOf(row: Value, field: string | undefined, number: number): string {
  if (field === undefined) return String(number).padStart(KEY_DIGITS, "0");
  const key = isContainer(row) && Object.hasOwn(row, field) ? (row as Record<string, unknown>)[field] : undefined;
  if (typeof key === "string" && key !== "") return key;
  if (typeof key === "number" || typeof key === "bigint") return String(key);
  throw new SyntaxError(`record ${number} has no ${field} that could be its key: nothing of its batch was written`);
}

/** The fields of the first record, and the one that looks like a key. */
export async function preview(file: File, format: Format): Promise<{ fields: string[]; key: string | undefined }> {
  for await (const { rows } of readRecords(file, format)) {
    const [first] = rows;
    if (first === undefined) continue;
    const fields = isContainer(first) && !Array.isArray(first) ? Object.keys(first) : [];
    const key = ["_key", "key", "id", "_id", "name"].find((name) => fields.includes(name));
    return { fields, key };
  }
  return { fields: [], key: undefined };
}

/** A name for the collection, from that of the file. */
export function collectionFrom(name: string): string {
  return name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "-") || "imported";
}
