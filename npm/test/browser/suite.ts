// The tests of a file, once for each kind of browser: a server and a browser are there for all of them.

import { after, before, describe } from "node:test";
import { launch, type Browser, type Kind, type Page } from "./browser.js";
import { serve, type Served } from "./served.js";

export class Suite {
  served!: Served;
  browser!: Browser;

  constructor(readonly kind: Kind) {}

  /** WebKitGTK refuses OPFS. */
  get storages(): ("opfs" | "idb")[] {
    return this.kind === "webkit" ? ["idb"] : ["opfs", "idb"];
  }

  page(): Promise<Page> {
    return this.browser.page();
  }

  /** A page for as long as it is used. */
  async onPage<T>(use: (page: Page) => Promise<T>): Promise<T> {
    const page = await this.page();
    try {
      return await use(page);
    } finally {
      await page.close();
    }
  }
}

/** Whether a kind is tested: while at work `KORU_BROWSERS` may name a few. */
export function isWanted(kind: Kind): boolean {
  return process.env["KORU_BROWSERS"]?.split(",").includes(kind) ?? true;
}

/** Makes the tests for each of the kinds. */
export function inBrowsers(kinds: Kind[], tests: (suite: Suite) => void): void {
  for (const kind of kinds.filter(isWanted)) {
    describe(kind, () => {
      const suite = new Suite(kind);
      before(async () => {
        suite.served = await serve();
        suite.browser = await launch(kind, suite.served.origin);
      });
      after(async () => {
        await suite.browser?.close();
        await suite.served.close();
      });
      tests(suite);
    });
  }
}
