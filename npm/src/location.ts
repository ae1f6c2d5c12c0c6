// Where a database is, from the URL that `open` is given.

import { KoruError } from "./error.js";

/** The storages that a worker can open. */
export type BrowserStorage = "memory" | "opfs" | "idb" | "http";

export type Location =
  | { kind: "memory" }
  | { kind: "opfs" | "idb"; name: string }
  | { kind: "http"; url: string }
  | { kind: "file"; path: string }
  /** Without a scheme: a path in Node, a name in a browser. */
  | { kind: "bare"; name: string };

/** A name in a browser becomes a directory or a database there. */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_. -]{0,127}$/u;

export function parseLocation(url: string | URL): Location {
  const text = String(url);
  if (text === "memory:" || text === "memory") return { kind: "memory" };
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(text) ?? [];
  switch (scheme.toLowerCase()) {
    case "":
      if (text === "") throw new KoruError("INVALID_ARGUMENT", "the name of a database is empty");
      return { kind: "bare", name: text };
    case "opfs":
    case "idb":
      return { kind: scheme.toLowerCase() as "opfs" | "idb", name: checkName(rest) };
    case "http":
    case "https":
      return { kind: "http", url: text };
    case "file":
      return { kind: "file", path: text };
    default:
      throw new KoruError(
        "INVALID_ARGUMENT",
        `${text}: there is no storage ${scheme}:, only memory:, opfs:, idb:, https: and file: or a path`,
      );
  }
}

export function checkName(name: string): string {
  if (!NAME.test(name)) {
    const rule = "letters, digits, and _ . - and spaces behind the first, 128 characters at most";
    throw new KoruError("INVALID_ARGUMENT", `${JSON.stringify(name)} cannot be the name of a database: ${rule}`);
  }
  return name;
}
