// The bounds that this side has to know: those of `core/src/limits.rs` under the same names, and a few of its own.

/** Deepest nesting of arrays and maps. */
export const VALUE_DEPTH_MAX = 64;
/** Largest encoded value of one document, in bytes. */
export const VALUE_BYTES_MAX = 64 << 20;
/** Most elements and entries in one value. */
export const VALUE_ITEMS_MAX = 8 << 20;
/** Largest batch that is sent at once, in bytes, unless one call alone is larger. */
export const BATCH_TARGET_BYTES = 4 << 20;
/** Arguments of a long call that are sent ahead, in bytes: the engine reads them while more are written. */
export const ARGUMENTS_AHEAD_BYTES = 64 << 10;
/** Most calls under way at once. Further ones wait here, in order. Half of the engine's `CALLS_MAX`, for the cancels. */
export const CALLS_UNDER_WAY_MAX = 4096;
/** Tries of an optimistic transaction before its conflict is handed to the caller. */
export const TRANSACTION_TRIES_MAX = 16;
/** Rows of one page of a scan, history, log, diff or watch. */
export const PAGE_ROWS = 256;
