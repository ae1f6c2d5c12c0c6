// What every entry point exports beside its `open`.

export { Collection, type Change, type PutManyOptions, type PutOptions, type WriteOptions } from "./collection.js";
export type { DocumentChange } from "./changes.js";
export { Database, type Info, type Stats, type VerifyReport } from "./database.js";
export { KoruError, type ErrorCode } from "./error.js";
export { Importer, type ImportChange, type ImportOptions } from "./importer.js";
export type { Lineage, LineageOptions } from "./lineage.js";
export type { OpenOptions } from "./options.js";
export { Float, type Value } from "./protocol/value.js";
export {
  dateOf,
  type Commit,
  type CommitChange,
  type CommitOptions,
  type Document,
  type DocumentVersion,
  type Expected,
  type Expiry,
  type KeyRange,
  type Moment,
  type Version,
  type VersionId,
} from "./protocol/words.js";
export { Rows, type AbortOptions } from "./rows.js";
export type { Explain, Filter, FilterOperand, FilterOperators, Hit, Hits, SearchOptions } from "./search.js";
export { Snapshot, SnapshotCollection, type HistoryOptions, type ScanOptions } from "./snapshot.js";
export { Transaction, TransactionCollection, type TransactionOptions } from "./transaction.js";
export type { Metric, PutVectors, Vector, VectorConfig, VectorInfo, VectorRows, Vectors } from "./vectors.js";
export type { WatchEvent, WatchOptions } from "./watch.js";
export { Workspace, type Tag } from "./workspace.js";
