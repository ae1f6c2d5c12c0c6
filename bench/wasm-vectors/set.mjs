// A prepared set, as `bench/vectors/sets.py` leaves it: rows of unit length, queries, and the true nearest of each.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** How many are looked for. */
export const K = 10;
/** So many queries are asked where the truth has to be found here. */
const QUERIES_OF_A_PART = 200;

/** The set, or the first `most` rows of it. */
export function readSet(folder, most) {
  const base = rowsOf(join(folder, "base.f32.npy"), Float32Array);
  const queries = rowsOf(join(folder, "query.f32.npy"), Float32Array);
  if (most === undefined || base.length <= most) {
    return { base, queries, truth: rowsOf(join(folder, "truth.i32.npy"), Int32Array) };
  }
  const [few, asked] = [base.slice(0, most), queries.slice(0, QUERIES_OF_A_PART)];
  return { base: few, queries: asked, truth: asked.map((query) => nearest(few, query)) };
}

/** The share of the true ones that was found, of those queries that were asked. */
export function recall(found, truth) {
  let [hits, all] = [0, 0];
  found.forEach((ids, at) => {
    const right = new Set(truth[at]);
    hits += ids.filter((id) => right.has(id)).length;
    all += right.size;
  });
  return hits / Math.max(1, all);
}

/** The rows of an array of NumPy's format `.npy` (version 1, lowest byte first, row by row) with numbers of 32 bits. */
function rowsOf(file, Numbers) {
  const { buffer, byteOffset } = readFileSync(file);
  const start = 10 + new DataView(buffer, byteOffset).getUint16(8, true);
  const header = Buffer.from(buffer, byteOffset, start).toString("latin1");
  const kind = Numbers === Float32Array ? "<f4" : "<i4";
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  if (!shape || !header.includes(`'${kind}'`)) throw new Error(`${file}: ${header} is not rows of ${kind}`);
  const [count, width] = [Number(shape[1]), Number(shape[2])];
  const all = new Numbers(buffer, byteOffset + start, count * width);
  return Array.from({ length: count }, (_, row) => all.subarray(row * width, (row + 1) * width));
}

function nearest(base, query) {
  const scores = base.map((row) => row.reduce((sum, number, at) => sum + number * query[at], 0));
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, K);
}
