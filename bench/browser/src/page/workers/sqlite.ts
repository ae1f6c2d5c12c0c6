// SQLite on the pool of access handles of OPFS, its fastest storage in a browser; prepared statements throughout.

import sqlite3InitModule, { type Database, type PreparedStatement } from "@sqlite.org/sqlite-wasm";
import { serve } from "../call.js";

// The other storages of OPFS would start workers of their own.
Object.assign(globalThis, { sqlite3ApiConfig: { disable: { vfs: { opfs: true, "opfs-vfs": true, "opfs-wl": true, kvvfs: true } } } });
const sqlite3 = await sqlite3InitModule();
let database: Database;
let insert: PreparedStatement;
let select: PreparedStatement;

function put(key: string, text: string): void {
  insert.bind([key, text]).stepReset();
}

function get(key: string): string | undefined {
  const text = select.bind([key]).step() ? (select.get(0) as string) : undefined;
  select.reset();
  return text;
}

serve({
  async open() {
    const pool = await sqlite3.installOpfsSAHPoolVfs({ initialCapacity: 4 });
    database = new pool.OpfsSAHPoolDb("/bench.sqlite");
    // With one connection the index of the log lives in memory, where there is no shared memory.
    database.exec("pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full");
    database.exec("create table if not exists document (key text primary key, value text not null) without rowid");
    insert = database.prepare("insert or replace into document values (?, ?)");
    select = database.prepare("select value from document where key = ?");
  },
  put,
  putMany(documents: [string, string][]) {
    database.exec("begin");
    for (const [key, text] of documents) put(key, text);
    database.exec("commit");
  },
  get,
  getMany: (keys: string[]) => keys.map(get),
  compact() {
    database.exec("vacuum");
    database.exec("pragma wal_checkpoint(truncate)");
  },
  close() {
    insert.finalize();
    select.finalize();
    database.close();
  },
  describe: () => `journal ${database.selectValue("pragma journal_mode")}, synchronous ${database.selectValue("pragma synchronous")}`,
});
