// One format: what the native `koru` writes, Node and browsers read and go on with, and the reverse, as directories, as archives
// and as published directories. `KORU_BIN` is the binary; without it the one that `cargo build` leaves is taken.

import { spawnSync } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { dateOf, open, type Database, type Value } from "../src/node.js";
import { codeOf, equal, ok } from "./assert.js";
import type { Kit } from "./browser/page.js";
import { inBrowsers } from "./browser/suite.js";

declare const koru: Kit;

const KORU = process.env["KORU_BIN"] ?? new URL("../../target/debug/koru", import.meta.url).pathname;
const directory = mkdtempSync(path.join(tmpdir(), "koru-interop-"));
const at = (name: string) => path.join(directory, name);

after(() => rmSync(directory, { recursive: true, force: true }));

/** What `koru` prints on the database `db`. It has to end well. */
function native(db: string, args: string[], input?: Uint8Array | string): Buffer {
  const { status, stdout, stderr, error } = spawnSync(KORU, ["--db", db, ...args], { input, maxBuffer: 1 << 28 });
  if (error) throw new Error(`${KORU} does not start (${error.message}): build it, or name it by KORU_BIN`);
  equal(status, 0, `koru ${args.join(" ")}: ${stderr.toString()}`);
  return stdout;
}

const lines = (output: Buffer) => output.toString().split("\n").filter((line) => line !== "");

/** A value as `koru --json` writes it, which tells numbers apart that JSON.parse does not. */
function json(value: Value): string {
  if (typeof value === "bigint") return String(value);
  if (Object.is(value, -0)) return "-0.0";
  if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString("base64")}"}`;
  if (Array.isArray(value)) return `[${value.map((item) => json(item as Value)).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${keys.map((key) => `${JSON.stringify(key)}:${json((value as Record<string, Value>)[key]!)}`).join(",")}}`;
}

/** All there is to know of a database, as lines: its commits, its documents, and the hash over everything. */
async function content(db: Database): Promise<string[]> {
  const all: string[] = [];
  for await (const { id, version, timestamp, author = null, message = null, changes } of db.log()) {
    // `koru log` leaves out what a tag is made of.
    const changed = changes.filter(({ collection }) => !collection.startsWith("$")).map(({ collection, key, deleted }) => ({ collection, key, deleted }));
    all.push(JSON.stringify({ id, version, time: dateOf(timestamp), author, message, changed }));
  }
  for (const collection of await db.collections()) {
    for await (const { key, version, timestamp, value } of db.collection(collection).scan()) {
      all.push(`${collection}/${key} ${version} ${dateOf(timestamp).toISOString()} ${json(value)}`);
    }
  }
  equal((await db.verify()).problems, []);
  return [...all, (await db.info()).chain];
}

/** The same as `koru` tells it. */
function nativeContent(db: string): string[] {
  const all = lines(native(db, ["log", "--json"])).map((line) => {
    const { commit, version, timestamp, author, message, changes } = JSON.parse(line) as Record<string, unknown>;
    return JSON.stringify({ id: commit, version, time: timestamp, author, message, changed: changes });
  });
  for (const line of lines(native(db, ["export"]))) {
    const { collection, key, version, timestamp } = JSON.parse(line) as Record<string, string>;
    // The text of the value, which is the last field.
    all.push(`${collection}/${key} ${version} ${timestamp} ${line.slice(line.indexOf(',"value":') + 9, -1)}`);
  }
  const { problems, chain } = JSON.parse(native(db, ["verify", "--json"]).toString()) as { problems: string[]; chain: string };
  equal(problems, []);
  return [...all, chain];
}

/** Both are the same, and where they are not the first line that differs is told. */
function same(actual: string[], expected: string[], what: string): void {
  const at = expected.findIndex((line, i) => line !== actual[i]);
  if (at >= 0) equal(actual[at], expected[at], `${what}: line ${at}`);
  equal(actual.length, expected.length, what);
}

/** Enough by `koru` to fill tables, with every kind of value. */
function fillNatively(db: string): void {
  const rows = Array.from({ length: 3000 }, (_, i) => JSON.stringify({ id: `k${i}`, i, half: i + 0.5, text: "é😀".repeat(i % 200) }));
  native(db, ["import", "jsonl", "-", "--collection", "rows", "--key", "id"], rows.join("\n"));
  native(db, ["put", "users/ada", '{"big":9223372036854775807,"zero":-0.0,"bytes":{"$bytes":"AAH/"},"__proto__":[null,true]}', "--author", "me", "--message", "why"]);
  native(db, ["tag", "early"]);
  native(db, ["put", "users/ada", '{"born":1816}']);
  native(db, ["put", "users/bob", "2"]);
  native(db, ["delete", "users/bob"]);
  // Enough that the log is compressed.
  native(db, ["compact"]);
  equal((JSON.parse(native(db, ["info", "--json"]).toString()) as { packed_segments: number }).packed_segments > 0, true);
}

async function fillInNode(db: Database, tag: string): Promise<void> {
  const users = db.collection<Value>("users");
  await users.putMany(Array.from({ length: 3000 }, (_, i) => [`n${i}`, { i, half: i + 0.5, big: 2n ** 60n + BigInt(i) }] as const));
  const bytes = new Uint8Array([0, 1, 255]);
  await users.put("lovelace", { bytes, zero: -0, none: null, list: ["\uffff", "\u{10000}"] }, { author: "me", message: "why" });
  await db.tag(tag);
  await users.put("lovelace", 1);
  await db.transaction((tx) => void (tx.collection("users").delete("n7"), tx.collection("other").put("x", "y")));
  await db.compact();
}

test("koru and Node go on with each other's directory", async () => {
  const place = at("shared");
  fillNatively(place);
  for (let round = 0; round < 2; round++) {
    const db = await open(place);
    same(await content(db), nativeContent(place), "what koru wrote, read without a lock while Node has it");
    if (round === 0) {
      equal(await db.collection("users").asOf({ tag: "early" }).get("ada"),
        JSON.parse('{"zero":-0,"__proto__":[null,true],"big":0,"bytes":0}', (key, value: unknown) =>
          key === "big" ? 2n ** 63n - 1n : key === "bytes" ? new Uint8Array([0, 1, 255]) : value) as Value);
    }
    await fillInNode(db, `of node ${round}`);
    const after = await content(db);
    await db.close();
    same(nativeContent(place), after, "what Node wrote");
    native(place, ["put", `users/of-koru-${round}`, "1"]);
  }
  equal(native(place, ["get", "users/lovelace", "--as-of", "of node 0"]).toString().includes("AAH/"), true);
});

test("archives go from koru to Node and back", async () => {
  const source = at("source");
  fillNatively(source);
  const expected = nativeContent(source);
  const archive = native(source, ["export", "--archive"]);

  const inNode = await open(at("of-archive"), { import: new Response(Uint8Array.from(archive)).body! });
  same(await content(inNode), expected, "an archive of koru");
  await fillInNode(inNode, "of node");
  const grown = await content(inNode);
  const chunks: Uint8Array[] = [];
  for await (const chunk of inNode.export()) chunks.push(chunk);
  await inNode.close();
  native(at("of-node"), ["import", "archive", "-"], Buffer.concat(chunks));
  same(nativeContent(at("of-node")), grown, "an archive of Node");
});

async function body(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

inBrowsers(["chromium", "firefox", "webkit"], (suite) => {
  const own = (name: string) => at(`${suite.kind}-${name}`);

  test("archives go from koru to the browser and back", async () => {
    fillNatively(own("source"));
    const expected = nativeContent(own("source"));
    const archive = native(own("source"), ["export", "--archive"]);
    const { routes } = suite.served;
    routes.set("/archive/", (_, response) => void response.end(archive));
    for (const storage of suite.storages) {
      const received = new Promise<Buffer>((resolve, reject) => {
        routes.set("/exported/", (request, response) => {
          body(request).then(resolve, reject);
          response.end();
        });
      });
      const chain = await suite.onPage((page) =>
        page.evaluate(async (url) => {
          const db = await koru.open(url, { import: (await fetch("/archive/")).body! });
          koru.equal((await db.verify()).problems, []);
          await db.collection("users").put("of the browser", { bytes: new Uint8Array([7]) });
          await db.checkpoint();
          await fetch("/exported/", { method: "POST", body: await new Response(db.export()).blob() });
          const { chain } = await db.info();
          await db.close();
          return chain;
        }, `${storage}:interop`));
      native(own(storage), ["import", "archive", "-"], await received);
      const here = nativeContent(own(storage));
      equal(here.at(-1), chain);
      const commits = expected.filter((line) => line.startsWith("{"));
      same(here.slice(1, 1 + commits.length), commits, "one commit more, and before it the same");
      equal(lines(native(own(storage), ["get", "users/of the browser"])).join("").includes("Bw=="), true);
    }
  });

  test("what koru publishes is read in Node and in the browser, by ranges", async () => {
    fillNatively(own("source-to-publish"));
    const expected = nativeContent(own("source-to-publish"));
    native(own("source-to-publish"), ["export", "--static", own("public")]);
    let whole = 0;
    suite.served.routes.set("/public/", (request: IncomingMessage, response: ServerResponse) => {
      const file = own(request.url!.slice(1));
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      if (from === undefined) {
        if (!file.endsWith("manifest.json")) whole++;
        return void response.end(readFileSync(file));
      }
      response.writeHead(206);
      createReadStream(file, { start: Number(from), end: Number(to) }).pipe(response);
    });
    const url = `${suite.served.origin}/public`;
    const db = await open(url);
    same(await content(db), expected, "what is published");
    equal(await codeOf(() => db.collection("users").put("x", 1)), "READ_ONLY");
    const rows = await db.collection("rows").scan().toArray();
    await db.close();
    await suite.onPage((page) =>
      page.evaluate(async ([url, chain, rows]) => {
        const db = await koru.open(url);
        koru.equal([(await db.info()).chain, (await db.verify()).problems], [chain, []]);
        koru.equal((await db.collection("rows").scan().toArray()).map(({ value }) => value), JSON.parse(rows));
        koru.equal(((await db.collection("users").asOf({ tag: "early" }).get("ada")) as { big: bigint }).big, 2n ** 63n - 1n);
        await db.close();
      }, [url, expected.at(-1)!, JSON.stringify(rows.map(({ value }) => value))] as const));
    ok(whole === 0, "only ranges are asked for");
  });
});
