// Types: compiled under `strict`, and each error that is expected has to be one.

import { open, KoruError, type Database, type Version, type VersionId } from "koru-delta";
import { open as openSlim } from "koru-delta/slim";

interface User {
  name: string;
  born?: number;
}

export async function use(): Promise<User | undefined> {
  const db: Database = await open("memory:");
  const users = db.collection<User>("users");
  const first: VersionId = await users.put("ada", { name: "Ada" });
  // @ts-expect-error: a user has a name
  await users.put("ada", { born: 1815 });
  // @ts-expect-error: a key is a string
  await users.get(1);
  for await (const version of users.history("ada")) {
    const row: Version<User> = version;
    console.log(row.version, row.value?.name);
  }
  try {
    return await users.asOf({ version: first }).get("ada");
  } catch (error) {
    if (error instanceof KoruError && error.code === "NOT_FOUND") return undefined;
    throw error;
  } finally {
    await db.close();
  }
}

export const slim: (...args: never[]) => Promise<Database> = openSlim;
