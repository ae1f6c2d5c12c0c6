// How long a tab waits for its next write when the tab that leads the database goes.

import type { Page } from "playwright-core";
import { Browser, SETTLE_MS } from "./chromium.js";
import type { Figures } from "./page/work.js";
import type { Name } from "./stores.js";

/** Takes the leader away three times, each way, from another tab that puts one document after the other. */
export async function failover(profile: string, origin: string, store: Name): Promise<Figures> {
  const browser = await Browser.launch(profile, origin);
  const tab = async () => {
    const page = await browser.page();
    await page.evaluate(`work.begin("${store}").then(() => work.run("join", 0, 0, false))`);
    return page;
  };
  try {
    let leader = await tab();
    await leader.waitForTimeout(SETTLE_MS);
    const gone = async (end: (page: Page, process: number) => Promise<unknown>) => {
      const process = await browser.processOf(leader);
      const follower = await tab();
      await follower.evaluate("work.keepPutting()");
      await follower.waitForFunction("globalThis.acknowledged > 50");
      // The figure begins here: what was slow before is not the leader's end.
      await follower.evaluate("globalThis.gapMs = 0");
      await end(leader, process);
      await follower.waitForTimeout(1500);
      const gap = (await follower.evaluate("globalThis.stop = true, globalThis.gapMs")) as number;
      leader = follower;
      return gap;
    };
    const middle = async (end: (page: Page, process: number) => Promise<unknown>) => {
      const gaps = [await gone(end), await gone(end), await gone(end)];
      return gaps.sort((a, b) => a - b)[1]!;
    };
    const closed_ms = await middle((page) => page.close());
    const killed_ms = await middle(async (_, pid) => process.kill(pid, "SIGKILL"));
    console.error(`  ${store}: closed_ms ${closed_ms.toPrecision(4)}, killed_ms ${killed_ms.toPrecision(4)}`);
    return { closed_ms, killed_ms };
  } finally {
    await browser.close();
  }
}
