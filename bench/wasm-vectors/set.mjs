// A prepared set, as `bench/vectors/sets.py` leaves it: rows of unit length, queries, and the true nearest of each.

/** How many are looked for. */
export const K = 10;

/** A set whose files `read` gives, as bytes. */
export async function readSet(read) {
  const rows = async (name, Numbers) => rowsOf(name, await read(`${name}.npy`), Numbers);
  return {
    base: await rows("base.f32", Float32Array),
    queries: await rows("query.f32", Float32Array),
    truth: await rows("truth.i32", Int32Array),
  };
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
function rowsOf(name, { buffer, byteOffset }, Numbers) {
  const start = 10 + new DataView(buffer, byteOffset).getUint16(8, true);
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, byteOffset, start));
  const kind = Numbers === Float32Array ? "<f4" : "<i4";
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  if (!shape || !header.includes(`'${kind}'`)) throw new Error(`${name}: ${header} is not rows of ${kind}`);
  const [count, width] = [Number(shape[1]), Number(shape[2])];
  const all = new Numbers(buffer, byteOffset + start, count * width);
  return Array.from({ length: count }, (_, row) => all.subarray(row * width, (row + 1) * width));
}
