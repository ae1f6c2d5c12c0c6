// Making a database from an archive.
//
// Invariant: the root is written last, so what is cut short is not a database; and a failure leaves nothing behind.

import { readArchive } from "./archive.js";
import { KoruError } from "./error.js";
import type { Storage } from "./storage/storage.js";

/** The root has two slots of 4096 bytes. */
const ROOT_BYTES_MAX = 64 << 10;

/** Writes the files of an archive into an empty storage, and closes it. */
export async function importArchive(
  storage: Storage,
  archive: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const made: string[] = [];
  try {
    if ((await storage.list()).length > 0) {
      throw new KoruError("ALREADY_EXISTS", `${storage.location} holds a database already: import into another one`);
    }
    const root: Uint8Array[] = [];
    let rootBytes = 0;
    for await (const { name, offset, data, last } of readArchive(archive)) {
      if (name === "root") {
        rootBytes += data.length;
        if (rootBytes > ROOT_BYTES_MAX) throw new KoruError("CORRUPT", "the root in the archive is too large");
        root.push(data.slice());
        continue;
      }
      if (offset === 0) {
        await storage.create(name);
        made.push(name);
      }
      await storage.writeAt(name, offset, data);
      if (last) await storage.sync(name);
    }
    if (root.length === 0) throw new KoruError("CORRUPT", "the archive has no root: it is cut short, or no database");
    await storage.create("root");
    made.push("root");
    let at = 0;
    for (const part of root) {
      await storage.writeAt("root", at, part);
      at += part.length;
    }
    await storage.sync("root");
  } catch (error) {
    for (const name of made.reverse()) await Promise.resolve(storage.remove(name)).catch(() => {});
    throw error;
  } finally {
    await storage.close();
  }
}
