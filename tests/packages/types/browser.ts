// What only a browser has.

import { open, persist, remove, type Info } from "koru-delta";

export async function use(): Promise<Info["quota"]> {
  const db = await open("opfs:app", { broker: null, worker: () => new Worker("/worker.js", { type: "module" }) });
  if (!(await persist())) console.warn("the browser may evict the database");
  // @ts-expect-error: a browser has no lock files
  await open("app", { lock: false });
  const { quota } = await db.info();
  await db.close();
  await remove("opfs:app");
  return quota;
}
