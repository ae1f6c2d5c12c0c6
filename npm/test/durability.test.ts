// A kill does not lose what the operating system was handed over, so here is counted what makes it durable: `fdatasync` in
// Node, `flush` on OPFS, strict transactions on IndexedDB. And a write is acknowledged only behind it.

import fs, { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { open } from "../src/node.js";
import { equal, ok, pause } from "./assert.js";
import type { Kit } from "./browser/page.js";
import { inBrowsers } from "./browser/suite.js";

declare const koru: Kit;

const directory = mkdtempSync(path.join(tmpdir(), "koru-durability-"));
after(() => rmSync(directory, { recursive: true, force: true }));

/** What happens to files from here on: syncs, and which ones were written since their last one. */
function watchFiles(): { syncs: number; unsynced: Set<number>; end(): void } {
  const { fdatasyncSync, writeSync } = fs;
  const seen = { syncs: 0, unsynced: new Set<number>(), end: () => void Object.assign(fs, { fdatasyncSync, writeSync }) };
  fs.fdatasyncSync = (fd) => {
    fdatasyncSync(fd);
    seen.unsynced.delete(fd);
    seen.syncs++;
  };
  fs.writeSync = ((fd: number, ...rest: [Uint8Array]) => {
    seen.unsynced.add(fd);
    return writeSync(fd, ...rest);
  }) as typeof fs.writeSync;
  return seen;
}

test("in Node a strict commit is one fdatasync, and is acknowledged behind it", async () => {
  const db = await open(path.join(directory, "strict"));
  const documents = db.collection("c");
  await documents.put("first", 1);
  const seen = watchFiles();
  try {
    for (let i = 0; i < 50; i++) {
      await documents.put(`k${i}`, i);
      equal([seen.syncs, seen.unsynced.size], [i + 1, 0], "one for each");
    }
    seen.syncs = 0;
    await Promise.all(Array.from({ length: 64 }, async (_, i) => {
      await documents.put(`together${i}`, i);
      ok(seen.syncs > 0 && seen.unsynced.size === 0, "acknowledged before it was durable");
    }));
    ok(seen.syncs <= 32, `${seen.syncs} syncs for 64 writes at a time`);
  } finally {
    seen.end();
    await db.close();
  }
});

test("in Node a relaxed commit is synced soon after, and durability none leaves it to the system", async () => {
  for (const durability of ["relaxed", "none"] as const) {
    const db = await open(path.join(directory, durability), { durability });
    await db.collection("c").put("first", 1);
    const seen = watchFiles();
    try {
      await db.collection("c").put("k", 1);
      equal([seen.syncs, seen.unsynced.size], [0, 1], "nothing is synced yet");
      for (let waited = 0; durability === "relaxed" && seen.unsynced.size > 0; waited++) {
        ok(waited < 1000, "an idle database was not synced");
        await pause(10);
      }
      if (durability === "none") await pause(300);
      equal([seen.syncs > 0, seen.unsynced.size], durability === "relaxed" ? [true, 0] : [false, 1]);
    } finally {
      seen.end();
      await db.close();
    }
  }
});

inBrowsers(["chromium", "firefox", "webkit"], (suite) => {
  for (const kind of suite.storages) {
    test(`a strict commit is made durable once, and is acknowledged behind it, on ${kind}`, () =>
      suite.onPage((page) => page.evaluate(async (url) => {
        const { start, ask } = koru.alteredWorker(koru.COUNTING);
        const db = await koru.open(url, { worker: start });
        const transactions = url.startsWith("idb:") ? 50 : 0;
        const documents = db.collection("c");
        await documents.put("first", 1);
        await ask("begin");
        for (let i = 0; i < 50; i++) await documents.put(`k${i}`, i);
        koru.equal(await ask("counts"), { durable: 50, transactions, replies: 50, early: 0, undone: 0 }, "one by one");
        await ask("begin");
        await Promise.all(Array.from({ length: 64 }, (_, i) => documents.put(`together${i}`, i)));
        const { durable } = (await ask("counts")) as { durable: number };
        if (durable < 1 || durable > 32) throw new Error(`made durable ${durable} times for 64 writes at a time`);
        await db.close();
      }, `${kind}:strict`)));

    test(`a relaxed commit is made durable soon after it was acknowledged, on ${kind}`, () =>
      suite.onPage((page) => page.evaluate(async (url) => {
        const { start, ask } = koru.alteredWorker(koru.COUNTING);
        const db = await koru.open(url, { worker: start, durability: "relaxed" });
        await db.collection("c").put("first", 1);
        type Counts = { durable: number; early: number; undone: number };
        const settled = async () => {
          for (let waited = 0; ; waited++) {
            const counts = (await ask("counts")) as Counts;
            if (counts.undone === 0 && counts.durable > 0) return counts;
            if (waited === 1000) throw new Error(`an idle database was not synced: ${JSON.stringify(counts)}`);
            await koru.pause(10);
          }
        };
        await settled();
        await ask("begin");
        await db.collection("c").put("k", 1);
        koru.equal((await settled()).early, 1, "the commit was acknowledged first");
        await db.close();
      }, `${kind}:relaxed`)));
  }
});
