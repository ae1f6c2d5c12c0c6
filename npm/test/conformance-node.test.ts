// The conformance scripts in Node, in memory and on files.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { readFile } from "node:fs/promises";
import * as glue from "../wasm/koru.js";
import type { Glue } from "../src/engine/glue.js";
import { KoruError } from "../src/error.js";
import { MemoryStorage } from "../src/storage/memory.js";
import { NodeStorage } from "../src/storage/node.js";
import { Instance } from "../src/transport/in-process.js";
import { runScripts, type Script } from "./conformance.js";

const instance = new Instance(async () => {
  (glue as unknown as Glue).initSync({ module: await readFile(new URL("./koru.wasm", import.meta.url)) });
  return glue as unknown as Glue;
});

export function readScripts(): Record<string, Script> {
  const folder = new URL("../../tests/vectors/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return Object.fromEntries(names.map((name) => [name.slice(0, -5), JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Script]));
}

const directory = mkdtempSync(path.join(tmpdir(), "koru-conformance-"));
after(() => rmSync(directory, { recursive: true, force: true }));

for (const [name, script] of Object.entries(readScripts())) {
  test(`conformance on files: ${name}`, async () => {
    await runScripts({ [name]: script }, instance, (name, create, readOnly) =>
      NodeStorage.open(path.join(directory, name), { create, readOnly }));
  });

  test(`conformance in memory: ${name}`, async () => {
    // Memory that outlives its closing.
    const kept = new MemoryStorage();
    let opened = false;
    await runScripts({ [name]: script }, instance, (_, create, readOnly) => {
      if (!create && kept.list().length === 0) throw new KoruError("NOT_FOUND", "there is no database in memory");
      void readOnly;
      opened = true;
      return new Proxy(kept, {
        get: (target, property) => {
          if (property === "close") return () => {};
          const value = Reflect.get(target, property, target) as unknown;
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
      });
    });
    assert.ok(opened);
  });
}
