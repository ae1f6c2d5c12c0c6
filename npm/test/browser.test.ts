// What has to be proved in a real browser: storages, tabs, crashes. Each test has databases of its own names.

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
