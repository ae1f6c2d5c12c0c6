// A prepared set, as `bench/vectors/sets.py` leaves it: rows of unit length, queries, and the true nearest of each.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** How many are looked for. */
export const K = 10;
export function readSet(folder) {
  const rows = (name, Numbers) => rowsOf(join(folder, `${name}.npy`), Numbers);
  return { base: rows("base.f32", Float32Array), queries: rows("query.f32", Float32Array), truth: rows("truth.i32", Int32Array) };
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
