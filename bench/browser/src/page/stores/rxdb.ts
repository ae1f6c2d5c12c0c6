// RxDB on its Dexie storage, the one that is free, in the page's own thread.

import { createRxDatabase, type RxCollection } from "rxdb/plugins/core";
import { getRxStorageDexie } from "rxdb/plugins/storage-dexie";
import type { Person } from "../../documents.js";
import type { Store } from "../store.js";

type Row = Person & { key: string };

const schema = {
  version: 0,
  primaryKey: "key",
  type: "object",
  properties: {
    key: { type: "string", maxLength: 32 },
    id: { type: "integer" },
    name: { type: "string" },
    email: { type: "string" },
    age: { type: "integer" },
    balance: { type: "number" },
    active: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    home: { type: "object", properties: { street: { type: "string" }, city: { type: "string" }, zip: { type: "string" } } },
    logins: { type: "integer" },
    revision: { type: "integer" },
  },
} as const;

let people: RxCollection<Row>;
let close: () => Promise<boolean>;

export default {
  load: async () => {},
  async open() {
    const storage = getRxStorageDexie({ chromeTransactionDurability: "strict" });
    const database = await createRxDatabase({ name: "bench", storage, multiInstance: false });
    close = () => database.close();
    ({ people } = (await database.addCollections({ people: { schema: schema as never } })) as unknown as { people: RxCollection<Row> });
  },
  put: ([key, person]) => people.incrementalUpsert({ key, ...person }),
  putMany: (documents) => people.bulkUpsert(documents.map(([key, person]) => ({ key, ...person }))),
  get: async (key) => (await people.findOne(key).exec())?.toJSON(),
  async getMany(keys) {
    const found = await people.findByIds(keys).exec();
    return keys.map((key) => found.get(key)?.toJSON());
  },
  close: () => close(),
} satisfies Store;
