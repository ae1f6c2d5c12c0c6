// The module leaks futures that are given up half-way (`core/src/driven.rs`), because there are none. Here every kind of call
// is made often enough to see it if there were: the module's memory, which never shrinks, has to stay as it was.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { equal, ok } from "./assert.js";
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
  // It grows by 256 KiB at a time: of what is leaked each time 50 bytes are enough to be seen.
  await round(5000);
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

/** A module's memory in JavaScript is another one whenever it grows, of all its size: by little at a time engines only collect garbage. */
test("the memory of the module grows by a quarter of a megabyte or more", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "koru-memory-"));
  const program = `
    ${MEMORY}
    const { open } = await import(${JSON.stringify(new URL("../dist/node.js", import.meta.url).href)});
    const db = await open(process.argv[1], { durability: "none" });
    const sizes = [memory.buffer.byteLength];
    for (let n = 0; n < 20_000; n++) {
      await db.collection("c").put("k" + n, "x".repeat(200));
      if (memory.buffer.byteLength !== sizes.at(-1)) sizes.push(memory.buffer.byteLength);
    }
    await db.close();
    console.log(JSON.stringify(sizes));`;
  try {
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program, path.join(directory, "db")], { encoding: "utf8" });
    const sizes = JSON.parse(stdout || "null") as number[];
    ok(sizes.length > 5, stderr);
    ok(sizes.every((size, at) => at === 0 || size - sizes[at - 1]! >= 256 << 10), String(sizes));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
