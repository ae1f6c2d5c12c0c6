// koru-delta as an application uses it, from the files of its package. Only the loading of its module is taken apart: the
// worker has it compiled before the database is opened.

import type { Document, Person } from "../../documents.js";
import type { Store } from "../store.js";
import type { Collection, Database } from "../../../../../npm/src/index.js";

/** The store on the package that is served below `root`. */
export function koru(root: string): Store {
  let worker: Worker;
  let open: typeof import("../../../../../npm/src/index.js").open;
  let database: Database;
  let people: Collection<Person>;
  return {
    async load() {
      ({ open } = await import(`${root}/index.js`));
      worker = new Worker(`/build/workers/koru.js?root=${root}`, { type: "module" });
      await new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
    },
    async open() {
      database = await open("opfs:bench", { worker: () => worker });
      people = database.collection<Person>("people");
    },
    put: ([key, person]: Document) => people.put(key, person),
    putMany: (documents) => people.putMany(documents),
    get: (key) => people.get(key),
    getMany: (keys) => people.getMany(keys),
    compact: () => database.compact(),
    close: () => database.close(),
    describe: async () => JSON.stringify(await database.stats()),
  };
}

export default koru("/koru");
