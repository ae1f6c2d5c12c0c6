// What completion says about the words of the package. The words themselves come from the objects at run time; a test
// compares both, so that neither has one that the other lacks.

export type Kind = "Workspace" | "Database" | "Collection" | "Snapshot" | "SnapshotCollection" | "Rows";

const READ = {
  get: "(key) the value, or undefined",
  document: "(key) the value with its version and time",
  getMany: "(keys) the values of many",
  documents: "(keys) the same with versions",
  scan: "({ prefix, from, to, limit }) documents in key order",
  keys: "({ prefix, limit }) only the keys",
  vectors: "(key) its vectors, by name",
  search: "({ vector | like, k, filter, asOf }) the nearest documents",
  name: "its name",
};

const WORKSPACE = {
  collection: "(name) a collection",
  collections: "() the names of all collections",
  transaction: "(async tx => ...) all of it or nothing",
  asOf: "(moment) the database as of a moment",
  snapshot: "(moment?) the same, held until closed",
  diff: "(before, after?) documents that differ",
  log: "() the commits, newest first",
  watch: "() commits as they come",
  tag: "(name) a name for the present",
  untag: "(name) takes a tag away",
  tags: "() all tags",
  restore: "(moment) everything as it was, by a new commit",
  name: "its name",
};

export const API: Record<Kind, Record<string, string>> = {
  Workspace: WORKSPACE,
  Database: {
    ...WORKSPACE,
    workspace: '("main") the workspace that all of this is about: there is one',
    commit: "(version or id) one commit",
    lineage: "({ collection, key, version }) what it came from",
    importer: "(name) brings history from elsewhere, with its times",
    verify: "() checks every byte",
    export: "() the database as a tar stream",
    info: "() what it is, and where",
    stats: "() what was done since it was opened",
    sync: "() makes everything durable",
    checkpoint: "() writes the index",
    compact: "() compresses what is stored",
    close: "() ends the use of it",
  },
  Collection: {
    ...READ,
    put: "(key, value, { expected, message }) writes a version",
    delete: "(key) deletes; its history stays",
    putMany: "({ key: value, ... }) many, as one commit",
    history: "(key) all versions, newest first",
    version: "(key, version) one version",
    heads: "(key) versions that nothing replaced",
    diff: "(key, before, after) what changed, place by place",
    asOf: "(moment) this collection as of a moment",
    restore: "(key, moment) as it was, by a new version",
    restoreAll: "(moment) the same for all documents",
    lineage: "(key, version) what it came from",
    watch: "() commits that change this collection",
    configureVectors: "(name, { dimension, metric, index, codes }) how they are searched",
    vectorConfig: "(name?) how vectors are searched",
    vectorInfo: "() what is known of the vectors, by name",
    at: "(key, version) a version to name as a cause",
  },
  Snapshot: { collection: "(name) a collection as of then", collections: "() their names then", close: "() lets go of it" },
  SnapshotCollection: READ,
  Rows: { toArray: "() all of them" },
};
