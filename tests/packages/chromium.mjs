// A headless Chromium with a profile of its own, started when it is first needed.

import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
/** How long a page may take until the application is there, in milliseconds: a server that develops builds it only then. */
const READY_MS = 30_000;

export class Chromium {
  #tools;
  #profile;
  #context;

  constructor(tools) {
    this.#tools = tools;
  }

  async #start() {
    const { chromium } = createRequire(path.join(this.#tools, "package.json"))("playwright-core");
    this.#profile = mkdtempSync(path.join(tmpdir(), "koru-packages-"));
    const executablePath = process.env["KORU_CHROMIUM"] ?? "/usr/bin/chromium";
    this.#context = await chromium.launchPersistentContext(this.#profile, { executablePath, headless: true, args: ARGS });
  }

  /** Gives `what` a function that opens a page, and closes all pages afterwards. A failure tells what the pages said. */
  async use(what) {
    if (!this.#context) await this.#start();
    const said = [];
    const pages = [];
    const open = async (origin) => {
      const page = await this.#context.newPage();
      pages.push(page);
      page.on("pageerror", (error) => said.push(error.message));
      page.on("console", (message) => message.type() === "error" && said.push(message.text()));
      page.on("requestfailed", (request) => said.push(`not loaded: ${request.url()}`));
      // Playwright's own waiting evaluates a text in the page, which a policy may forbid.
      const ready = async () => {
        for (const until = Date.now() + READY_MS; !(await page.evaluate(() => globalThis.step !== undefined)); ) {
          if (Date.now() > until) throw new Error("the application did not start");
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      await page.goto(origin);
      await ready();
      return {
        step: (name) => page.evaluate((name) => globalThis.step(name), name),
        reload: async () => void (await page.reload(), await ready()),
        close: () => page.close(),
      };
    };
    try {
      await what(open);
    } catch (error) {
      throw new Error(`${error.message}\nthe page said: ${said.join("\n")}`);
    } finally {
      for (const page of pages) await page.close();
    }
  }

  async close() {
    await this.#context?.close();
    if (this.#profile) rmSync(this.#profile, { recursive: true, force: true });
  }
}
