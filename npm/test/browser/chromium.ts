// Headless Chromium by playwright-core, started by us, so that it can be killed as a whole.

import { rmSync } from "node:fs";
import path from "node:path";
import { chromium, type Browser, type CDPSession, type Page } from "playwright-core";
import { START_MS, type Driver, type Start, type Tab } from "./driver.js";
import { kill, said, start, type Group } from "./group.js";

export const EXECUTABLE = process.env["KORU_CHROMIUM"] ?? "/usr/bin/chromium";
export const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-breakpad", "--password-store=basic", "--enable-logging=stderr",
  // A page that nobody looks at counts as much as one that somebody does.
  "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
  "--js-flags=--expose-gc",
];

/** What Chromium says when its own store of IndexedDB did not outlive the kill, and it has deleted all of it. */
const DELETED = /IndexedDB recovering from a corrupted \(and deleted\) database/;

class ChromiumTab implements Tab {
  constructor(readonly page: Page) {
    page.on("pageerror", (error) => console.log(`page: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && console.log(`console: ${message.text()}`));
  }

  async goto(url: string): Promise<void> {
    await this.page.goto(url);
  }

  evaluate(expression: string): Promise<string> {
    return this.page.evaluate(expression);
  }

  async reload(): Promise<void> {
    await this.page.reload();
  }

  close(): Promise<void> {
    return this.page.close();
  }

  session(): Promise<CDPSession> {
    return this.page.context().newCDPSession(this.page);
  }
}

class Chromium implements Driver {
  /** Whether Chromium has deleted the IndexedDB of the origin, as it says itself. */
  deletedIndexedDb = false;

  constructor(
    readonly group: Group,
    readonly browser: Browser,
  ) {
    group.messages.on("line", (line) => (this.deletedIndexedDb ||= DELETED.test(line)));
  }

  async newTab(): Promise<ChromiumTab> {
    return new ChromiumTab(await this.browser.contexts()[0]!.newPage());
  }

  /** Leaves the tab's origin so many bytes beyond what it has, until it is called without a number. */
  async limit(tab: Tab, origin: string, bytes?: number): Promise<void> {
    const usage = (await tab.evaluate("navigator.storage.estimate().then(({ usage }) => String(usage))"));
    const quota = bytes === undefined ? {} : { quotaSize: Number(usage) + bytes };
    await (await (tab as ChromiumTab).session()).send("Storage.overrideQuotaForOrigin", { origin, ...quota });
  }

  /** Ends the process of the tab without a word, and resolves when it is gone. */
  async crash(tab: Tab): Promise<void> {
    const { page } = tab as ChromiumTab;
    const crashed = new Promise((resolve) => page.once("crash", resolve));
    const session = await (tab as ChromiumTab).session();
    session.send("Page.crash").catch(() => {});
    await crashed;
  }

  kill(): Promise<void> {
    return kill(this.group);
  }
}

export async function startChromium({ profile }: Start): Promise<Chromium> {
  // What a killed browser leaves of its guard against a second one on the same profile.
  for (const name of ["SingletonLock", "SingletonSocket", "SingletonCookie"]) rmSync(path.join(profile, name), { force: true });
  const group = start(EXECUTABLE, [...ARGS, `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank"]);
  try {
    const endpoint = await said(group, /^DevTools listening on (ws:\S+)/);
    return new Chromium(group, await chromium.connectOverCDP(endpoint, { timeout: START_MS }));
  } catch (error) {
    await kill(group);
    throw error;
  }
}
