// A headless Chromium with a profile of its own, and a small server for the pages.

import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";

const ROOT = new URL("..", import.meta.url).pathname;
const TYPES: Record<string, string> = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const PAGE = '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/build/page.js"></script>';

export interface Served {
  origin: string;
  /** Answers requests before the files do. */
  routes: Map<string, (request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => void>;
  close(): Promise<void>;
}

export async function serve(): Promise<Served> {
  const routes: Served["routes"] = new Map();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://localhost");
    const route = [...routes].find(([prefix]) => pathname.startsWith(prefix))?.[1];
    if (route) return route(request, response);
    if (pathname === "/") return response.setHeader("Content-Type", "text/html").end(PAGE);
    try {
      const bytes = readFileSync(path.join(ROOT, path.normalize(pathname)));
      response.setHeader("Content-Type", TYPES[path.extname(pathname)] ?? "application/octet-stream").end(bytes);
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
  return { origin: `http://localhost:${port}`, routes, close };
}

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export interface Browser {
  context: BrowserContext;
  page(): Promise<Page>;
  close(): Promise<void>;
}

/** Starts Chromium. A profile that is given is kept, so that it can be opened again. */
export async function launch(origin: string, profile?: string): Promise<Browser> {
  const directory = profile ?? mkdtempSync(path.join(tmpdir(), "koru-chromium-"));
  const context = await chromium.launchPersistentContext(directory, {
    executablePath: process.env["KORU_CHROMIUM"] ?? "/usr/bin/chromium",
    headless: true,
    args: ARGS,
  });
  return {
    context,
    async page() {
      const page = await context.newPage();
      page.on("pageerror", (error) => console.log(`page: ${error.message}`));
      page.on("console", (message) => message.type() === "error" && console.log(`console: ${message.text()}`));
      await page.goto(origin);
      await page.waitForFunction("globalThis.koru !== undefined");
      return page;
    },
    async close() {
      await context.close();
      if (!profile) rmSync(directory, { recursive: true, force: true });
    },
  };
}
