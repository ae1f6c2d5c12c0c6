// Which collections have vectors, and under which names: those that have a configuration.

import type { Database } from "koru-delta";

export interface VectorSet {
  collection: string;
  name: string;
}

/** Configurations are documents of this collection, each named after its collection, a slash and the name of the vectors. */
const CONFIGURATIONS = "$vectors";
const SETS_MAX = 1000;

export async function setsOf(db: Database): Promise<VectorSet[]> {
  const [collections, keys] = await Promise.all([db.collections(), db.collection(CONFIGURATIONS).keys({ limit: SETS_MAX }).toArray()]);
  return keys.flatMap((key) => {
    // Both may have slashes in them: the longest collection that there is.
    const fitting = collections.filter((name) => key.startsWith(`${name}/`)).sort((a, b) => b.length - a.length);
    return fitting[0] === undefined ? [] : [{ collection: fitting[0], name: key.slice(fitting[0].length + 1) }];
  });
}
