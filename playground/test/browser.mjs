// A headless Chromium with a fresh profile, and the built app on a server of its own.

import { createServer } from "node:http";
import { accessSync, constants, createReadStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml", ".tar": "application/x-tar" };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** The browser that `KORU_CHROMIUM` names, or the first on the PATH. */
function executable() {
  if (process.env.KORU_CHROMIUM) return process.env.KORU_CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not here.
      }
    }
  }
  throw new Error("there is no Chromium on the PATH: install it, or name it in KORU_CHROMIUM");
}

/** Serves `dist/` below a folder of the host, because relative addresses are a promise. `extra` files are served beside it. */
export async function serve(extra = {}) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname).replace(/^\/app\//, "/");
    const name = path === "/" ? "index.html" : normalize(path).replace(/^[/\\]+/, "");
    const file = extra[name] ?? join(DIST, name);
    const info = statSync(file, { throwIfNoEntry: false });
    if (!info?.isFile()) return response.writeHead(404, { "Content-Type": "text/plain" }).end("not found");
    response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream", "Content-Length": info.size });
    if (request.method === "HEAD") return response.end();
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/app/`, close: () => server.close() };
}

export async function launch(options = {}) {
  const profile = mkdtempSync(join(tmpdir(), "koru-playground-"));
  const context = await chromium.launchPersistentContext(profile, { executablePath: executable(), headless: true, args: FLAGS, viewport: { width: 1280, height: 800 }, ...options });
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A page of the app that is ready. What it logs as an error fails the test that asks for it. */
export async function openApp(context, url, hash = "", db) {
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(error.message));
  await page.goto(`${url}${db ? `?db=${db}` : ""}${hash}`);
  await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
  return page;
}

/** Runs a line in the console and returns the text of its answer. */
export async function runLine(page, line) {
  if (!page.url().includes("#/console")) await page.click("nav >> text=Console");
  const input = page.getByRole("textbox", { name: "Line to run" });
  await input.fill(line);
  const before = await page.locator(".entry").count();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.waitForFunction((n) => document.querySelectorAll(".entry").length > n, before);
  const entry = page.locator(".entry").last();
  await entry.locator(".took:not(:empty)").waitFor();
  return entry.locator(".result").innerText();
}
