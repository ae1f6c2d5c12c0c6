// The stores of the comparison: their names, what a page loads of them, and their versions.

import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

export const ROOT = new URL("..", import.meta.url).pathname;
const PACKAGE = path.join(ROOT, "../../npm");

export type Name = "koru" | "before" | "sqlite" | "dexie" | "rxdb" | "pglite" | "loro" | "floor";

interface Described {
  /** What a page loads, below `build` or, for koru, in its own `dist`. */
  files: string[];
  /** The package whose version is shown. */
  package?: string;
}

const STORES: Record<Name, Described> = {
  koru: { files: ["index.js", "worker.js", "broker.js", "koru.wasm"] },
  before: { files: ["index.js", "worker.js", "broker.js", "koru.wasm"] },
  sqlite: { files: ["stores/sqlite.js", "workers/sqlite.js", "workers/sqlite3.wasm"], package: "@sqlite.org/sqlite-wasm" },
  dexie: { files: ["stores/dexie.js"], package: "dexie" },
  rxdb: { files: ["stores/rxdb.js"], package: "rxdb" },
  pglite: {
    files: ["stores/pglite.js", "workers/pglite.js", "workers/pglite.wasm", "workers/initdb.wasm", "workers/pglite.data"],
    package: "@electric-sql/pglite",
  },
  loro: { files: ["stores/loro.js", "workers/file.js", "loro_wasm_bg.wasm"], package: "loro-crdt" },
  floor: { files: ["stores/floor.js", "workers/file.js"] },
};

export const NAMES = Object.keys(STORES) as Name[];

/** Where koru's package is, built: of this tree, or of the one that it is held against. */
export const folders: { koru: string; before: string | undefined } = { koru: path.join(PACKAGE, "dist"), before: undefined };

function folderOf(name: Name): string {
  if (name === "koru") return folders.koru;
  return name === "before" ? folders.before! : path.join(ROOT, "build");
}

/** Bytes of what a page loads, each file compressed by itself. */
export function gzipBytes(name: Name, files = STORES[name].files): number {
  return files.map((file) => gzipSync(readFileSync(path.join(folderOf(name), file)), { level: 9 }).length).reduce((a, b) => a + b);
}

export const slimBytes = () => gzipBytes("koru", ["slim.js", "koru.wasm"]);

export function describe(name: Name): string {
  const version = (file: string) => (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  if (name === "koru") return `koru-delta ${version(path.join(PACKAGE, "package.json"))}`;
  const known = STORES[name].package;
  return known ? `${known} ${version(path.join(ROOT, "node_modules", known, "package.json"))}` : name;
}

export const isBuilt = () => statSync(path.join(folders.koru, "index.js"), { throwIfNoEntry: false }) !== undefined;
