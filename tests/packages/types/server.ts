// What only Node has.

import { open, remove } from "koru-delta";

export async function use(): Promise<void> {
  await using db = await open("people.koru", { lock: false });
  // @ts-expect-error: Node needs no worker
  await open("people.koru", { worker: () => null });
  await db.close();
  await remove("people.koru");
}
