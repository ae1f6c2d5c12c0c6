// A headless Chromium on a profile that is kept, a server for its pages, and what its processes and files take.

import { lstatSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { chromium, type BrowserContext, type CDPSession, type Page } from "playwright-core";
import { ROOT, folders } from "./stores.js";

const TYPES: Record<string, string> = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const PAGE = '<!doctype html><meta charset="utf-8"><title>bench</title><link rel="icon" href="data:,"><script type="module" src="/build/page.js"></script>';
// No store needs these; they give pages a clock of 5 microseconds instead of 100.
const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export const EXECUTABLE = process.env["KORU_CHROMIUM"] ?? "/usr/bin/chromium";
// As the tests of `npm/` start it, without a renderer that waits in reserve and would be counted.
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-features=SpareRendererForSitePerProcess",
];

/**
 * How long a browser that has just started is left alone, and a page before its memory is read, in milliseconds. In its first
 * seconds a browser loads pages of its own, which keep both processors busy.
 */
export const SETTLE_MS = 3000;

export async function serve(): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://localhost");
    for (const [name, value] of Object.entries(ISOLATED)) response.setHeader(name, value);
    if (pathname === "/") return response.setHeader("Content-Type", "text/html").end(PAGE);
    const [, top, rest] = /^\/(build|koru|before)(\/.*)$/.exec(path.normalize(pathname)) ?? [];
    const folder = top === "build" ? path.join(ROOT, "build") : top === "koru" ? folders.koru : folders.before;
    try {
      const bytes = readFileSync(path.join(folder!, rest!));
      response.setHeader("Content-Type", TYPES[path.extname(rest!)] ?? "application/octet-stream").end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as import("node:net").AddressInfo;
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((closed) => server.close(() => closed()));
  };
  return { origin: `http://localhost:${port}`, close };
}

export class Browser {
  private constructor(readonly context: BrowserContext, readonly cdp: CDPSession, readonly origin: string) {}

  static async launch(profile: string, origin: string): Promise<Browser> {
    const context = await chromium.launchPersistentContext(profile, { executablePath: EXECUTABLE, headless: true, args: ARGS, handleSIGTERM: false });
    return new Browser(context, await context.browser()!.newBrowserCDPSession(), origin);
  }

  async page(): Promise<Page> {
    const page = await this.context.newPage();
    page.on("pageerror", (error) => console.error(`page: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && console.error(`console: ${message.text()}`));
    await page.goto(this.origin);
    await page.waitForFunction("globalThis.work !== undefined");
    return page;
  }

  /** The processes that run pages. */
  async renderers(): Promise<number[]> {
    const { processInfo } = await this.cdp.send("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  }

  /** What processes hold in memory, in bytes: each page of memory by the share that a process has of it. */
  memoryBytes(processes: number[]): number {
    let bytes = 0;
    for (const pid of processes) {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      bytes += Number(/^Pss: +(\d+) kB$/m.exec(text)![1]) * 1024;
    }
    return bytes;
  }

  /** The process of a page: the one that works while the page does, and far more than any other. */
  async processOf(page: Page): Promise<number> {
    const ticks = async () => new Map((await this.renderers()).map((pid) => [pid, cpuTicks(pid)]));
    for (let tries = 0; tries < 20; tries++) {
      const before = await ticks();
      await page.evaluate("(() => { const until = performance.now() + 500; while (performance.now() < until); })()");
      const worked = [...(await ticks())].map(([pid, now]) => [pid, now - (before.get(pid) ?? now)] as const);
      const [[pid, most], second] = worked.sort(([, a], [, b]) => b - a) as [readonly [number, number], (readonly [number, number])?];
      if (most > 5 && most > 3 * (second?.[1] ?? 0)) return pid;
    }
    throw new Error("other pages were as busy as this one: its process cannot be told");
  }

  /** Notes what all threads do, until the function that it returns writes that to a file. */
  async trace(file: string): Promise<() => Promise<void>> {
    const events: unknown[] = [];
    this.cdp.on("Tracing.dataCollected", ({ value }) => events.push(...value));
    const categories = ["devtools.timeline", "v8", "disabled-by-default-v8.cpu_profiler", "toplevel"];
    await this.cdp.send("Tracing.start", { traceConfig: { includedCategories: categories }, transferMode: "ReportEvents" });
    return async () => {
      const complete = new Promise((resolve) => this.cdp.once("Tracing.tracingComplete", resolve));
      await this.cdp.send("Tracing.end");
      await complete;
      writeFileSync(file, JSON.stringify({ traceEvents: events }));
    };
  }

  close(): Promise<void> {
    return this.context.close();
  }
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Bytes that the file system has allocated for what pages stored in a profile. */
export function storedBytes(profile: string): number {
  return ["File System", "IndexedDB"].map((folder) => allocated(path.join(profile, "Default", folder))).reduce((a, b) => a + b);
}

function allocated(file: string): number {
  const stat = statSync(file, { throwIfNoEntry: false }) && lstatSync(file);
  if (!stat) return 0;
  const inside = stat.isDirectory() ? readdirSync(file).map((name) => allocated(path.join(file, name))) : [];
  return inside.reduce((a, b) => a + b, stat.blocks * 512);
}
