// Several tabs with one database: who leads, and what happens when the leader goes or its worker is killed.

import { test } from "node:test";
import { equal } from "./assert.js";
import type { Page } from "./browser/browser.js";
import type { Kit } from "./browser/page.js";
import { inBrowsers } from "./browser/suite.js";

declare const koru: Kit;
declare const db: import("../src/api.js").Database;

const ROWS = 200;

/** Opens the database in a page and keeps it there. */
async function openIn(page: Page, url: string): Promise<void> {
  await page.evaluate(async (url) => {
    Object.assign(globalThis, { db: await koru.open(url, { worker: koru.startWorker }) });
  }, url);
}

inBrowsers(["chromium", "firefox", "webkit"], (suite) => {
  const best = suite.storages[0];

  for (const kind of suite.storages) {
    test(`two tabs share ${kind}, and when the leader goes the other one goes on`, async () => {
      const [first, second] = [await suite.page(), await suite.page()];
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
      suite.onPage(async (page) => {
        await openIn(page, `${kind}:killed`);
        await page.evaluate(async () => {
          const acknowledged: string[] = [];
          let [stop, acknowledge] = [false, () => {}];
          const writing = Promise.all(Array.from({ length: 8 }, async (_, lane) => {
            for (let i = 0; !stop; i++) {
              acknowledged.push(await db.collection("n").put(`${lane}-${i}`, i));
              acknowledge();
            }
          }));
          // Behind a write of its own: a worker that is killed before it has begun is noticed late, which is another matter.
          const written = async (worker: number) => {
            do await new Promise<void>((resolve) => (acknowledge = resolve));
            while (koru.workers.length < worker);
          };
          for (let worker = 1; worker <= 3; worker++) {
            await written(worker);
            koru.workers.at(-1)!.terminate();
          }
          await written(4);
          stop = true;
          await writing;
          const log = await db.log().toArray();
          koru.equal(log.map((c) => c.version).sort(), acknowledged.sort(), "nothing is lost and nothing doubled");
          await db.close();
        });
      }));
  }

  test("the broker starts with the second tab, and connects it", async () => {
    const [first, second] = [await suite.page(), await suite.page()];
    const open = (page: Page) =>
      page.evaluate(async (storage) => {
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
        Object.assign(globalThis, { seen, db: await koru.open(`${storage}:brokered`, { broker, worker: koru.startWorker }) });
        await db.collection("c").put("key", 1);
      }, best);
    const seen = (page: Page) => page.evaluate(() => (globalThis as unknown as { seen: object }).seen);
    await open(first);
    equal(await seen(first), { brokers: 0, channels: 0 }, "alone");
    await open(second);
    equal(await seen(first), { brokers: 1, channels: 0 }, "the leader");
    equal(await seen(second), { brokers: 1, channels: 0 }, "the other tab");
    await first.close();
    await second.evaluate(async () => {
      await db.collection("c").put("key", 2);
      await db.close();
    });
    await second.close();
  });

  test("without a broker tabs use broadcast channels", async () => {
    const [first, second] = [await suite.page(), await suite.page()];
    for (const page of [first, second]) {
      await page.evaluate(async (storage) => {
        Object.assign(globalThis, { db: await koru.open(`${storage}:channels`, { broker: null }) });
      }, best);
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
    const [first, second] = [await suite.page(), await suite.page()];
    const url = `${best}:orderly`;
    await openIn(first, url);
    await openIn(second, url);
    await first.evaluate(async () => {
      await db.collection("c").put("a", 1);
      await db.close();
    });
    await first.evaluate(async (url) => {
      koru.equal(await koru.codeOf(() => koru.remove(url)), "LOCKED", "the other tab has it");
    }, url);
    await second.evaluate(async () => {
      koru.equal(await db.collection("c").get("a"), 1);
      await db.collection("c").put("a", 2);
      await db.close();
    });
    // Nobody has it any more.
    await first.evaluate(async (url) => {
      await koru.remove(url);
      koru.equal(await koru.codeOf(() => koru.open(url, { create: false })), "NOT_FOUND");
    }, url);
    await Promise.all([first.close(), second.close()]);
  });
});
