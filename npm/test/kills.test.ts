// Acknowledged writes outlive a kill, without a word, of what made them. Who counts them stays outside of what is killed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { open } from "../src/node.js";
import { equal, ok, pause } from "./assert.js";
import { launch, type Page } from "./browser/browser.js";
import type { Kit } from "./browser/page.js";
import { serve, type Served } from "./browser/served.js";
import { isWanted } from "./browser/suite.js";
import { Journal, LANES, valueOf, type Found } from "./journal.js";

declare const koru: Kit;
declare const db: import("../src/api.js").Database;

/** Kills in each test: some each time, the fewer the longer one takes, and more by `KORU_KILLS`. */
const asked = process.env["KORU_KILLS"];
const KILLS = { node: Math.max(30, Number(asked ?? 0)), chromium: Number(asked ?? 6), firefox: Number(asked ?? 3) };

const directory = mkdtempSync(path.join(tmpdir(), "koru-kills-"));
let served: Served;
before(async () => {
  served = await serve();
});
after(async () => {
  await served.close();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});

test("the journal finds what is lost, invented or altered", async () => {
  const found = (...keys: string[]): Found[] => keys.map((key, i) => [key, `v${i}`, valueOf(key)]);
  const after = async (rows: Found[]): Promise<string | undefined> => {
    const journal = new Journal();
    journal.begin([]);
    journal.note("r0-l0-0", "v0");
    journal.note("r0-l1-0", "v1");
    try {
      journal.begin(rows);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };
  equal(await after(found("r0-l0-0", "r0-l1-0")), undefined);
  equal(await after(found("r0-l0-0", "r0-l1-0", "r0-l1-1")), undefined, "one more may be on its way");
  ok((await after(found("r0-l0-0")))?.includes("is lost"), "one is missing");
  ok((await after(found("r0-l1-0", "r0-l0-0")))?.includes("is lost"), "another one has its place");
  ok((await after(found("r0-l0-0", "r0-l1-0", "r0-l1-2")))?.includes("nobody"), "a gap");
  ok((await after(found("r0-l0-0", "r0-l1-0", "r1-l0-0")))?.includes("nobody"), "a round that was not");
  ok((await after([...found("r0-l0-0", "r0-l1-0"), ["r0-l0-0", "v2", valueOf("r0-l0-0")]]))?.includes("doubled"), "one twice");
  ok((await after([["r0-l0-0", "v0", "other"], ...found("x", "r0-l1-0").slice(1)]))?.includes("not what"), "another value");
});

/** Waits for so many more acknowledged writes, then a little, so that kills meet every part of a write. */
async function untilWritten(journal: Journal, kill: number): Promise<void> {
  const enough = journal.size + 1 + ((kill * 37) % 60);
  for (let waited = 0; journal.size < enough; waited++) {
    ok(waited < 6000, `${journal.size} of ${enough} writes after a minute`);
    await pause(10);
  }
  await pause((kill * 7) % 23);
}

// WebKitGTK keeps nothing that was written under automation.
for (const [kind, storage] of [["chromium", "opfs"], ["chromium", "idb"], ["firefox", "opfs"], ["firefox", "idb"]] as const) {
  if (!isWanted(kind)) continue;
  const kills = KILLS[kind];
  test(`${kills} kills of ${kind} lose nothing acknowledged on ${storage}`, { timeout: 60_000 + kills * 30_000 }, async (t) => {
    let journal = new Journal();
    let [unsaid, written, deleted] = [0, 0, 0];
    served.routes.set("/acknowledged/", (request, response) => {
      const [, , key, version] = new URL(request.url!, served.origin).pathname.split("/");
      journal.note(key!, version!);
      response.end();
    });
    for (let kill = 0; kill <= kills; kill++) {
      const browser = await launch(kind, served.origin, { profile: path.join(directory, `${kind}-${storage}`) });
      const { driver } = browser;
      try {
        const page = await browser.page();
        const found = await page.evaluate(async (url) => {
          const db = await koru.open(url);
          Object.assign(globalThis, { db });
          koru.equal((await db.verify()).problems, []);
          const found: Found[] = [];
          for await (const { key, version, value } of db.collection("c").scan()) found.push([key, version, value]);
          koru.equal((await db.log().toArray()).map((c) => c.version).sort(), found.map(([, version]) => version).sort());
          return found;
        }, `${storage}:kills`);
        // Its message may come a little later than the page's answer.
        for (let waited = 0; found.length === 0 && journal.size > 0 && !driver.deletedIndexedDb && waited < 50; waited++) await pause(20);
        if (storage === "idb" && driver.deletedIndexedDb) {
          // Chromium's own store may not outlive a kill: then it says so and deletes it, with all of it that is ours. Nobody
          // who writes to IndexedDB can prevent that; whether the rest is whole still can be told.
          equal(found.length, 0, "what Chromium has deleted is gone as a whole");
          written += journal.size;
          deleted++;
          journal = new Journal();
        }
        unsaid += found.length - journal.size;
        const round = journal.begin(found);
        if (kill === kills) break;
        await page.evaluate(([round, lanes]) => {
          for (let lane = 0; lane < lanes; lane++) {
            void (async () => {
              for (let i = 0; ; i++) {
                const key = `r${round}-l${lane}-${i}`;
                const version = await db.collection("c").put(key, koru.valueOf(key));
                await fetch(`/acknowledged/${key}/${version}`, { method: "POST" });
                if (lane === 0 && i % 8 === 7) await db.checkpoint();
              }
            })();
          }
        }, [round, LANES] as const);
        await untilWritten(journal, kill);
      } finally {
        await browser.kill();
      }
    }
    written += journal.size;
    ok(written >= kills, "something was written each time");
    if (deleted > 0) t.diagnostic(`after ${deleted} kills Chromium found its IndexedDB corrupt, and deleted it`);
    t.diagnostic(`${written} writes, ${unsaid} of them on their way when one of ${kills} kills came`);
  });
}

test(`${KILLS.node} kills of a writing Node lose nothing acknowledged`, { timeout: 30_000 + KILLS.node * 10_000 }, async (t) => {
  const at = path.join(directory, "node");
  const journal = new Journal();
  let unsaid = 0;
  // What it says is read from a pipe, which outlives the kill.
  const program = `
    import { writeSync } from "node:fs";
    import { open } from ${JSON.stringify(new URL("../dist/node.js", import.meta.url).href)};
    import { valueOf } from ${JSON.stringify(new URL("./journal.js", import.meta.url).href)};
    const [at, round, lanes] = process.argv.slice(1);
    const db = await open(at);
    for (let lane = 0; lane < lanes; lane++) {
      void (async () => {
        for (let i = 0; ; i++) {
          const key = \`r\${round}-l\${lane}-\${i}\`;
          writeSync(1, \`\${key} \${await db.collection("c").put(key, valueOf(key))}\\n\`);
          if (lane === 0 && i % 8 === 7) await db.checkpoint();
        }
      })();
    }`;
  for (let kill = 0; ; kill++) {
    const db = await open(at);
    equal((await db.verify()).problems, []);
    const rows = await db.collection("c").scan().toArray();
    equal((await db.log().toArray()).map((c) => c.version).sort(), rows.map((row) => row.version).sort());
    await db.close();
    unsaid += rows.length - journal.size;
    const round = journal.begin(rows.map(({ key, version, value }) => [key, version, value]));
    if (kill === KILLS.node) break;
    const args = ["--input-type=module", "-e", program, at, String(round), String(LANES)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const over = once(child, "close");
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => journal.note(...(line.split(" ") as [string, string])));
    await untilWritten(journal, kill);
    child.kill("SIGKILL");
    equal((await over)[1], "SIGKILL");
  }
  t.diagnostic(`${journal.size} writes, ${unsaid} of them on their way when one of ${KILLS.node} kills came`);
});

// The process of one tab is killed by what only Chromium's protocol has.
for (const storage of ["opfs", "idb"]) {
  if (!isWanted("chromium")) continue;
  for (const broker of [true, false]) {
    const how = broker ? "" : " without a broker";
    test(`when the leader's process is killed another tab takes over${how}, and answers all calls under way, on ${storage}`, async () => {
      const browser = await launch("chromium", served.origin);
      const url = `${storage}:leader-killed-${broker}`;
      const openIn = (page: Page) =>
        page.evaluate(async ([url, broker]) => {
          Object.assign(globalThis, { db: await koru.open(url, broker ? {} : { broker: null }) });
        }, [url, broker] as const);
      try {
        const survivor = await browser.page();
        for (let kill = 0; kill < 3; kill++) {
          // The doomed tab leads: the other one has the database only afterwards.
          const doomed = await browser.page();
          await openIn(doomed);
          await openIn(survivor);
          const said: [string, string][] = [];
          served.routes.set("/said/", (request, response) => {
            const [, , key, version] = new URL(request.url!, served.origin).pathname.split("/");
            said.push([key!, version!]);
            response.end();
          });
          await doomed.evaluate((kill) => {
            void (async () => {
              for (let i = 0; ; i++) {
                const version = await db.collection("doomed").put(`${kill}-${i}`, i);
                await fetch(`/said/${kill}-${i}/${version}`, { method: "POST" });
              }
            })();
          }, kill);
          await survivor.evaluate((kill) => {
            const mine: [string, string][] = [];
            let stop = false;
            const writing = Promise.all(Array.from({ length: 8 }, async (_, lane) => {
              for (let i = 0; !stop; i++) {
                const key = `${kill}-${lane}-${i}`;
                mine.push([key, await db.collection("survivor").put(key, i)]);
              }
            }));
            Object.assign(globalThis, { mine, end: () => ((stop = true), writing) });
          }, kill);
          while (said.length < 10) await pause(10);
          await browser.driver.crash(doomed.tab);
          await survivor.evaluate(async ([kill, said]) => {
            const { mine, end } = globalThis as unknown as { mine: [string, string][]; end: () => Promise<unknown> };
            const before = mine.length;
            // More answers than calls were under way: the new leader gives some of them.
            for (const wanted = before + 20; mine.length < wanted; ) await koru.pause(10);
            await end();
            const log = await db.log().toArray();
            const written = (collection: string) =>
              log.filter((c) => c.changes[0]!.collection === collection && c.changes[0]!.key.startsWith(`${kill}-`))
                .map((c): [string, string] => [c.changes[0]!.key, c.version]).reverse();
            koru.equal(written("survivor").sort(), mine.sort(), "nothing of the survivor is lost and nothing doubled");
            const doomed = written("doomed");
            koru.equal(doomed.slice(0, said.length), said, "nothing of the killed one is lost");
            if (doomed.length > said.length + 1) throw new Error(`${doomed.length} are there and ${said.length} were acknowledged`);
            koru.equal((await db.verify()).problems, []);
            await db.close();
          }, [kill, said] as const);
          await doomed.close();
        }
      } finally {
        await browser.close();
      }
    });
  }
}
