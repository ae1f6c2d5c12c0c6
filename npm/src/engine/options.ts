// What the engine is opened with. It stands apart, because declarations that a program sees name it, and `WebAssembly` is not
// declared everywhere.

/** How the engine opens a database. */
export interface EngineOptions {
  readOnly?: boolean;
  create?: boolean;
  durability?: "strict" | "relaxed" | "none";
  cacheBytes?: number;
  vectorBytes?: number;
  segmentBytes?: number;
  tailBytes?: number;
  maintenance?: "inline" | "manual";
}
