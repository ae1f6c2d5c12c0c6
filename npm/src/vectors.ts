// Vectors beside documents: what a caller gives and gets, and how they go over the line: as the bytes of their floats, which
// are copied as they are.

import { KoruError } from "./error.js";
import type { Reader } from "./protocol/reader.js";
import type { Writer } from "./protocol/writer.js";

/** A vector as it is given: finite numbers, stored as 32-bit floats. At most 4096 of them, each at most 1e16 in size. */
export type Vector = Float32Array | Float64Array | readonly number[];

/** The vectors of a document, by name. */
export type Vectors = { [name: string]: Float32Array };

/** The vectors that a document is written with. Without them the new version has none: a write replaces the whole document. */
export interface PutVectors {
  /** Its one vector, under the name `default`. All vectors of a name have the same dimension, else `DIMENSION_MISMATCH`. */
  vector?: Vector | undefined;
  /** Its vectors by name, instead: at most 16. */
  vectors?: { readonly [name: string]: Vector } | undefined;
}

/** What near means. */
export type Metric = "cosine" | "euclidean" | "dot";

/** How the vectors of one name of a collection are searched. The first vector that is put makes it, with the defaults. */
export interface VectorConfig {
  /** Numbers in a vector, 1 to 4096. It stays what it is. */
  dimension: number;
  /** `cosine`, the default: from -1 to 1, larger is nearer, 0 with the zero vector. `euclidean`: the distance, smaller is nearer. `dot`: larger is nearer. */
  metric: Metric;
  /** The structure that is searched. `auto`, the default, is flat up to the size where the graph is quicker. */
  index: "auto" | "flat" | "hnsw";
  /** What is kept in memory of each vector. `auto`, the default, is what suits the dimension. */
  codes: "auto" | "f32" | "f16" | "i8" | "i4" | "binary";
}

/** What is known of the vectors of one name of a collection. */
export interface VectorInfo {
  name: string;
  /** How they are to be searched. */
  config: VectorConfig;
  /** Documents that have one now, as far as no other actor had a part in them. */
  documents: number;
  /** Versions that have one: what the index holds. */
  versions: number;
  /** The structure that is searched: what `auto` chose. */
  index: "flat" | "hnsw";
  /** What is kept in memory of each: what `auto` chose. */
  codes: Exclude<VectorConfig["codes"], "auto">;
  /** Versions that the graph has taken in; those behind them are scanned. */
  linked: number;
  /** Memory of the index, in bytes. */
  memoryBytes: number;
  /** Whether the index is made for this configuration. Until it is, searches compare every vector. */
  ready: boolean;
}

/** A vector for each of some documents, in their order: one array with all rows one behind the other, or an array of vectors. */
export type VectorRows = Float32Array | readonly Vector[];

const DEFAULT = "default";

const invalid = (message: string) => new KoruError("INVALID_ARGUMENT", message);

/** The floats of a vector: its own array where it has them. */
export function floatsOf(vector: unknown, name: string): Float32Array {
  if (vector instanceof Float32Array) return vector;
  const numbers = vector instanceof Float64Array ? vector : Array.isArray(vector) ? (vector as unknown[]) : undefined;
  if (!numbers) throw invalid(`vector ${JSON.stringify(name)} must be a Float32Array or an array of numbers`);
  const odd = (numbers as unknown[]).findIndex((number) => typeof number !== "number");
  if (odd >= 0) throw invalid(`number ${odd} of vector ${JSON.stringify(name)} is ${String(numbers[odd])}: a number is expected`);
  return Float32Array.from(numbers as number[]);
}

export function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The given vectors with their names. */
export function entriesOf({ vector, vectors }: PutVectors): [name: string, vector: Float32Array][] {
  if (vector !== undefined && vectors !== undefined) throw invalid("vector is short for one of vectors: give either");
  if (vector !== undefined) return [[DEFAULT, floatsOf(vector, DEFAULT)]];
  if (vectors === undefined) return [];
  if (vectors === null || typeof vectors !== "object" || Array.isArray(vectors) || ArrayBuffer.isView(vectors)) {
    throw invalid("vectors must be an object from names to vectors");
  }
  const given = Object.entries(vectors).filter(([, vector]) => vector !== undefined);
  return given.map(([name, vector]) => [name, floatsOf(vector, name)]);
}

/** Behind a document's value; nothing where there are none. */
export function writeVectors(writer: Writer, entries: [name: string, vector: Float32Array][]): void {
  const [first] = entries;
  if (first === undefined) return;
  if (entries.length === 1 && first[0] === DEFAULT) return writer.bytesValue(bytesOf(first[1]));
  writer.value(Object.fromEntries(entries.map(([name, vector]) => [name, bytesOf(vector)])), "the vectors");
}

export function readVectors(reader: Reader): Vectors {
  const wire = reader.value() as { [name: string]: Uint8Array };
  // The bytes of each were copied out of the batch, so they begin a buffer of their own.
  return Object.fromEntries(Object.entries(wire).map(([name, bytes]) => [name, new Float32Array(bytes.buffer)]));
}

/** Those of `putMany`: for each of `count` documents its entries, from rows under the name `default` or under several names. */
export function rowsOf(vectors: unknown, count: number): (row: number) => [name: string, vector: Float32Array][] {
  const unnamed = vectors instanceof Float32Array || Array.isArray(vectors);
  if (!unnamed && (vectors === null || typeof vectors !== "object" || ArrayBuffer.isView(vectors))) {
    throw invalid("vectors must be a Float32Array of all rows, an array of vectors, or an object from names to such");
  }
  const named = Object.entries(unnamed ? { [DEFAULT]: vectors } : vectors).map(([name, rows]) => [name, rowsOfName(rows, name, count)] as const);
  return (row) => named.map(([name, rows]) => [name, rows(row)]);
}

function rowsOfName(rows: unknown, name: string, count: number): (row: number) => Float32Array {
  if (rows instanceof Float32Array) {
    const dimension = count === 0 ? rows.length : rows.length / count;
    if (!Number.isInteger(dimension) || (count === 0 && dimension > 0)) {
      throw invalid(`${rows.length} numbers of ${JSON.stringify(name)} cannot be shared out among ${count} documents`);
    }
    return (row) => rows.subarray(row * dimension, (row + 1) * dimension);
  }
  if (!Array.isArray(rows) || rows.length !== count) {
    throw invalid(`vectors ${JSON.stringify(name)} must be a Float32Array of all rows, or an array with one for each of the ${count} documents`);
  }
  return (row) => floatsOf((rows as unknown[])[row], name);
}
