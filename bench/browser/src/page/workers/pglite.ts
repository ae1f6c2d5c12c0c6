// PGlite on its pool of access handles of OPFS. Module and files are fetched and compiled before the database is opened.

import { PGlite } from "@electric-sql/pglite";
import { OpfsAhpFS } from "@electric-sql/pglite/opfs-ahp";
import { serve } from "../call.js";

const asset = async (name: string) => fetch(new URL(name, import.meta.url));
const [pgliteWasmModule, initdbWasmModule, fsBundle] = await Promise.all([
  asset("pglite.wasm").then((response) => WebAssembly.compileStreaming(response)),
  asset("initdb.wasm").then((response) => WebAssembly.compileStreaming(response)),
  asset("pglite.data").then((response) => response.blob()),
]);
let database: PGlite;
const upsert = "insert into document select * from unnest($1::text[], $2::text[]) on conflict (key) do update set value = excluded.value";

serve({
  async open() {
    database = await PGlite.create({ fs: new OpfsAhpFS("bench"), pgliteWasmModule, initdbWasmModule, fsBundle });
    await database.exec("create table if not exists document (key text primary key, value text not null)");
  },
  put: async (key: string, text: string) =>
    void (await database.query("insert into document values ($1, $2) on conflict (key) do update set value = excluded.value", [key, text])),
  putMany: async (keys: string[], texts: string[]) => void (await database.query(upsert, [keys, texts])),
  get: async (key: string) => (await database.query<{ value: string }>("select value from document where key = $1", [key])).rows[0]?.value,
  async getMany(keys: string[]) {
    const { rows } = await database.query<{ key: string; value: string }>("select key, value from document where key = any($1::text[])", [keys]);
    const found = new Map(rows.map(({ key, value }) => [key, value]));
    return keys.map((key) => found.get(key));
  },
  close: () => database.close(),
});
