// `npm test`: types, the build, the units and then the built app in headless Chromium.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = (folder) => readdirSync(new URL(folder, import.meta.url)).filter((name) => name.endsWith(".test.mjs")).sort().map((name) => `test/${folder}${name}`);

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

run("node_modules/typescript/bin/tsc");
run("node_modules/vite/bin/vite.js", "build", "--logLevel", "warn");
run("--test", ...files("unit/"), ...files("e2e/"));
