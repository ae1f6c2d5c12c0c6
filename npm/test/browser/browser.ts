// A browser with pages, the same for every kind of it: what a test needs of a page is to run code there, to reload it and to
// close it. A driver gives that for one kind; what goes into a page and comes out of it is text, so that no driver's own way
// of carrying values is tested with it.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startChromium } from "./chromium.js";
import type { Driver, Tab } from "./driver.js";
import { startFirefox } from "./firefox.js";
import { startWebKit } from "./webkit.js";

export const KINDS = ["chromium", "firefox", "webkit"] as const;
export type Kind = (typeof KINDS)[number];

export class Page {
  constructor(readonly tab: Tab) {}

  /** Calls the function in the page. The argument and the result go as JSON; an error comes back with its message. */
  async evaluate<R>(body: () => R | Promise<R>): Promise<R>;
  async evaluate<R, A>(body: (argument: A) => R | Promise<R>, argument: A): Promise<R>;
  async evaluate(body: (argument?: unknown) => unknown, argument?: unknown): Promise<unknown> {
    const given = argument === undefined ? "" : `JSON.parse(${JSON.stringify(JSON.stringify(argument))})`;
    const text = await this.tab.evaluate(`(async () => {
      try {
        return JSON.stringify({ value: await (${body.toString()})(${given}) });
      } catch (error) {
        return JSON.stringify({ error: error instanceof Error ? error.message + "\\n" + error.stack : String(error) });
      }
    })()`);
    const { value, error } = JSON.parse(text) as { value?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** Goes on when the page has what `page.ts` gives it. */
  async ready(): Promise<this> {
    await this.evaluate(async () => {
      while (!("koru" in globalThis)) await new Promise((resolve) => setTimeout(resolve, 10));
    });
    return this;
  }

  /** Without a word to what runs in it, as when a user reloads it. */
  async reload(): Promise<void> {
    await this.tab.reload();
    await this.ready();
  }

  close(): Promise<void> {
    return this.tab.close();
  }
}

export class Browser<D extends Driver = Driver> {
  constructor(
    readonly driver: D,
    readonly origin: string,
    readonly afterwards: () => void,
  ) {}

  /** A page that has what `page.ts` gives it. */
  async page(): Promise<Page> {
    const page = new Page(await this.driver.newTab());
    await page.tab.goto(this.origin);
    return page.ready();
  }

  kill(): Promise<void> {
    return this.driver.kill();
  }

  /** Ends it, and removes its profile if that is its own. */
  async close(): Promise<void> {
    await this.driver.kill();
    this.afterwards();
  }
}

const STARTS = { chromium: startChromium, firefox: startFirefox, webkit: startWebKit };
type DriverOf<K extends Kind> = Awaited<ReturnType<(typeof STARTS)[K]>>;

/** Starts a browser. A profile that is given is kept, so that it can be opened again. */
export async function launch<K extends Kind>(
  kind: K,
  origin: string,
  { profile, limited = false }: { profile?: string; limited?: boolean } = {},
): Promise<Browser<DriverOf<K>>> {
  const own = profile ?? mkdtempSync(path.join(tmpdir(), `koru-${kind}-`));
  mkdirSync(own, { recursive: true });
  const driver = (await STARTS[kind]({ profile: own, limited })) as DriverOf<K>;
  return new Browser(driver, origin, () => {
    if (profile === undefined) rmSync(own, { recursive: true, force: true, maxRetries: 5 });
  });
}
