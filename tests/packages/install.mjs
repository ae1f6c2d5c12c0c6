// Where an application is built: a folder below `target`. The tools are installed once for a lock file; the packed package
// is unpacked into each application anew. It has no dependencies and no scripts, so that is all an install would do.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = fileURLToPath(new URL(".", import.meta.url));
const TARGET = path.resolve(HERE, "../../target/packages");

/** Runs npm. A Windows shell is needed for `npm.cmd`. */
export function npm(cwd, ...args) {
  return execFileSync("npm", args, { cwd, shell: process.platform === "win32", encoding: "utf8", stdio: "pipe" });
}

/** Packs `npm/`, which has to be built. The path of the tarball. */
export function pack() {
  mkdirSync(TARGET, { recursive: true });
  return path.join(TARGET, npm(path.resolve(HERE, "../../npm"), "pack", "--silent", "--pack-destination", TARGET).trim());
}

/** Installs what the lock file says. No script of a package runs: what they build is there as optional packages. */
export function installTools() {
  const files = ["package.json", "package-lock.json", ".npmrc"].map((name) => path.join(HERE, name));
  const hash = createHash("sha256").update(`${process.version} ${process.platform}`);
  for (const file of files) hash.update(readFileSync(file));
  const id = `tools-${hash.digest("hex").slice(0, 16)}`;
  const tools = path.join(TARGET, id);
  if (existsSync(tools)) return tools;
  // Those of an earlier lock file take hundreds of megabytes and are never used again.
  for (const name of readdirSync(TARGET)) {
    if (name.startsWith("tools-")) rmSync(path.join(TARGET, name), { recursive: true, force: true });
  }
  console.log("npm ci for the bundlers: about half a minute the first time");
  const half = path.join(TARGET, "tools-half");
  mkdirSync(half, { recursive: true });
  for (const file of files) cpSync(file, path.join(half, path.basename(file)));
  npm(half, "ci", "--no-audit", "--no-fund", "--ignore-scripts");
  renameSync(half, tools);
  return tools;
}

/** A fresh folder with the application's own files, and the package if it is given. It finds the tools above it. */
export function prepare(name, tools, tarball) {
  const app = path.join(tools, "apps", name);
  rmSync(app, { recursive: true, force: true });
  mkdirSync(app, { recursive: true });
  writeFileSync(path.join(app, "package.json"), JSON.stringify({ name: `${name}-app`, private: true, type: "module" }));
  const own = path.join(HERE, name);
  if (existsSync(own)) cpSync(own, app, { recursive: true });
  if (!tarball) return app;
  const unpacked = path.join(app, "node_modules/koru-delta");
  mkdirSync(unpacked, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", unpacked, "--strip-components=1"]);
  return app;
}
