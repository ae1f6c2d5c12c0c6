// Proves that the packed package works where people put it: `node run.mjs [NAME…]`. `npm/` has to be built. Each bundler
// builds the same application, set up as docs/how-to/bundlers.md says, and Chromium runs what came out of it.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync } from "node:fs";
import path from "node:path";
import { Chromium } from "./chromium.mjs";
import { HERE, installTools, npm, pack, prepare } from "./install.mjs";
import { serve } from "./serve.mjs";

/** The strictest that works, as the page on bundlers says. Bundlers that make the page may put scripts into it. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:";
/** How each builds: the arguments of Node, the folder that comes out, and whether it makes the page itself. */
const BUNDLERS = {
  vite: { build: ["vite/bin/vite.js", "build"], out: "dist", page: true },
  vite7: { build: ["vite7/bin/vite.js", "build"], out: "dist", page: true },
  webpack: { build: ["build.mjs"], out: "dist" },
  rollup: { build: ["rollup/dist/bin/rollup", "-c"], out: "dist" },
  esbuild: { build: ["build.mjs"], out: "dist" },
  parcel: { build: ["parcel/lib/bin.js", "build", "index.html", "--no-cache"], out: "dist", page: true },
  next: { build: ["next/dist/bin/next", "build"], out: "out", page: true },
};
/** Servers that build while one develops, and do so in another way. */
const SERVERS = {
  "vite-dev": { app: "vite", start: ["vite/bin/vite.js", "--port", "0"] },
  "vite7-dev": { app: "vite7", start: ["vite7/bin/vite.js", "--port", "0"] },
};

const tarball = pack();
const tools = installTools();
const browser = new Chromium(tools);
const tool = (name) => path.join(tools, "node_modules", name);
const env = (mode) => ({ ...process.env, NODE_ENV: mode, NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1" });
const node = (cwd, args) =>
  execFileSync(process.execPath, args, { cwd, stdio: "pipe", timeout: 240_000, env: env("production") });

function application(name) {
  const app = prepare(name, tools, tarball);
  for (const file of ["app.js", "index.html"]) cpSync(path.join(HERE, file), path.join(app, file));
  return app;
}

async function built(name) {
  const { build: [program, ...args], out, page } = BUNDLERS[name];
  const app = application(name);
  node(app, [program.includes("/") ? tool(program) : program, ...args]);
  if (!page) cpSync(path.join(HERE, "index.html"), path.join(app, out, "index.html"));
  const served = await serve(path.join(app, out), page ? undefined : POLICY);
  try {
    await visit(served.origin);
  } finally {
    await served.close();
  }
}

async function developed(name) {
  const { app, start: [program, ...args] } = SERVERS[name];
  const server = spawn(process.execPath, [tool(program), ...args], {
    cwd: application(app),
    stdio: ["ignore", "pipe", "inherit"],
    env: env("development"),
  });
  try {
    const origin = await new Promise((resolve, reject) => {
      let said = "";
      server.stdout.on("data", (text) => {
        const [found] = /http:\/\/localhost:\d+/.exec((said += text)) ?? [];
        if (found) resolve(found);
      });
      server.on("exit", () => reject(new Error(`the server ended: ${said}`)));
    });
    await visit(origin);
  } finally {
    server.kill();
  }
}

/** The application in two tabs, and once again after a reload. */
async function visit(origin) {
  await browser.use(async (page) => {
    const first = await page(origin);
    const kept = { storage: "opfs", history: ["second", "first"], two: null };
    assert.deepEqual(await first.step("write"), { before: { text: "first" }, now: { text: "second" }, ...kept });
    await first.reload();
    assert.deepEqual(await first.step("read"), kept);
    const second = await page(origin);
    assert.deepEqual(await second.step("read"), kept);
    const both = { ...kept, two: "from the second tab" };
    assert.deepEqual(await second.step("add"), both);
    assert.deepEqual(await first.step("read"), both);
    assert.equal(typeof (await first.step("kept")), "boolean");
    await second.close();
    await first.step("end");
  });
}

/** Installed as one installs a package, into a folder with nothing in it. */
function inNode() {
  const app = prepare("node", tools);
  npm(app, "install", "--offline", "--no-audit", "--no-fund", tarball);
  node(app, ["app.mjs"]);
}

/** Under `strict`, declarations included, and each error that is expected has to be one. */
function types() {
  const app = prepare("types", tools, tarball);
  const tsc = (...args) => node(app, [tool("typescript/bin/tsc"), "--noEmit", "--strict", "--target", "es2022", ...args]);
  const bundler = ["--module", "esnext", "--moduleResolution", "bundler"];
  const nodenext = ["--module", "nodenext", "--moduleResolution", "nodenext"];
  tsc(...bundler, "--types", "", "app.ts", "browser.ts");
  tsc(...nodenext, "--types", "", "app.ts");
  tsc(...nodenext, "--types", "node", "--lib", "es2022", "server.ts");
}

const CHECKS = {
  node: inNode,
  types,
  publint: () => void node(tools, [tool("publint/src/cli.js"), tarball, "--strict"]),
  // The module itself is a file, not something that has types.
  attw: () => void node(tools, [
    tool("@arethetypeswrong/cli/dist/index.js"), tarball, "--profile", "esm-only", "--no-emoji", "--exclude-entrypoints", "./koru.wasm",
  ]),
  ...Object.fromEntries(Object.keys(BUNDLERS).map((name) => [name, () => built(name)])),
  ...Object.fromEntries(Object.keys(SERVERS).map((name) => [name, () => developed(name)])),
};

/** The last lines of what a tool said, none of them a whole bundle. */
const brief = (text = "") => String(text).split("\n").slice(-30).map((line) => line.slice(0, 300)).join("\n");

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CHECKS);
const failed = [];
for (const name of names) {
  const start = Date.now();
  const seconds = () => `${((Date.now() - start) / 1000).toFixed(1)} s`;
  try {
    if (!CHECKS[name]) throw new Error(`there is no check ${name}: ${Object.keys(CHECKS).join(", ")}`);
    await CHECKS[name]();
    console.log(`ok    ${name} (${seconds()})`);
  } catch (error) {
    failed.push(name);
    console.log(`FAILS ${name} (${seconds()}): ${[error.message, error.stdout, error.stderr].map(brief).join("\n")}`);
  }
}
await browser.close();
if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
