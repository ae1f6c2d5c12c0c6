// Dexie on IndexedDB, in the page's own thread.

import Dexie, { type Table } from "dexie";
import type { Person } from "../../documents.js";
import type { Store } from "../store.js";

const database = new Dexie("bench", { chromeTransactionDurability: "strict" });
database.version(1).stores({ people: "" });
const people: Table<Person, string> = database.table("people");

export default {
  load: async () => {},
  open: () => database.open(),
  put: ([key, person]) => people.put(person, key),
  putMany: (documents) => people.bulkPut(documents.map(([, person]) => person), documents.map(([key]) => key)),
  get: (key) => people.get(key),
  getMany: (keys) => people.bulkGet(keys),
  close: async () => database.close(),
} satisfies Store;
