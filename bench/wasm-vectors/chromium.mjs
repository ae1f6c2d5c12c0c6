// A page of headless Chromium in which a store is measured, and the server that it has everything from.

import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";

const ROOT = new URL("../..", import.meta.url).pathname;
/** What pages may have of the repository. */
const SERVED = ["/npm/dist/", "/bench/wasm-vectors/"];
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const PAGE = '<!doctype html><meta charset="utf-8"><title>bench</title><link rel="icon" href="data:,">';
// No store needs these; they give pages a clock of 5 microseconds instead of 100.
const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** As `measure`, in a page. `profile` is a folder for the browser. */
export async function measureInChromium(asked, set, profile, say) {
  const { chromium } = createRequire(join(ROOT, "npm/package.json"))("playwright-core");
  const server = await serve(set);
  const origin = `http://localhost:${server.address().port}`;
  const executablePath = process.env["KORU_CHROMIUM"] ?? "/usr/bin/chromium";
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: ARGS });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(0);
    page.on("pageerror", (error) => console.error(error.message));
    await page.exposeFunction("say", say);
    await page.goto(origin);
    await page.evaluate(inPage, asked);
  } finally {
    await context.close();
    server.closeAllConnections();
    server.close();
  }
}

/** Runs in the page. */
async function inPage(asked) {
  const { measure } = await import("/bench/wasm-vectors/measure.mjs");
  const { readSet } = await import("/bench/wasm-vectors/set.mjs");
  const read = async (name) => new Uint8Array(await (await fetch(`/set/${name}`)).arrayBuffer());
  await measure(asked, await readSet(read), globalThis.say);
}

async function serve(set) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    for (const [name, value] of Object.entries(ISOLATED)) response.setHeader(name, value);
    if (path === "/") return response.setHeader("Content-Type", "text/html").end(PAGE);
    const file = path.startsWith("/set/") ? join(set, path.slice("/set/".length)) : SERVED.some((top) => path.startsWith(top)) && join(ROOT, path);
    if (!file) return response.writeHead(404).end();
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    createReadStream(file).on("error", () => response.writeHead(404).end()).pipe(response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}
