// How a database is opened.

import type { EngineOptions } from "./engine/options.js";
import type { AbortOptions } from "./rows.js";

/** How a database is opened, wherever it is. */
export interface OpenOptions extends AbortOptions {
  /** Reading only. Over `https:` it always is. */
  readOnly?: boolean;
  /** Whether a database is made where there is none. It is if this is left out. */
  create?: boolean;
  /**
   * What an acknowledged write survives: `strict`, the default, power loss; `relaxed` the end of the process, and power
   * loss from about a tenth of a second on; `none` is synced only at a checkpoint and at close.
   */
  durability?: "strict" | "relaxed" | "none";
  /** Memory for cached documents, blocks of the index and the log, and vectors, in bytes; 64 MiB if left out, in a browser 48 MiB. At least 1 MiB. */
  cacheBytes?: number;
  /**
   * Memory that the indexes of vectors may take, in bytes; 1 GiB if left out. A search of more fails with `LIMIT_EXCEEDED`
   * unless it is exact.
   */
  vectorBytes?: number;
  /** An archive that `Database.export` made, to make the database from. `ALREADY_EXISTS` if there is one. */
  import?: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** What the tests need beside it, so that a small database goes through everything that a large one does. */
export type TestOptions = Pick<EngineOptions, "segmentBytes" | "tailBytes" | "maintenance">;

/** The part that the engine is opened with. */
export function engineOptions(options: OpenOptions & TestOptions, cacheBytes?: number): EngineOptions {
  const { readOnly, create, durability, vectorBytes, segmentBytes, tailBytes, maintenance } = options;
  const all = { readOnly, create, durability, cacheBytes: options.cacheBytes ?? cacheBytes, vectorBytes, segmentBytes, tailBytes, maintenance };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
