// A database that Rust wrote is read in Node, and one that Node wrote in Rust: every kind of value, history, tags, deletions and
// expiry, all of it compared with one description. The suite of Python does the same between all three.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { equal } from "./assert.js";
import { untag, type Json } from "./conformance.js";
import { EXCHANGE, read, write } from "./exchange.js";

const RUST = process.env["KORU_EXCHANGE"] ?? new URL("../../target/debug/exchange", import.meta.url).pathname;
const directory = mkdtempSync(path.join(tmpdir(), "koru-exchange-"));
after(() => rmSync(directory, { recursive: true, force: true }));

function inRust(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(RUST, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (error) throw new Error(`${RUST} does not start (${error.message}): build it, or name it by KORU_EXCHANGE`);
  equal(status, 0, stderr);
  return stdout;
}

/** Of a version its number, because actors differ; and nothing that depends on the clock. */
function lasting(value: unknown): unknown {
  if (typeof value === "string") return value.replace(/^(\d+)@[0-9a-f]{32}$/, "$1");
  if (Array.isArray(value)) return value.map(lasting);
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value).filter(([name]) => !["timestamp", "id", "chain"].includes(name));
  const kept = {};
  for (const [name, value] of entries) Object.defineProperty(kept, name, { value: lasting(value), enumerable: true });
  return kept;
}

const content = untag(EXCHANGE.content, new Map());

for (const writer of ["Rust", "Node"]) {
  test(`what ${writer} wrote is the same in Rust and in Node, and is what was to be written`, async () => {
    const place = path.join(directory, writer);
    if (writer === "Rust") inRust("write", place);
    else await write(place);
    const here = await read(place);
    equal(lasting(here), content, "in Node");
    equal(untag(JSON.parse(inRust("read", place)) as Json, new Map()), here, "in Rust");
  });
}
