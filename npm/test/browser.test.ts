// What has to be proved in a real browser: storages, tabs, crashes. Each test has databases of its own names.

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
