// Builds `dist` from `src` and `wasm`: small bundles by esbuild, types by tsc. `wasm` holds what wasm-bindgen made.

import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";

const here = (path) => new URL(path, import.meta.url).pathname;

if (!existsSync(here("wasm/koru_bg.wasm"))) {
  console.error("npm/wasm is missing: `cargo xtask build` makes it");
  process.exit(1);
}
rmSync(here("dist"), { recursive: true, force: true });
mkdirSync(here("dist"), { recursive: true });
copyFileSync(here("wasm/koru_bg.wasm"), here("dist/koru.wasm"));

const common = { bundle: true, format: "esm", target: "es2022", minify: true, legalComments: "none", logLevel: "warning" };
// In Node the bindings stay a file of their own: after a fault they are loaded anew.
const bindings = {
  name: "bindings",
  setup: (build) => build.onResolve({ filter: /\/wasm\/koru\.js$/ }, () => ({ path: "./koru.js", external: true })),
};
await Promise.all([
  build({ ...common, entryPoints: ["index", "worker", "broker", "slim"].map((name) => here(`src/${name}.ts`)), outdir: here("dist") }),
  build({ ...common, entryPoints: [here("src/node.ts")], outdir: here("dist"), platform: "node", plugins: [bindings] }),
  build({ ...common, entryPoints: [here("wasm/koru.js")], outdir: here("dist"), bundle: false }),
]);
execFileSync(process.execPath, [here("node_modules/typescript/bin/tsc"), "-p", here("tsconfig.build.json")], { stdio: "inherit" });
