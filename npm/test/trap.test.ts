// A real fault of the module: its memory cannot grow, so that it ends itself in the middle of a write. The databases are
// opened again by a fresh instance, and calls go on.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { equal } from "./assert.js";
import { EXHAUSTING } from "./browser/altered.js";
import type { Kit } from "./browser/page.js";
import { inBrowsers } from "./browser/suite.js";

declare const koru: Kit;

inBrowsers(["chromium", "firefox", "webkit"], (suite) => {
  test("a module without memory is a fault that a fresh worker takes over from", () =>
    suite.onPage((page) =>
      page.evaluate(async (storages) => {
        for (const url of storages.map((storage) => `${storage}:memory`)) {
          const { start, ask } = koru.alteredWorker(koru.EXHAUSTING);
          const db = await koru.open(url, { worker: start });
          await db.collection("c").put("kept", 1);
          if (((await ask("exhaust")) as number) < 2 ** 30) throw new Error("the memory did not grow");
          koru.equal(await koru.codeOf(() => db.collection("c").put("big", new Uint8Array(8_000_000))), "POISONED", url);
          koru.equal(await db.collection("c").get("kept"), 1);
          await db.collection("c").put("later", 2);
          koru.equal((await db.verify()).problems, []);
          await db.close();
        }
      }, suite.storages)));
});

test("a module without memory is a fault that Node goes on from", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "koru-trap-"));
  const program = `
    const answers = {};
    ${EXHAUSTING}
    const { open } = await import(${JSON.stringify(new URL("../dist/node.js", import.meta.url).href)});
    const db = await open(process.argv[1]);
    const documents = db.collection("c");
    await documents.put("kept", 1);
    answers.exhaust();
    const code = await documents.put("big", new Uint8Array(8_000_000)).then(() => "none", (error) => error.code);
    await documents.put("later", 2);
    console.log(JSON.stringify([code, await documents.get("kept"), await documents.get("later"), (await db.verify()).problems]));
    await db.close();`;
  try {
    const args = ["--input-type=module", "-e", program, path.join(directory, "db")];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    equal(stdout.trim(), '["POISONED",1,2,[]]', stderr);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
