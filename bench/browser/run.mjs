// Builds the benchmark with esbuild and runs it: `node run.mjs [ARGS]`, see `src/main.ts`.

import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { copyFileSync, readdirSync, rmSync } from "node:fs";

const here = (path) => new URL(path, import.meta.url).pathname;
const files = (folder) => readdirSync(here(folder)).map((name) => here(`${folder}/${name}`));

// PGlite has code for Node in it, which is never run here.
const noNode = {
  name: "no-node",
  setup(build) {
    build.onResolve({ filter: /^(node:.*|fs|fs\/promises|path|module)$/ }, ({ path }) => ({ path, namespace: "no-node" }));
    build.onLoad({ filter: /.*/, namespace: "no-node" }, () => ({ contents: "module.exports = {}" }));
  },
};

rmSync(here("build"), { recursive: true, force: true });
const browser = { bundle: true, format: "esm", target: "es2022", minify: true, legalComments: "none", logLevel: "error" };
await Promise.all([
  build({ ...browser, entryPoints: [here("src/page/page.ts")], outdir: here("build") }),
  build({ ...browser, entryPoints: files("src/page/stores"), outdir: here("build/stores") }),
  build({ ...browser, entryPoints: files("src/page/workers"), outdir: here("build/workers"), plugins: [noNode] }),
  build({ entryPoints: [here("src/main.ts")], bundle: true, format: "esm", target: "node20", platform: "node", packages: "external", outdir: here("build"), logLevel: "warning" }),
]);
const assets = {
  "@sqlite.org/sqlite-wasm/dist/sqlite3.wasm": "workers",
  "@electric-sql/pglite/dist/pglite.wasm": "workers",
  "@electric-sql/pglite/dist/initdb.wasm": "workers",
  "@electric-sql/pglite/dist/pglite.data": "workers",
  "loro-crdt/web/loro_wasm_bg.wasm": ".",
};
for (const [from, to] of Object.entries(assets)) copyFileSync(here(`node_modules/${from}`), here(`build/${to}/${from.split("/").at(-1)}`));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", here("build/main.js"), ...process.argv.slice(2)], { stdio: "inherit" });
process.exit(status ?? 1);
