// The pages of the documentation are true: every block of JavaScript is run, in order, as the page says where.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { chromium, type BrowserContext } from "playwright-core";
import { equal, ok } from "./assert.js";
import { ARGS, EXECUTABLE } from "./browser/chromium.js";
import { serve } from "./browser/served.js";
import { CHECK, checked, stepsOf, type Block } from "./pages.js";
import { Reader, ROOT } from "./reader.js";

const PAGES: { page: string; at?: "node" }[] = [
  { page: "README.md", at: "node" },
  { page: "npm/README.md", at: "node" },
  { page: "docs/tutorial/browser.md" },
  { page: "docs/how-to/bundlers.md" },
  { page: "docs/how-to/import-history.md", at: "node" },
  { page: "docs/how-to/multi-tab.md" },
  { page: "docs/how-to/persistence-and-quota.md" },
  { page: "docs/how-to/publish-a-read-only-database.md" },
];

let context: BrowserContext;
const profile = mkdtempSync(path.join(tmpdir(), "koru-pages-"));
before(async () => {
  context = await chromium.launchPersistentContext(profile, { executablePath: EXECUTABLE, headless: true, args: ARGS });
});
after(async () => {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
});

for (const { page, at } of PAGES) {
  test(`every piece of code of ${page} does what the page says`, async () => {
    const served = await serve();
    const reader = new Reader(page, served, context);
    let place = "";
    try {
      for (const step of stepsOf(readFileSync(path.join(ROOT, page), "utf8"))) {
        place = `${page}:${step.line}: `;
        if ("action" in step) await reader.act(step.action);
        else if (at && step.words.length === 0 && /^[jt]s$/.test(step.language)) await reader.take({ ...step, words: [at] });
        else if (!at || step.language !== "console") await reader.take(step);
      }
      place = `${page}: `;
      await reader.finish();
      equal(reader.promised.filter((line) => !reader.kept.has(line)), [], "promises that were never come to");
    } catch (error) {
      throw new Error(place + (error as Error).message, { cause: error });
    } finally {
      await reader.close();
      await served.close();
    }
  });
}

test("a promise that is not kept is noticed, and one that is none is left alone", () => {
  const [step] = stepsOf('a\n```js\nf(1); // [1, 2]\nconst x = 1; // 1\ng(); // of no consequence\n```\n') as [Block];
  const { code, promises } = checked(step);
  equal(promises, [3]);
  equal(code, "__check(f(1), [1, 2], 3);\nconst x = 1; // 1\ng(); // of no consequence\n");
  const told: number[] = [];
  const check = new Function("__told", `${CHECK}; return __check;`)((line: number) => told.push(line)) as (...args: unknown[]) => void;
  check({ a: 1, b: undefined }, { b: undefined, a: 1 }, 7);
  equal(told, [7]);
  let failure = "";
  try {
    check({ a: 1 }, { a: 2 }, 9);
  } catch (error) {
    failure = (error as Error).message;
  }
  ok(failure.includes("line 9 is"), failure);
});
