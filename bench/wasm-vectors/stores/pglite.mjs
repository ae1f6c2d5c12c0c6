// PGlite with pgvector, in memory. Queries are text, which is made before it is asked.

import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";

export const packages = [
  ["node_modules/@electric-sql/pglite", "pglite"],
  ["node_modules/@electric-sql/pglite-pgvector", "pglite-pgvector"],
];

async function filled(base) {
  const db = await PGlite.create({ extensions: { vector } });
  const dimension = base[0].length;
  await db.exec(`create extension vector; create table v (id int, vector vector(${dimension}))`);
  for (let first = 0; first < base.length; first += 5000) {
    const blob = new Blob([binary(base.slice(first, first + 5000), first)]);
    await db.query("copy v from '/dev/blob' with (format binary)", [], { blob });
  }
  const texts = new WeakMap();
  const text = (query) => {
    if (!texts.has(query)) texts.set(query, `[${query.join(",")}]`);
    return texts.get(query);
  };
  const search = async (query) => {
    const { rows } = await db.query("select id from v order by vector <#> $1 limit 10", [text(query)]);
    return rows.map(({ id }) => id);
  };
  return { db, search };
}

/** Rows as `copy` reads them: highest byte first, each field with its length. */
function binary(rows, first) {
  const dimension = rows[0].length;
  const size = 2 + 4 + 4 + 4 + 4 + 4 * dimension;
  const view = new DataView(new ArrayBuffer(19 + rows.length * size + 2));
  [..."PGCOPY\n\xff\r\n\0"].forEach((letter, at) => view.setUint8(at, letter.charCodeAt(0)));
  rows.forEach((row, at) => {
    const start = 19 + at * size;
    view.setInt16(start, 2);
    view.setInt32(start + 2, 4);
    view.setInt32(start + 6, first + at);
    view.setInt32(start + 10, 4 + 4 * dimension);
    view.setInt16(start + 14, dimension);
    row.forEach((number, place) => view.setFloat32(start + 18 + 4 * place, number));
  });
  view.setInt16(view.byteLength - 2, -1);
  return view.buffer;
}

export async function graph(base) {
  const { db, search } = await filled(base);
  // All of the graph in memory, as it is built fastest.
  await db.exec("set maintenance_work_mem = '1GB'");
  await db.exec("create index on v using hnsw (vector vector_ip_ops) with (m = 16, ef_construction = 200)");
  await db.exec("set enable_seqscan = off");
  let set = 0;
  return {
    async search(query, ef) {
      // No more than this is allowed.
      const allowed = Math.min(ef, 1000);
      if (allowed !== set) await db.exec(`set hnsw.ef_search = ${allowed}`);
      set = allowed;
      return await search(query);
    },
  };
}

export async function codes(base) {
  const { search } = await filled(base);
  return { fixed: true, search };
}
