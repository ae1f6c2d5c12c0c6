// Headless Firefox by puppeteer-core over WebDriver BiDi, started by us, so that it can be killed as a whole.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { connect, type Browser, type Page } from "puppeteer-core";
import type { Driver, Start, Tab } from "./driver.js";
import { kill, said, start, type Group } from "./group.js";

const EXECUTABLE = process.env["KORU_FIREFOX"] ?? "/usr/bin/firefox-esr";

const PREFERENCES = {
  // A page that nobody looks at counts as much as one that somebody does.
  "dom.min_background_timeout_value": 4,
  "dom.timeout.enable_budget_timer_throttling": false,
  // After a kill it begins as always: without the pages of before, and not in safe mode.
  "browser.sessionstore.resume_from_crash": false,
  "toolkit.startup.max_resumed_crashes": -1,
};
/** All that the profile may store, in KiB. A site gets a fifth of it, and at least 10 MiB. */
const LIMITED = { "dom.quotaManager.temporaryStorage.fixedLimit": 50 << 10 };

class FirefoxTab implements Tab {
  constructor(readonly page: Page) {
    page.on("pageerror", (error) => console.log(`page: ${String(error)}`));
    page.on("console", (message) => message.type() === "error" && console.log(`console: ${message.text()}`));
  }

  async goto(url: string): Promise<void> {
    await this.page.goto(url);
  }

  evaluate(expression: string): Promise<string> {
    return this.page.evaluate(expression) as Promise<string>;
  }

  async reload(): Promise<void> {
    await this.page.reload();
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

class Firefox implements Driver {
  /** It has no such thing: its IndexedDB outlives a kill. */
  readonly deletedIndexedDb = false;

  constructor(
    readonly group: Group,
    readonly browser: Browser,
  ) {}

  async newTab(): Promise<FirefoxTab> {
    return new FirefoxTab(await this.browser.newPage());
  }

  /**
   * Leaves the tab's origin so many bytes beyond what it has, until it is called without a number. Nothing can be said about
   * one origin, so a file takes what is too much: the browser was started with a limit for all.
   */
  async limit(tab: Tab, _: string, bytes?: number): Promise<void> {
    const take = `(async () => {
      const { quota, usage } = await navigator.storage.estimate();
      const root = await navigator.storage.getDirectory();
      const ballast = await (await root.getFileHandle("ballast", { create: true })).createWritable();
      await ballast.write(new Uint8Array(quota - usage - ${bytes}));
      await ballast.close();
      return "";
    })()`;
    const giveBack = `(async () => (await (await navigator.storage.getDirectory()).removeEntry("ballast"), ""))()`;
    await tab.evaluate(bytes === undefined ? giveBack : take);
  }

  kill(): Promise<void> {
    return kill(this.group);
  }
}

export async function startFirefox({ profile, limited }: Start): Promise<Firefox> {
  const preferences = Object.entries(limited ? { ...PREFERENCES, ...LIMITED } : PREFERENCES);
  const lines = preferences.map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  writeFileSync(path.join(profile, "user.js"), lines.join(""));
  const group = start(EXECUTABLE, ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0", "about:blank"]);
  try {
    const endpoint = await said(group, /^WebDriver BiDi listening on (ws:\S+)/);
    return new Firefox(group, await connect({ browserWSEndpoint: `${endpoint}/session`, protocol: "webDriverBiDi" }));
  } catch (error) {
    await kill(group);
    throw error;
  }
}
