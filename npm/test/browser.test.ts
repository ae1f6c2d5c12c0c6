// What has to be proved in real browsers: storages, quota, traps, reloads. Each test has databases of its own names.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { open } from "../src/node.js";
import { launch } from "./browser/browser.js";
import type { Kit } from "./browser/page.js";
import { inBrowsers } from "./browser/suite.js";

declare const koru: Kit;
declare const db: import("../src/api.js").Database;

inBrowsers(["chromium", "firefox", "webkit"], (suite) => {
  for (const storage of suite.storages) {
    test(`${storage} keeps the contract of a storage`, () =>
      suite.onPage(async (page) => void (await page.evaluate((storage) => koru.task("contract", storage), storage))));
  }

  for (const url of ["memory:", ...suite.storages.map((storage) => `${storage}:all`)]) {
    test(`everything works on ${url}`, () =>
      suite.onPage((page) =>
        page.evaluate(async (url) => {
          const db = await koru.open(url);
          await koru.everything(koru.api, db);
          const info = await db.info();
          koru.equal(info.storage, url.split(":")[0]);
          await db.close();
          koru.equal(await koru.codeOf(() => db.collection("users").get("ada")), "CLOSED");
          if (url === "memory:") return;
          koru.equal(info.shared, true);
          const known = "storage" in navigator;
          koru.equal([info.quota !== undefined && info.quota.available > 0, info.persisted !== undefined], [known, known]);
          const again = await koru.open(url);
          koru.equal((await again.info()).chain, info.chain);
          koru.equal((await again.verify()).problems, []);
          await again.close();
        }, url)));
  }

  for (const storage of suite.storages) {
    test(`the conformance scripts give the same results and the same bytes on ${storage}`, () =>
      suite.onPage(async (page) => {
        const folder = new URL("../../tests/vectors/", import.meta.url);
        for (const name of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
          // As text: on its way into the page an object would lose a key `__proto__`.
          const scripts = `{${JSON.stringify(name.slice(0, -5))}: ${readFileSync(new URL(name, folder), "utf8")}}`;
          await page.evaluate(([storage, scripts]) => koru.task("conformance", { storage, scripts }), [storage, scripts] as const);
        }
      }));

    test(`after a reload in mid-write all that was acknowledged is there, with its history, on ${storage}`, () =>
      suite.onPage(async (page) => {
        const url = `${storage}:reload`;
        const acknowledged = await page.evaluate(async (url) => {
          const db = await koru.open(url);
          const acknowledged: string[] = [];
          await new Promise<void>((enough) => {
            for (let lane = 0; lane < 4; lane++) {
              void (async () => {
                for (let i = 0; ; i++) {
                  acknowledged.push(await db.collection("c").put(`k${lane}`, i));
                  if (acknowledged.length >= 50) enough();
                }
              })();
            }
          });
          return acknowledged;
        }, url);
        await page.reload();
        await page.evaluate(async ([url, acknowledged]) => {
          const db = await koru.open(url);
          const documents = db.collection("c");
          const versions: string[] = [];
          for (let lane = 0; lane < 4; lane++) {
            const history = await documents.history(`k${lane}`).toArray();
            koru.equal(history.map(({ value }) => value), history.map((_, i) => history.length - 1 - i));
            koru.equal(await documents.get(`k${lane}`), history.length - 1);
            versions.push(...history.map(({ version }) => version));
          }
          const lost = acknowledged.filter((version) => !versions.includes(version));
          koru.equal(lost, [], "what was acknowledged");
          koru.equal((await db.verify()).problems, []);
          await db.close();
        }, [url, acknowledged] as const);
      }));
  }

  test("a trap rejects what is under way with POISONED, and a fresh worker goes on", () =>
    suite.onPage((page) =>
      page.evaluate(async (storages) => {
        for (const url of storages.map((storage) => `${storage}:trap`)) {
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
      }, suite.storages)));

  const { kind } = suite;
  if (kind === "chromium") {
    test("what OPFS is asked is answered, whatever the browser collects meanwhile", () =>
      suite.onPage((page) =>
        page.evaluate(async () => {
          for (let round = 0; round < 5; round++) {
            const db = await koru.open("opfs:collecting", { worker: koru.alteredWorker(koru.COLLECTING).start });
            await db.collection("c").put("k", round);
            await db.checkpoint();
            koru.equal(await db.collection("c").get("k"), round);
            await db.close();
          }
        })));

    test("calls that follow one another keep the worker awake, and others let it sleep", () =>
      suite.onPage((page) =>
        page.evaluate(async () => {
          const { start, ask } = koru.alteredWorker(koru.TURNING);
          const turns = async () => Number(await ask("turns"));
          const db = await koru.open("opfs:awake", { worker: start });
          const documents = db.collection("c");
          await documents.put("k", 1);
          await koru.pause(100);
          const before = await turns();
          for (let n = 0; n < 10; n++) {
            await documents.get("k");
            await koru.pause(20);
          }
          koru.equal(await turns(), before, "calls that come now and then");
          for (let n = 0; n < 200; n++) await documents.get("k");
          koru.equal((await turns()) >= before + 40, true, "calls that follow one another");
          await koru.pause(200);
          const asleep = await turns();
          await koru.pause(100);
          koru.equal(await turns(), asleep, "nothing follows");
          await db.close();
        })));

    test("a worker that shares the only processor with its page leaves it to the page", () =>
      suite.onPage((page) =>
        page.evaluate(async () => {
          const { start, ask } = koru.alteredWorker(`${koru.TURNING} Object.defineProperty(navigator, "hardwareConcurrency", { value: 1 });`);
          const db = await koru.open("opfs:alone", { worker: start });
          await koru.pause(100);
          const before = await ask("turns");
          for (let n = 0; n < 200; n++) await db.collection("c").get("k");
          koru.equal(await ask("turns"), before);
          await db.close();
        })));
  }

  // Of WebKitGTK nobody can ask for less room than the disk has.
  if (kind !== "webkit") {
    for (const storage of suite.storages) {
      test(`a full quota is STORAGE_FULL, and loses nothing, on ${storage}`, async () => {
        const { origin } = suite.served;
        // A browser of its own: another one remembers for a while how much room there was.
        const browser = await launch(kind, origin, { limited: true });
        try {
          const page = await browser.page();
          // Before it is opened: the browser keeps what it knows of the quota for a while.
          await browser.driver.limit(page.tab, origin, 6_000_000);
          await page.evaluate(async (url) => {
            Object.assign(globalThis, { db: await koru.open(url) });
            await db.collection("c").put("kept", 1);
            const big = new Uint8Array(400_000).map((_, i) => (i * 2654435761) >>> 24);
            let written = 0;
            const refused: string[] = [];
            // Being told once is not the end: room that the browser finds is used, and what does not fit is refused as before.
            for (let tries = 0; refused.length < 5 && tries < 200; tries++) {
              const code = await koru.codeOf(() => db.collection("c").put(`big${written}`, big));
              if (code === undefined) written++;
              else refused.push(code);
            }
            koru.equal(refused, Array(5).fill("STORAGE_FULL"), `after ${written}`);
            koru.equal((await db.info()).storage, url.split(":")[0]);
            koru.equal(written > 0, true, "some of it fits");
            koru.equal(await db.collection("c").get("kept"), 1);
            Object.assign(globalThis, { written });
          }, `${storage}:full`);
          await browser.driver.limit(page.tab, origin);
          await page.evaluate(async () => {
            const { written } = globalThis as unknown as { written: number };
            await db.collection("c").put("after", 1);
            koru.equal((await db.collection("c").keys().toArray()).length, written + 2);
            koru.equal((await db.verify()).problems, []);
            await db.close();
          });
        } finally {
          await browser.close();
        }
      });
    }
  }

  test("a bare name takes the best storage that works, and says so", () =>
    suite.onPage((page) =>
      page.evaluate(async (storages) => {
        const db = await koru.open("plain");
        const { storage, location, passedOver = [] } = await db.info();
        koru.equal([storage, location], [storages[0], `${storages[0]}:plain`]);
        koru.equal(passedOver.map((why) => why.split(":")[0]), storages.includes("opfs") ? [] : ["opfs"]);
        await db.close();
        const without = (names: string[]) => () => {
          const code = `
            for (const name of ${JSON.stringify(names)}) {
              if (name === "opfs") Object.defineProperty(navigator.storage ?? (navigator.storage = {}), "getDirectory", { value: () => Promise.reject(new Error("no OPFS here")) });
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
      }, suite.storages)));

  test("a published database is read by ranges, and whole where there are none", () =>
    suite.onPage(async (page) => {
      const directory = mkdtempSync(path.join(tmpdir(), "koru-publish-"));
      const db = await open(directory);
      const random = () => Array.from({ length: 40 }, () => Math.random());
      for (let i = 0; i < 20; i++) await db.collection("c").putMany(Array.from({ length: 200 }, (_, j) => [`k${i}-${j}`, { i, j, random: random(), text: "of a text ".repeat(40) }] as const));
      await db.compact();
      if ((await db.info()).packedSegments !== 1) throw new Error("nothing was compressed");
      await db.close();
      const names = readdirSync(directory).filter((name) => name !== "lock");
      const published = new Map(names.map((name) => [name, readFileSync(path.join(directory, name))]));
      rmSync(directory, { recursive: true });
      const manifest = JSON.stringify({ format: 1, files: [...published].map(([name, { length: bytes }]) => ({ name, bytes })) });
      const total = [...published.values()].reduce((sum, { length }) => sum + length, 0);
      let sent = 0;
      for (const [prefix, ranges] of [["/ranges/", true], ["/whole/", false]] as const) {
        suite.served.routes.set(prefix, (request, response) => {
          const name = request.url!.slice(prefix.length);
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
        }, suite.served.origin + prefix);
        if (ranges && sent > total / 2) throw new Error(`${sent} of ${total} bytes were fetched for one document`);
      }
      await page.evaluate(async (url) => koru.equal(await koru.codeOf(() => koru.open(url)), "NOT_FOUND"), `${suite.served.origin}/nothing/`);
    }));
});
