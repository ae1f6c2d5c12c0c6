// The last step of every `open`.

import { Database } from "./database.js";
import { KoruError } from "./error.js";
import type { OpenOptions } from "./options.js";
import { throwIfAborted, untilAborted } from "./rows.js";
import { Connection } from "./transport/connection.js";
import type { Connector } from "./transport/transport.js";

/** Connects, and learns how far the log is: from there on a write that is sent twice will be looked for. */
export async function begin(connector: Connector, options: OpenOptions): Promise<Database> {
  const { signal } = options;
  throwIfAborted(signal);
  const opening = Connection.open(connector).then(async (connection) => {
    const database = new Database(connection, options.durability ?? "strict");
    try {
      if (connector.mayVanish) await database.info();
    } catch (error) {
      await connection.close();
      throw error;
    }
    return database;
  });
  try {
    return await untilAborted(opening, signal);
  } catch (error) {
    // If it was given up, it is closed as soon as it is open.
    if (signal?.aborted) opening.then((database) => database.close()).catch(() => {});
    throw error;
  }
}

export function checkOptions(options: OpenOptions): void {
  if (options.import && options.readOnly) {
    throw new KoruError("INVALID_ARGUMENT", "a database that is opened read-only cannot be imported");
  }
  for (const name of ["cacheBytes", "vectorBytes"] as const) {
    const bytes = options[name];
    if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
      throw new KoruError("INVALID_ARGUMENT", `${name} is ${bytes} and must be a whole number of bytes`);
    }
  }
}
