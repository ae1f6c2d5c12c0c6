// What has to be proved in a real browser: storages, tabs, crashes. Each test has databases of its own names.

import { deepEqual } from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { launch, serve, type Browser, type Served } from "./browser/chromium.js";
import type { Kit } from "./browser/page.js";

declare const koru: Kit;

let served: Served;
let browser: Browser;
before(async () => {
  served = await serve();
  browser = await launch(served.origin);
});
after(async () => {
  await browser.close();
  await served.close();
});

async function onPage<T>(use: (page: Page) => Promise<T>): Promise<T> {
  const page = await browser.page();
  try {
    return await use(page);
  } finally {
    await page.close();
  }
}

test("OPFS keeps the contract of a storage", () => onPage((page) => page.evaluate(() => koru.task("contractOpfs") as Promise<void>)));

test("IndexedDB keeps the contract of a storage", () => onPage((page) => page.evaluate(() => koru.task("contractIdb") as Promise<void>)));

for (const url of ["memory:", "opfs:all", "idb:all"]) {
  test(`everything works on ${url}`, () =>
    onPage((page) =>
      page.evaluate(async (url) => {
        const db = await koru.open(url);
        await koru.everything(koru.api, db);
        const info = await db.info();
        koru.equal(info.storage, url.split(":")[0]);
        await db.close();
        koru.equal(await koru.codeOf(() => db.collection("users").get("ada")), "CLOSED");
        if (url === "memory:") return;
        if (!(info.shared && info.quota!.available > 0 && info.persisted !== undefined)) throw new Error(JSON.stringify(info));
        const again = await koru.open(url);
        koru.equal((await again.info()).chain, info.chain);
        koru.equal((await again.verify()).problems, []);
        await again.close();
      }, url)));
}

test("the conformance scripts give the same results and the same bytes on OPFS and IndexedDB", () =>
  onPage(async (page) => {
    const folder = new URL("../../tests/vectors/", import.meta.url);
    const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
    for (const name of names) {
      // As text: on its way into the page an object would lose a key `__proto__`.
      const scripts = `{${JSON.stringify(name.slice(0, -5))}: ${readFileSync(new URL(name, folder), "utf8")}}`;
      for (const task of ["conformanceOpfs", "conformanceIdb"]) {
        await page.evaluate(([task, scripts]) => koru.task(task as string, scripts), [task, scripts] as const).catch((error: unknown) => {
          throw new Error(`${task}: ${(error as Error).message}`);
        });
      }
    }
  }));

const ROWS = 200;

/** Opens the database in a page and keeps it there. */
async function openIn(page: Page, url: string): Promise<void> {
  await page.evaluate(async (url) => {
    Object.assign(globalThis, { db: await koru.open(url, { worker: koru.startWorker }) });
  }, url);
}

declare const db: import("../src/api.js").Database;

for (const kind of ["opfs", "idb"]) {
  test(`two tabs share ${kind}, and when the leader goes the other one goes on`, async () => {
    const [first, second] = [await browser.page(), await browser.page()];
    const url = `${kind}:tabs`;
    await openIn(first, url);
    await openIn(second, url);
    await first.evaluate(() => db.collection("c").put("from", "first"));
    await second.evaluate(async () => {
      koru.equal(await db.collection("c").get("from"), "first");
    });
    // The other tab writes without a pause while the leader is closed, and each write is there once.
    await second.evaluate((rows) => {
      const done = (async () => {
        const versions: string[] = [];
        for (let i = 0; i < rows; i++) versions.push(await db.collection("n").put(`k${i % 7}`, i));
        return versions;
      })();
      Object.assign(globalThis, { done });
    }, ROWS);
    await first.close();
    await second.evaluate(async (rows) => {
      const versions = await (globalThis as unknown as { done: Promise<string[]> }).done;
      koru.equal(new Set(versions).size, rows, "each write has a version of its own");
      const log = await db.log().toArray();
      const written = log.filter((c) => c.changes[0]!.collection === "n").map((c) => c.version).reverse();
      koru.equal(written, versions, "nothing is lost and nothing doubled");
      koru.equal((await db.verify()).problems, []);
      await db.close();
    }, ROWS);
    await second.close();
  });

  test(`a worker that is killed in mid-write is followed by another one on ${kind}`, () =>
    onPage(async (page) => {
      await openIn(page, `${kind}:killed`);
      await page.evaluate(async (rows) => {
        const acknowledged: string[] = [];
        const writing = Promise.all(Array.from({ length: 8 }, async (_, lane) => {
          for (let i = 0; i < rows / 8; i++) acknowledged.push(await db.collection("n").put(`${lane}-${i}`, i));
        }));
        for (let kill = 0; kill < 3; kill++) {
          await koru.pause(60);
          koru.workers.at(-1)!.terminate();
        }
        await writing;
        const log = await db.log().toArray();
        koru.equal(log.map((c) => c.version).sort(), acknowledged.sort(), "nothing is lost and nothing doubled");
        await db.close();
      }, ROWS);
    }));
}

test("the broker starts with the second tab, and connects it", async () => {
  const [first, second] = [await browser.page(), await browser.page()];
  const open = (page: Page) =>
    page.evaluate(async () => {
      const seen = { brokers: 0, channels: 0 };
      const Channel = BroadcastChannel;
      // The channel between one client and one worker: what is used where the broker does not connect them.
      globalThis.BroadcastChannel = class extends Channel {
        constructor(name: string) {
          super(name);
          if (/^koru-delta [0-9a-f-]{36} [0-9a-f-]{36}$/.test(name)) seen.channels++;
        }
      };
      const broker = () => {
        seen.brokers++;
        return new SharedWorker("/dist/broker.js", { type: "module" });
      };
      Object.assign(globalThis, { seen, db: await koru.open("opfs:brokered", { broker, worker: koru.startWorker }) });
      await db.collection("c").put("key", 1);
    });
  const seen = (page: Page) => page.evaluate(() => (globalThis as unknown as { seen: object }).seen);
  await open(first);
  deepEqual(await seen(first), { brokers: 0, channels: 0 }, "alone");
  await open(second);
  deepEqual(await seen(first), { brokers: 1, channels: 0 }, "the leader");
  deepEqual(await seen(second), { brokers: 1, channels: 0 }, "the other tab");
  await first.close();
  await second.evaluate(async () => {
    await db.collection("c").put("key", 2);
    await db.close();
  });
  await second.close();
});

test("without a broker tabs use broadcast channels", async () => {
  const [first, second] = [await browser.page(), await browser.page()];
  for (const page of [first, second]) {
    await page.evaluate(async () => {
      Object.assign(globalThis, { db: await koru.open("opfs:channels", { broker: null }) });
    });
  }
  await first.evaluate(() => db.collection("c").put("from", "first"));
  await second.evaluate(async () => {
    koru.equal(await db.collection("c").get("from"), "first");
    await db.collection("c").put("from", "second");
  });
  await first.evaluate(async () => koru.equal(await db.collection("c").get("from"), "second"));
  await first.close();
  await second.evaluate(async () => {
    await db.collection("c").put("alone", 1);
    koru.equal((await db.log().toArray()).length, 3);
    await db.close();
  });
  await second.close();
});

test("a client that dies ends its session, and a closed leader hands over", async () => {
  const [first, second] = [await browser.page(), await browser.page()];
  await openIn(first, "opfs:orderly");
  await openIn(second, "opfs:orderly");
  await first.evaluate(async () => {
    await db.collection("c").put("a", 1);
    await db.close();
  });
  await second.evaluate(async () => {
    koru.equal(await db.collection("c").get("a"), 1);
    await db.collection("c").put("a", 2);
    await db.close();
  });
  // Nobody has it any more.
  await first.evaluate(async () => {
    await koru.remove("opfs:orderly");
    koru.equal(await koru.codeOf(() => koru.open("opfs:orderly", { create: false })), "NOT_FOUND");
  });
  await Promise.all([first.close(), second.close()]);
});

test("a trap rejects what is under way with POISONED, and a fresh worker goes on", () =>
  onPage((page) =>
    page.evaluate(async () => {
      for (const url of ["opfs:trap", "idb:trap"]) {
        // The engine's clock fails as a trap does.
        const code = `
          import "/dist/worker.js";
          const now = Date.now;
          addEventListener("message", ({ data }) => {
            if (data.type === "trap") Date.now = () => { Date.now = now; throw new WebAssembly.RuntimeError("unreachable"); };
          });`;
        const script = URL.createObjectURL(new Blob([code.replaceAll("/dist", `${location.origin}/dist`)], { type: "text/javascript" }));
        const workers: Worker[] = [];
        const worker = () => workers[workers.push(new Worker(script, { type: "module" })) - 1]!;
        const db = await koru.open(url, { worker });
        await db.collection("c").put("kept", 1);
        workers.at(-1)!.postMessage({ type: "trap" });
        await koru.pause(20);
        koru.equal(await koru.codeOf(() => db.collection("c").put("trapped", 1)), "POISONED", url);
        koru.equal(await db.collection("c").get("kept"), 1);
        await db.collection("c").put("later", 2);
        koru.equal(workers.length, 2);
        koru.equal((await db.verify()).problems, []);
        await db.close();
      }
    })));

test("a full quota is STORAGE_FULL, and loses nothing", async () => {
  for (const kind of ["opfs", "idb"]) {
    // A browser of its own: another one remembers for a while how much room there was.
    const own = await launch(served.origin);
    const page = await own.page();
    const session = await own.context.newCDPSession(page);
    const { origin } = served;
    // Before it is opened: the browser keeps what it knows of the quota for a while.
    const usage = await page.evaluate(async () => (await navigator.storage.estimate()).usage!);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: usage + 6_000_000 });
    await page.evaluate(async (kind) => {
      Object.assign(globalThis, { db: await koru.open(`${kind}:full`) });
      await db.collection("c").put("kept", 1);
    }, kind);
    await page.evaluate(async () => {
      const big = new Uint8Array(400_000).map((_, i) => (i * 2654435761) >>> 24);
      let written = 0;
      let code: string | undefined;
      while (code === undefined && written < 100) {
        code = await koru.codeOf(() => db.collection("c").put(`big${written}`, big));
        if (code === undefined) written++;
      }
      koru.equal([code, (await db.info()).storage], ["STORAGE_FULL", (await db.info()).storage], `after ${written}`);
      koru.equal(written > 0, true, "some of it fits");
      koru.equal(await db.collection("c").get("kept"), 1);
      Object.assign(globalThis, { written });
    });
    await session.send("Storage.overrideQuotaForOrigin", { origin });
    await page.evaluate(async () => {
      const { written } = globalThis as unknown as { written: number };
      await db.collection("c").put("after", 1);
      koru.equal((await db.collection("c").keys().toArray()).length, written + 2);
      koru.equal((await db.verify()).problems, []);
      await db.close();
    });
    await own.close();
  }
});

test("a bare name takes the best storage that works, and says so", () =>
  onPage((page) =>
    page.evaluate(async () => {
      const db = await koru.open("plain");
      const { storage, location, passedOver } = await db.info();
      koru.equal([storage, location, passedOver], ["opfs", "opfs:plain", undefined]);
      await db.close();
      const without = (names: string[]) => () => {
        const code = `
          for (const name of ${JSON.stringify(names)}) {
            if (name === "opfs") Object.defineProperty(navigator.storage, "getDirectory", { value: () => Promise.reject(new Error("no OPFS here")) });
            else Object.defineProperty(globalThis, "indexedDB", { value: undefined });
          }`;
        const blob = (code: string) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
        return new Worker(blob(`import "${blob(code)}"; import "${globalThis.location.origin}/dist/worker.js";`), { type: "module" });
      };
      const second = await koru.open("plain2", { worker: without(["opfs"]) });
      const info = await second.info();
      koru.equal([info.storage, info.passedOver], ["idb", ["opfs: no OPFS here"]]);
      await second.close();
      const third = await koru.open("plain3", { worker: without(["opfs", "idb"]) });
      koru.equal([(await third.info()).storage, (await third.info()).passedOver?.length], ["memory", 2]);
      await third.close();
    })));

test("a published database is read by ranges, and whole where there are none", () =>
  onPage(async (page) => {
    const files = await page.evaluate(async () => {
      const db = await koru.open("opfs:publish");
      const random = () => Array.from({ length: 40 }, () => Math.random());
      for (let i = 0; i < 20; i++) await db.collection("c").putMany(Array.from({ length: 200 }, (_, j) => [`k${i}-${j}`, { i, j, random: random() }] as const));
      await db.checkpoint();
      await db.close();
      const root = await navigator.storage.getDirectory();
      const all = await root.getDirectoryHandle("koru-delta");
      const directory = await all.getDirectoryHandle("publish");
      const files: [string, string][] = [];
      for await (const [name, handle] of directory.entries()) {
        if (name === "lock") continue;
        const bytes = new Uint8Array(await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer());
        let text = "";
        for (const byte of bytes) text += String.fromCharCode(byte);
        files.push([name, btoa(text)]);
      }
      return files;
    });
    const published = new Map(files.map(([name, base64]) => [name, Buffer.from(base64, "base64")]));
    const manifest = JSON.stringify({ format: 1, files: [...published].map(([name, { length: bytes }]) => ({ name, bytes })) });
    const total = [...published.values()].reduce((sum, { length }) => sum + length, 0);
    let sent = 0;
    for (const [path, ranges] of [["/ranges/", true], ["/whole/", false]] as const) {
      served.routes.set(path, (request, response) => {
        const name = request.url!.slice(path.length);
        if (name === "manifest.json") return void response.end(manifest);
        const file = published.get(name);
        if (!file) return void response.writeHead(404).end();
        const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
        const part = ranges ? file.subarray(Number(from), Number(to) + 1) : file;
        sent += part.length;
        if (ranges) response.writeHead(206, { "Content-Range": `bytes ${from}-${to}/${file.length}` });
        response.end(part);
      });
      await page.evaluate(async (url) => {
        const db = await koru.open(url);
        koru.equal(((await db.collection("c").get("k7-9")) as { j: number }).j, 9);
        koru.equal([(await db.info()).storage, (await db.info()).readOnly], ["http", true]);
        koru.equal(await koru.codeOf(() => db.collection("c").put("x", 1)), "READ_ONLY");
        await db.close();
      }, served.origin + path);
      if (ranges && sent > total / 2) throw new Error(`${sent} of ${total} bytes were fetched for one document`);
    }
    await page.evaluate(async (url) => koru.equal(await koru.codeOf(() => koru.open(url)), "NOT_FOUND"), `${served.origin}/nothing/`);
  }));
