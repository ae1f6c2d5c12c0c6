// Every check of this package: types, tests in Node, tests in browsers. `node test.mjs [node|browser|faults|interop|kills|pages] [--only=NAME]`.
// `KORU_KILLS` is how often each of the tests in `kills` kills; `KORU_BROWSERS=firefox,webkit` tests in these browsers only.

import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";

const here = (path) => new URL(path, import.meta.url).pathname;
const which = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const only = process.argv.find((arg) => arg.startsWith("--only="))?.slice(7);
const wants = (name) => which.length === 0 || which.includes(name);

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit", cwd: here(".") });
  if (status !== 0) process.exit(status ?? 1);
}

run(here("node_modules/typescript/bin/tsc"));
run(here("build.mjs"));
rmSync(here("build"), { recursive: true, force: true });
// Using what is newer than Node 20 is for the tests' convenience: esbuild makes it older.
const common = { bundle: true, format: "esm", target: "es2022", sourcemap: "inline", logLevel: "warning", outdir: here("build") };
const glue = {
  name: "bindings",
  setup: (b) => b.onResolve({ filter: /\/wasm\/koru\.js$/ }, () => ({ path: "./koru.js", external: true })),
};
const nodeTests = ["node", "connection", "conformance-node", "browser", "tabs", "durability", "trap", "memory", "interop", "exchange", "kills", "pages"].map((name) => here(`test/${name}.test.ts`));
await build({ ...common, entryPoints: nodeTests, platform: "node", packages: "external", plugins: [glue] });
await build({ ...common, entryPoints: [here("test/journal.ts")], platform: "node" });
await build({ ...common, entryPoints: [here("test/exchange.ts")], platform: "node", packages: "external", plugins: [glue] });
await build({ ...common, entryPoints: ["page", "worker"].map((name) => here(`test/browser/${name}.ts`)) });
for (const file of ["koru.wasm", "koru.js"]) copyFileSync(here(`dist/${file}`), here(`build/${file}`));

// The examples, as somebody has them who installed the package.
const installed = { name: "package", setup: (b) => b.onResolve({ filter: /^koru-delta$/ }, () => ({ path: "../dist/node.js", external: true })) };
await build({ ...common, entryPoints: [here("../docs/examples/typescript/rag.mts")], platform: "node", plugins: [installed] });

const tests = [];
// The time of a whole file, which in a campaign of kills grows with their number.
const timeout = 600_000 + 120_000 * Number(process.env.KORU_KILLS ?? 0);
if (wants("node")) tests.push(here("build/node.test.js"), here("build/connection.test.js"), here("build/conformance-node.test.js"));
if (wants("browser")) tests.push(here("build/browser.test.js"), here("build/tabs.test.js"));
if (wants("faults")) tests.push(here("build/durability.test.js"), here("build/trap.test.js"), here("build/memory.test.js"));
if (wants("interop")) tests.push(here("build/interop.test.js"), here("build/exchange.test.js"));
if (wants("pages")) tests.push(here("build/pages.test.js"));
if (wants("kills")) tests.push(here("build/kills.test.js"));
run("--enable-source-maps", "--test", "--test-concurrency=1", `--test-timeout=${timeout}`, "--test-force-exit", ...(only ? [`--test-name-pattern=${only}`] : []), ...tests);
