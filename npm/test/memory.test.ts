// The module leaks futures that are given up half-way (`core/src/driven.rs`), because there are none. Here every kind of call
// is made often enough to see it if there were: the module's memory, which never shrinks, has to stay as it was.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { equal } from "./assert.js";
import { MEMORY } from "./browser/altered.js";

const PROGRAM = `
  ${MEMORY}
  const { open } = await import(${JSON.stringify(new URL("../dist/node.js", import.meta.url).href)});
  const db = await open(process.argv[1], { durability: "none", cacheBytes: 1 << 20 });
  const documents = db.collection("c");
  const vector = (n) => Float32Array.from({ length: 16 }, (_, at) => Math.sin(n * 16 + at));
  const names = Array.from({ length: 2000 }, (_, n) => "k" + n);
  await documents.putMany(names.map((name, n) => [name, { n, text: "x".repeat(100) }]), { vectors: names.map((_, n) => vector(n)) });
  await db.tag("then");
  const [version] = await documents.heads("k1");
  const refused = (call) => call().then(() => { throw new Error("it was not refused"); }, () => {});
  const round = async (count) => {
    for (let n = 0; n < count; n++) {
      const name = names[n % names.length];
      await Promise.all([documents.get(name), documents.getMany([name, "k1"]), documents.get(names[(n * 37) % names.length])]);
      await documents.search({ vector: vector(n), k: 3, filter: { n: { $lt: 1000 } } });
      await db.asOf({ tag: "then" }).collection("c").get(name);
      for await (const _ of documents.history(name)) break;
      for await (const _ of documents.scan({ prefix: name })) break;
      await documents.version("k1", version);
      await refused(() => documents.put("k1", 1, { expected: null }));
      await refused(() => db.asOf({ tag: "never" }).collection("c").get(name));
      await db.info();
    }
  };
  await round(2000);
  const before = memory.buffer.byteLength;
  await round(2000);
  console.log(JSON.stringify(memory.buffer.byteLength - before));
  await db.close();`;

test("calls of every kind leave the memory of the module as it was", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "koru-memory-"));
  try {
    const args = ["--input-type=module", "-e", PROGRAM, path.join(directory, "db")];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    equal(stdout.trim(), "0", stderr);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
