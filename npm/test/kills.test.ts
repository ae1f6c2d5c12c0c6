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
import { serve, type Served } from "./browser/chromium.js";
import { Killable } from "./browser/killable.js";
import type { Kit } from "./browser/page.js";
import { Journal, LANES, valueOf, type Found } from "./journal.js";

declare const koru: Kit;

/** Kills in each test: some each time, more by `KORU_KILLS`. */
const KILLS = Number(process.env["KORU_KILLS"] ?? 6);

/** The same where a kill is cheap. */
const CHEAP_KILLS = Math.max(KILLS, 30);

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

for (const kind of ["opfs", "idb"]) {
  test(`${KILLS} kills of the browser lose nothing acknowledged on ${kind}`, { timeout: 60_000 + KILLS * 30_000 }, async (t) => {
    const journal = new Journal();
    let unsaid = 0;
    served.routes.set("/acknowledged/", (request, response) => {
      const [, , key, version] = new URL(request.url!, served.origin).pathname.split("/");
      journal.note(key!, version!);
      response.end();
    });
    for (let kill = 0; kill <= KILLS; kill++) {
      const browser = await Killable.start(served.origin, path.join(directory, kind));
      const { page } = browser;
      try {
        const found = await page.evaluate(async (url) => {
          const db = await koru.open(url);
          Object.assign(globalThis, { db });
          koru.equal((await db.verify()).problems, []);
          const found: Found[] = [];
          for await (const { key, version, value } of db.collection("c").scan()) found.push([key, version, value]);
          koru.equal((await db.log().toArray()).map((c) => c.version).sort(), found.map(([, version]) => version).sort());
          return found;
        }, `${kind}:kills`);
        unsaid += found.length - journal.size;
        const round = journal.begin(found);
        if (kill === KILLS) break;
        await page.evaluate(([round, lanes]) => {
          const { db } = globalThis as unknown as { db: import("../src/api.js").Database };
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
    ok(journal.size >= KILLS, "something was written each time");
    t.diagnostic(`${journal.size} writes, ${unsaid} of them on their way when one of ${KILLS} kills came`);
  });
}

test(`${CHEAP_KILLS} kills of a writing Node lose nothing acknowledged`, { timeout: 30_000 + CHEAP_KILLS * 10_000 }, async (t) => {
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
    if (kill === CHEAP_KILLS) break;
    const args = ["--input-type=module", "-e", program, at, String(round), String(LANES)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const over = once(child, "close");
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => journal.note(...(line.split(" ") as [string, string])));
    await untilWritten(journal, kill);
    child.kill("SIGKILL");
    equal((await over)[1], "SIGKILL");
  }
  t.diagnostic(`${journal.size} writes, ${unsaid} of them on their way when one of ${CHEAP_KILLS} kills came`);
});
