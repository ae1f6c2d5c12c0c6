// What can be proved in Node: values, storages, and everything on memory and files.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { after, test } from "node:test";
import * as api from "../src/node.js";
import { decodeValue, Reader } from "../src/protocol/reader.js";
import { compareUtf8, encodeValue } from "../src/protocol/writer.js";
import { MemoryStorage } from "../src/storage/memory.js";
import { NodeStorage } from "../src/storage/node.js";
import type { TestOptions } from "../src/options.js";
import { codeOf, show } from "./assert.js";
import { checkContract } from "./contract.js";
import { everything } from "./scenario.js";

const { Float, open } = api;
const directory = mkdtempSync(path.join(tmpdir(), "koru-npm-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string) => path.join(directory, name);

test("the examples of the format page are what is written and read", () => {
  const page = readFileSync(new URL("../../docs/reference/format.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([[{].*)` \| `([0-9a-f ]+)` \|$/gm)];
  assert.equal(rows.length, 4);
  for (const [, json, hex] of rows) {
    const bytes = Uint8Array.from(hex!.split(" "), (byte) => parseInt(byte, 16));
    // Numbers that JSON cannot tell apart are told apart by their text.
    const tagged = json!.replace(/(?<=[[,:] ?)-?\d+(\.\d+)?/g, (n) => (n.includes(".") ? `{"$float":${n}}` : `{"$int":"${n}"}`));
    const value = JSON.parse(tagged, (_, v: Record<string, string>) => {
      if (v && typeof v === "object" && "$int" in v) return BigInt(v["$int"]!);
      if (v && typeof v === "object" && "$float" in v) return new Float(Number(v["$float"]));
      if (v && typeof v === "object" && "$bytes" in v) return Uint8Array.from(Buffer.from(v["$bytes"]!, "base64"));
      return v;
    }) as api.Value;
    assert.deepEqual(encodeValue(value), bytes, json);
    const reader = new Reader(bytes);
    Reader.keepFloats = true;
    assert.deepEqual(encodeValue(reader.value()), bytes, json);
    Reader.keepFloats = false;
  }
});

/** Values from a seed, with the traps among them. */
function random(seed: number) {
  let state = seed >>> 0;
  const next = (below: number) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 * below | 0);
  const scalars: (() => api.Value)[] = [
    () => null,
    () => next(2) === 0,
    () => next(300) - 150,
    () => (next(2) ? 1 : -1) * (next(2 ** 21) * 2 ** 32 + next(2 ** 31)),
    () => (2n ** 63n - 1n - BigInt(next(9))) * (next(2) ? 1n : -1n),
    () => 2 ** 53 - 1 - next(3),
    () => (next(2) ? 1 : -1) * 2 ** (next(100) - 50) * 1.1,
    () => -0,
    () => 1e300,
    () => "",
    () => "a".repeat(next(200)),
    () => "é😀\uffff\u{10000}".repeat(next(30)),
    () => new Uint8Array(next(300)).fill(next(256)),
  ];
  const value = (depth: number): api.Value => {
    if (depth > 0 && next(3) === 0) return Array.from({ length: next(9) }, () => value(depth - 1));
    if (depth > 0 && next(2) === 0) {
      const keys = ["__proto__", "é", "\uffff", "\u{10000}", "", "key", "toString", "10", "9", "k".repeat(70)];
      return Object.fromEntries(Array.from({ length: next(18) }, (_, i) => [keys[next(keys.length)]! + (next(2) ? i : ""), value(depth - 1)]));
    }
    return scalars[next(scalars.length)]!();
  };
  return value;
}

test("every value comes back as it was, from one encoding only", () => {
  for (let seed = 0; seed < 1000; seed++) {
    const value = random(seed)(3);
    const bytes = encodeValue(value);
    const back = decodeValue(bytes);
    assert.equal(show(back), show(value), `seed ${seed}`);
    assert.deepEqual(encodeValue(back), bytes, `seed ${seed}`);
  }
});

test("a value has the same encoding however often its shape was seen, and the same keys", () => {
  // Keys of the same number and lengths, so that one shape takes the place of the other; and what a shape must not hide.
  const values = [
    { name: 1, city: "x" },
    { city: "x", name: 1 },
    { navn: 1, city: "x" },
    { name: undefined, city: "x" },
    { name: { name: { name: 1, city: [] }, city: 2 }, city: null },
    { "é": 1, "\u{10000}": 2, "\uffff": 3 },
    JSON.parse('{"__proto__": 1, "a": 2}') as object,
    { ["k".repeat(49)]: 1, b: 2 },
    Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`key${n}`, n])),
    {},
  ];
  // Written one key after the other, as without any shape.
  const plain = (value: unknown): number[] => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [...encodeValue(value)];
    const entries = Object.entries(value as object).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => compareUtf8(a, b));
    const head = entries.length < 16 ? [0xc0 + entries.length] : [0xf7, entries.length];
    return head.concat(...entries.map(([key, v]) => {
      const bytes = new TextEncoder().encode(key);
      return [bytes.length, ...bytes, ...plain(v)];
    }));
  };
  for (let round = 0; round < 3; round++) {
    for (const value of [...values, ...values.flatMap((value) => [value, value])]) {
      const bytes = encodeValue(value);
      assert.deepEqual([...bytes], plain(value), show(value));
      assert.deepEqual(encodeValue(decodeValue(bytes)), bytes);
    }
  }
});

test("keys sort by their UTF-8 bytes", () => {
  const keys = ["", "a", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}", "ab", "a\u{10000}"];
  for (const a of keys) {
    for (const b of keys) assert.equal(Math.sign(compareUtf8(a, b)), Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
  }
});

test("damaged encodings are refused, whatever they say", () => {
  const bytes = encodeValue(random(11)(2));
  for (let i = 0; i < bytes.length; i++) {
    for (const flip of [1, 0x80, 0xff]) {
      const damaged = bytes.slice();
      damaged[i]! ^= flip;
      try {
        decodeValue(damaged);
      } catch (error) {
        assert.equal((error as api.KoruError).code, "CORRUPT");
      }
    }
    assert.throws(() => decodeValue(bytes.subarray(0, i)));
  }
});

test("memory keeps the contract of a storage", () => checkContract(() => new MemoryStorage(), false));

test("files keep the contract of a storage", () => checkContract((n) => NodeStorage.open(at(`contract-${n}`)), true));

test("everything works in memory", async () => {
  await using db = await open("memory:");
  await everything(api, db);
});

test("everything works on files, and is there again", async () => {
  const db = await open(at("all"));
  await everything(api, db);
  const [info, log] = [await db.info(), await db.log().toArray()];
  assert.equal(info.storage, "file");
  await db.close();
  await db.close();
  assert.equal(await codeOf(() => db.collection("users").get("ada")), "CLOSED");
  const again = await open(at("all"));
  assert.equal((await again.info()).chain, info.chain);
  assert.deepEqual(await again.log().toArray(), log);
  assert.deepEqual((await again.verify()).problems, []);
  // A second writer is kept out, a reader is not.
  assert.equal(await codeOf(() => open(at("all"))), "LOCKED");
  await using reader = await open(at("all"), { readOnly: true });
  assert.equal((await reader.info()).chain, info.chain);
  assert.equal(await codeOf(() => reader.collection("users").put("x", 1)), "READ_ONLY");
  await again.close();
});

test("merges go on by themselves until there is nothing left to merge", async () => {
  const options: api.NodeOptions & TestOptions = { tailBytes: 1 << 16 };
  const db = await open("memory:", options);
  const documents = db.collection<number>("c");
  const until = Date.now() + 30_000;
  const reached = async (what: string, count: number) => {
    while ((await db.stats())[what]! < count) {
      assert.ok(Date.now() < until, `${what} never come to ${count}`);
      await new Promise((later) => setTimeout(later, 10));
    }
  };
  // Four tables with more entries together than one step of a merge goes over.
  for (let table = 1; table <= 4; table++) {
    await documents.putMany(Array.from({ length: 8000 }, (_, n) => [`${n}-${table}`, n] as const));
    await reached("checkpoints", table);
  }
  await reached("merges", 1);
  await db.close();
});

test("a graph that is half built gives way to another configuration", async () => {
  const [rows, dimension] = [10_000, 24];
  let seed = 1;
  const random = () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32 - 0.5;
  const vectors = new Float32Array(rows * dimension).map(random);
  const built = async (...metrics: api.Metric[]) => {
    const db = await open("memory:");
    // Maintenance comes by another index first.
    await db.collection("another").put("one", 1, { vector: [1, 2] });
    const notes = db.collection("notes");
    await notes.putMany(Array.from({ length: rows }, (_, n) => [`n${n}`, n] as const), { vectors });
    for (const [at, metric] of metrics.entries()) {
      await notes.configureVectors("default", { dimension, metric, index: "hnsw" });
      const least = at + 1 < metrics.length ? rows / 2 : rows - 256;
      for (let ready = false; !ready; ) {
        await new Promise((later) => setTimeout(later));
        const info = (await notes.vectorInfo())[0]!;
        assert.ok(at + 1 === metrics.length || info.linked < rows - 256, "it is not whole yet");
        ready = info.ready && info.linked >= least;
      }
    }
    const hits = await notes.search({ vector: vectors.subarray(0, dimension), k: 100, ef: 100 });
    assert.equal(hits.explain.plan, "graph");
    await db.close();
    return hits.map(({ key, score }) => [key, score]);
  };
  assert.deepEqual(await built("cosine", "euclidean"), await built("euclidean"));
});

test("a trap in this thread rejects what is under way with POISONED, and a fresh instance goes on", async () => {
  const db = await open(at("trap"));
  const documents = db.collection("c");
  await documents.put("kept", 1);
  const { now } = Date;
  // The engine's clock fails as a trap does, in a task that has left its caller.
  Date.now = () => {
    Date.now = now;
    throw new WebAssembly.RuntimeError("unreachable");
  };
  const [put, get] = [codeOf(() => documents.put("trapped", 1)), codeOf(() => documents.get("kept"))];
  assert.deepEqual([await put, await get], ["POISONED", "POISONED"]);
  await documents.put("later", 2);
  assert.deepEqual([await documents.get("kept"), await documents.get("later")], [1, 2]);
  assert.deepEqual((await db.verify()).problems, []);
  await db.close();
});

test("the lock is the native one, and ends with its holder", async () => {
  const db = await open(at("lock"));
  const lock = at("lock/lock");
  assert.equal(readFileSync(lock, "utf8").trim(), String(process.pid));
  assert.equal(spawnSync("flock", ["-n", lock, "true"]).status, 1, "flock(2) finds it taken");
  await db.close();
  assert.equal(spawnSync("flock", ["-n", lock, "true"]).status, 0, "and free after close");
  const entry = JSON.stringify(new URL("../dist/node.js", import.meta.url).href);
  const child = (then: string) => spawnSync(process.execPath, ["--input-type=module", "-e",
    `const { open } = await import(${entry}); const db = await open(${JSON.stringify(at("lock"))}).catch((e) => { console.log(e.code); process.exit(); }); ${then}`],
    { encoding: "utf8" });
  child(`await db.collection("c").put("k", "acknowledged"); process.kill(process.pid, "SIGKILL");`);
  await using again = await open(at("lock"));
  assert.equal(await again.collection("c").get("k"), "acknowledged");
  assert.equal(child("").stdout.trim(), "LOCKED");
});

test("a database is removed with all that is its own, and not while it is open", async () => {
  const db = await open(at("removed"));
  await db.collection("c").put("k", 1);
  assert.equal(await codeOf(() => api.remove(at("removed"))), "LOCKED");
  await db.close();
  writeFileSync(at("removed/notes.txt"), "somebody else's");
  await api.remove(at("removed"));
  assert.deepEqual(readdirSync(at("removed")), ["notes.txt"]);
  assert.equal(await codeOf(() => api.remove(at("removed"))), "UNSUPPORTED_FORMAT");
  await (await open(at("removed-whole"))).close();
  await api.remove(at("removed-whole"));
  assert.equal(existsSync(at("removed-whole")), false);
  assert.equal(await codeOf(() => api.remove(at("removed-whole"))), "NOT_FOUND");
  assert.equal(await codeOf(() => api.remove("memory:")), "INVALID_ARGUMENT");
});

test("an archive makes the same database elsewhere, and half an archive makes none", async () => {
  await using db = await open(at("source"));
  await db.collection("c").putMany(Array.from({ length: 500 }, (_, i) => [`k${i}`, { i }] as const));
  const chunks: Uint8Array[] = [];
  for await (const chunk of db.export()) chunks.push(chunk);
  const whole = Buffer.concat(chunks);
  const one = async function* (bytes: Uint8Array) {
    for (let i = 0; i < bytes.length; i += 1000) yield bytes.subarray(i, i + 1000);
  };
  await using copy = await open(at("copy"), { import: one(whole) });
  assert.equal((await copy.info()).chain, (await db.info()).chain);
  assert.deepEqual((await copy.verify()).problems, []);
  assert.equal(await codeOf(() => open(at("source"), { import: one(whole) })), "LOCKED");
  for (const cut of [0, 100, 512, whole.length >> 1, whole.length - 10_000]) {
    assert.equal(await codeOf(() => open(at("half"), { import: one(whole.subarray(0, cut)) })), "CORRUPT", `cut at ${cut}`);
    assert.equal(await codeOf(() => open(at("half"), { create: false })), "NOT_FOUND", "nothing is left behind");
  }
  // Any tar unpacks it.
  const list = spawnSync("tar", ["-tf", "-"], { input: whole, encoding: "utf8" }).stdout.trim().split("\n");
  assert.equal(list.at(-1), "root");
});

test("the example of retrieval finds passages by meaning and by words, and what was found stays what it was", () => {
  const SAMPLE = fileURLToPath(new URL("../../docs/examples/data/wordnet-5k", import.meta.url));
  const run = (...args: string[]) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(new URL("rag.js", import.meta.url)), at("rag"), ...args], { env: { ...process.env, SAMPLE }, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const said = run();
  assert.match(said, /\[1\] dairy product: .*\n/);
  assert.match(said, /Question: food made from milk\n/);
  assert.match(said, /to look at again: answers\/food made from milk\n/);
  const [now, then] = ["now", "as it was"].map((when) => new RegExp(`${when}: +(.*)`).exec(said)![1]!.split(", "));
  assert.deepEqual(now!.slice(0, 2), then!.slice(1), "the nearest one was withdrawn");
  const words = run("which dog was bred in Newfoundland?");
  assert.match(words, /words are compared/);
  assert.match(words.split("Question:")[0]!, /Newfoundland/);
});
