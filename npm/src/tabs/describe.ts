// What the browser says of its storage.

import type { Description } from "../transport/transport.js";

export async function describe(kind: string, shared: boolean, passedOver: string[] | undefined): Promise<Description> {
  const description: Description = { shared };
  if (passedOver?.length) description.passedOver = passedOver;
  if (kind !== "opfs" && kind !== "idb") return description;
  const storage = (globalThis.navigator as Navigator | undefined)?.storage;
  try {
    if (storage?.persisted) description.persisted = await storage.persisted();
    const { usage, quota } = (await storage?.estimate?.()) ?? {};
    if (usage !== undefined && quota !== undefined) description.quota = { usage, available: quota };
  } catch {
    // A browser that does not say is no reason to fail.
  }
  return description;
}
