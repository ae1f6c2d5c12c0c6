// One part of one store, in a process of its own: it is built and searched, and rows are printed, each a line of JSON, the
// same that `bench/vectors/measure.py` prints for the peers in Python.
//
//     node run.mjs --list                                              the stores, their versions and their parts
//     node run.mjs --store NAME --part PART --set FOLDER --path DIR    PART is graph or codes; DIR is for files
//
// A store is a file in `stores/` with a function for each part that it has: from rows to `{ search(query, ef) }`, which
// has the numbers of the nearest rows, and is `fixed` if there is no ef to choose.

import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { K, readSet, recall } from "./set.mjs";

const PARTS = { graph: [0.95, 0.99], codes: [0.999] };
/** When a pass over the queries ends, in seconds, when it is measured and while the ef is looked for. */
const SECONDS_MAX = 2;
const SECONDS_SOUGHT = 1;
/** How long is measured, in passes. */
const SECONDS_MIN = 1;
const EF_MAX = 2048;

const here = (path) => new URL(path, import.meta.url);
const seconds = () => performance.now() / 1000;
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
    return [name, { version: versions.join(", "), parts: Object.keys(PARTS).filter((part) => store[part]) }];
  };
  say(Object.fromEntries(await Promise.all(names.map(one))));
}

async function measure({ store: name, part, set, path }) {
  const store = await import(`./stores/${name}.mjs`);
  const { base, queries, truth } = readSet(set);
  const of = { store: name, set: basename(set) };
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  const start = seconds();
  const index = await store[part](base, path);
  say({ ...of, row: part === "graph" ? "wasm-build" : `wasm-build-${part}`, value: seconds() - start, unit: "s" });
  const ask = async (ef, most) => {
    const found = [];
    const start = seconds();
    for (const query of queries) {
      found.push(await index.search(query, ef));
      if (seconds() - start > most) break;
    }
    return { found, seconds: seconds() - start, recall: recall(found, truth) };
  };
  await ask(64, SECONDS_SOUGHT);
  for (const wanted of PARTS[part]) {
    const ef = index.fixed ? undefined : await leastEf(ask, wanted);
    const figures = await rate(ask, ef);
    say({ ...of, row: `wasm-${part}-${wanted}`, value: figures.rate, unit: "/s", recall: figures.recall, at: ef });
  }
  await index.close?.();
  rmSync(path, { recursive: true, force: true });
}

/** The least ef that gives the recall that is wanted. If none does, the largest. */
async function leastEf(ask, wanted) {
  const reaches = async (ef, most) => (await ask(ef, most)).recall >= wanted;
  let [below, ef] = [K - 1, K];
  while (ef < EF_MAX && !(await reaches(ef, SECONDS_SOUGHT))) [below, ef] = [ef, Math.min(ef * 2, EF_MAX)];
  while (ef - below > Math.max(1, ef / 20)) {
    const middle = (below + ef) >> 1;
    if (await reaches(middle, SECONDS_SOUGHT)) ef = middle;
    else below = middle;
  }
  // If a pass was too short for all queries: all of them decide.
  while (ef < EF_MAX && !(await reaches(ef, SECONDS_MAX))) ef = Math.min(ef + Math.max(1, Math.floor(ef / 20)), EF_MAX);
  return ef;
}

/** Queries per second, the median of the passes, and the recall. */
async function rate(ask, ef) {
  const rates = [];
  for (let spent = 0; ; ) {
    const pass = await ask(ef, SECONDS_MAX);
    rates.push(pass.found.length / pass.seconds);
    spent += pass.seconds;
    if (spent >= SECONDS_MIN && (rates.length >= 3 || spent >= SECONDS_MAX / 2)) {
      rates.sort((a, b) => a - b);
      return { rate: rates[rates.length >> 1], recall: pass.recall };
    }
  }
}

const { values } = parseArgs({
  options: { list: { type: "boolean" }, store: { type: "string" }, part: { type: "string" }, set: { type: "string" }, path: { type: "string" } },
});
try {
  await (values.list ? list() : measure(values));
} catch (error) {
  // In one line, which is what a run tells of it.
  console.error(String(error?.message ?? error).replaceAll("\n", " "));
  process.exit(1);
}
// Some peers leave timers behind.
process.exit(0);
