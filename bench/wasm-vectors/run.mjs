// One part of one store, in a process of its own: it is built and searched, and rows are printed, each a line of JSON, the
// same that `bench/vectors/measure.py` prints for the peers in Python.
//
//     node run.mjs --list                                              the stores, their versions and their parts
//     node run.mjs --store NAME --part PART --set FOLDER --path DIR    PART is graph or codes; DIR is for files
//     node run.mjs --chromium ...                                      in a page of Chromium, and not in Node
//
// A store is a file in `stores/` with a function for each part that it has: from rows to `{ search(query, ef) }`, which
// has the numbers of the nearest rows, and is `fixed` if there is no ef to choose. One that runs in pages as well says so.

import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { measureInChromium } from "./chromium.mjs";
import { measure, PARTS } from "./measure.mjs";
import { readSet } from "./set.mjs";

const here = (path) => new URL(path, import.meta.url);
const say = (row) => console.log(JSON.stringify(row));

// Peers write to the console, and it is for rows.
const errors = console.error;
console.info = console.warn = console.debug = errors;

async function list() {
  const installed = (name) => JSON.parse(readFileSync(here(name))).version;
  const names = readdirSync(here("stores")).map((file) => file.replace(".mjs", ""));
  const one = async (name) => {
    const store = await import(`./stores/${name}.mjs`);
    const versions = store.packages.map(([folder, called]) => `${called} ${installed(`${folder}/package.json`)}`);
    return [name, { version: versions.join(", "), parts: Object.keys(PARTS).filter((part) => store[part]), page: store.inPages === true }];
  };
  say(Object.fromEntries(await Promise.all(names.map(one))));
}

async function one({ store, part, set, path, chromium }) {
  const sayOf = (row) => say({ store, set: basename(set), ...row });
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  if (chromium) await measureInChromium({ store, part, where: "chromium", path: "bench" }, set, path, sayOf);
  else await measure({ store, part, where: "wasm", path }, await readSet((name) => readFileSync(join(set, name))), sayOf);
  rmSync(path, { recursive: true, force: true });
}

const text = { type: "string" };
const { values } = parseArgs({
  options: { list: { type: "boolean" }, chromium: { type: "boolean" }, store: text, part: text, set: text, path: text },
});
try {
  await (values.list ? list() : one(values));
} catch (error) {
  // In one line, which is what a run tells of it.
  console.error(String(error?.message ?? error).replaceAll("\n", " "));
  process.exit(1);
}
// Some peers leave timers behind.
process.exit(0);
