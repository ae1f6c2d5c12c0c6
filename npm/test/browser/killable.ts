// A headless Chromium that can be killed: every process of it at once, as when the power goes for it alone, and started
// again on the same profile.

import { spawn, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { createInterface, type Interface } from "node:readline";
import { chromium, type Page } from "playwright-core";
import { ARGS, EXECUTABLE, readyPage } from "./chromium.js";

/** How long a browser may take to start on a machine that does much else, in milliseconds. */
const START_MS = 60_000;

/** What Chromium says when its own store of IndexedDB did not outlive the kill, and it has deleted all of it. */
const DELETED = /IndexedDB recovering from a corrupted \(and deleted\) database/;

export class Killable {
  /** Whether Chromium has deleted the IndexedDB of the origin, as it says itself. */
  deletedIndexedDb = false;

  private constructor(
    readonly process: ChildProcess,
    readonly page: Page,
  ) {}

  /** Starts it on a profile that is kept, and opens one page. */
  static async start(origin: string, profile: string): Promise<Killable> {
    // What a killed browser leaves of its guard against a second one on the same profile.
    for (const name of ["SingletonLock", "SingletonSocket", "SingletonCookie"]) rmSync(path.join(profile, name), { force: true });
    const args = [...ARGS, `--user-data-dir=${profile}`, "--remote-debugging-port=0", "--enable-logging=stderr", "--disable-breakpad", "--password-store=basic", "about:blank"];
    // A process group of its own.
    const child = spawn(EXECUTABLE, args, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
    const messages = createInterface({ input: child.stderr });
    try {
      const browser = await chromium.connectOverCDP(await endpointOf(child, messages), { timeout: START_MS });
      const killable = new Killable(child, await readyPage(await browser.contexts()[0]!.newPage(), origin));
      messages.on("line", (line) => (killable.deletedIndexedDb ||= DELETED.test(line)));
      return killable;
    } catch (error) {
      process.kill(-child.pid!, "SIGKILL");
      throw error;
    }
  }

  /** Ends all of its processes without a word, and resolves when they are gone. */
  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    process.kill(-this.process.pid!, "SIGKILL");
    await gone;
  }
}

/** Where it listens: it says so first. */
function endpointOf(child: ChildProcess, messages: Interface): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("Chromium did not start")), START_MS);
    child.once("exit", (code) => reject(new Error(`Chromium ended with ${code} before it listened`)));
    messages.on("line", (line) => {
      const [, endpoint] = /^DevTools listening on (ws:\S+)/.exec(line) ?? [];
      if (endpoint === undefined) return;
      clearTimeout(timer);
      resolve(endpoint);
    });
  });
}
