// koru-delta and its peers in one Chromium: `cargo xtask bench browser [OPTIONS]`.
//
// Stores take turns at each phase and phases are repeated in rounds, so that noise of the machine meets all alike. Each
// phase has a browser of its own, on the profile in which the store was loaded.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { Browser, serve, SETTLE_MS, storedBytes } from "./chromium.js";
import { difference } from "./documents.js";
import { failover } from "./failover.js";
import { facts } from "./machine.js";
import type { Figures, Phase } from "./page/work.js";
import { json, markdown, type Report, type Samples } from "./report.js";
import { ROWS, type Step } from "./rows.js";
import { folders, gzipBytes, isBuilt, NAMES, ROOT, slimBytes, type Name } from "./stores.js";

const HELP = `bench browser [OPTIONS]

  --rounds N        how often each phase is repeated: 3
  --sizes N,N       documents in a store: 10000,100000
  --large           koru alone with 1,000,000 documents as well
  --only ROW,ROW    only these rows: ${ROWS.map(({ id }) => id).join(", ")}
  --peers A,B       only these stores: ${NAMES.filter((name) => name !== "before").join(", ")}
  --before FOLDER   also another build of koru's package, the folder of its index.js, in the same turns
  --markdown FILE   also writes the tables to this file
  --json FILE       also writes every figure to this file
  --trace FOLDER    also writes what the threads of each browser do, for the panel "Performance" of its tools: it slows them down
  --dir FOLDER      where the browsers keep their profiles, on the medium that is to be measured: target/bench-browser
`;

/** Sizes with koru alone, to see whether its figures stay the same. */
const SMALL = 1000;
const LARGE = 1_000_000;

const options = parseOptions();

function parseOptions() {
  const text = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      options: { rounds: text, sizes: text, large: { type: "boolean" }, only: text, peers: text, before: text, markdown: text, json: text, trace: text, dir: text, help: { type: "boolean" } },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const list = <T extends string>(given: string | undefined, known: readonly T[]): T[] => {
      const wanted = given?.split(",");
      const unknown = wanted?.find((name) => !known.includes(name as T));
      if (unknown !== undefined) throw new Error(`there is no ${unknown}; there are ${known.join(", ")}`);
      return known.filter((name) => !wanted || wanted.includes(name));
    };
    const whole = (given: string, least: number, most: number) => {
      const number = Number(given);
      if (!Number.isInteger(number) || number < least || number > most) throw new Error(`${given} is no whole number from ${least} to ${most}`);
      return number;
    };
    if (values.before !== undefined) folders.before = path.resolve(values.before);
    const only = list(values.only, ROWS.map(({ id }) => id));
    const peers = list<Name>(values.peers, NAMES.filter((name) => name !== "before"));
    return {
      ...values,
      rounds: whole(values.rounds ?? "3", 1, 99),
      sizes: (values.sizes ?? "10000,100000").split(",").map((size) => whole(size, 1000, 9_999_999)),
      rows: ROWS.filter(({ id }) => only.includes(id)),
      stores: folders.before ? [...peers, "before" as const] : peers,
      dir: values.dir ?? path.join(ROOT, "../../target/bench-browser"),
    };
  } catch (error) {
    console.error(`error: ${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

const samples = new Map<string, Samples>();
const failures: string[] = [];
const samplesOf = (store: Name, size: number): Samples => {
  const key = `${store} ${size}`;
  if (!samples.has(key)) samples.set(key, new Map());
  return samples.get(key)!;
};

function note(store: Name, size: number, figures: Figures): void {
  const of = samplesOf(store, size);
  for (const [name, figure] of Object.entries(figures)) of.set(name, [...(of.get(name) ?? []), figure]);
}

const origin = await serve();
const profileOf = (store: Name, size: number) => path.join(options.dir, `${store}-${size}`);

/** One phase of one store in a browser of its own. What its figures are called begins with `prefix`; `undefined` drops them. */
async function phase(store: Name, size: number, phase: Phase, round: number, prefix: string | undefined = ""): Promise<void> {
  const profile = profileOf(store, size);
  const browser = await Browser.launch(profile, origin.origin);
  try {
    const page = await browser.page();
    const settle = () => page.waitForTimeout(SETTLE_MS);
    // Of the processes that are there already only the page's own counts, and any that comes on account of the store.
    const others = new Set<number>();
    let memory = 0;
    await settle();
    if (phase === "open") {
      const own = await browser.processOf(page);
      for (const pid of await browser.renderers()) if (pid !== own) others.add(pid);
      memory = browser.memoryBytes([own]);
    }
    await page.evaluate(`work.begin("${store}")`);
    const run = (what: Phase) => page.evaluate(`work.run("${what}", ${size}, ${round}, ${store === "floor"})`) as Promise<Figures>;
    const written = options.trace && (await browser.trace(path.join(options.trace, `${store}-${size}-${phase}.json`)));
    const figures = await run(phase);
    if (written) await written();
    if (phase === "open") {
      await settle();
      figures["memory_bytes"] = browser.memoryBytes((await browser.renderers()).filter((pid) => !others.has(pid))) - memory;
    }
    await run("close");
    await browser.close();
    if (phase === "load") figures["record_bytes"] = storedBytes(profile) / size;
    if (phase === "compact") figures["compacted_record_bytes"] = storedBytes(profile) / size;
    if (prefix !== undefined) note(store, size, Object.fromEntries(Object.entries(figures).map(([name, figure]) => [prefix + name, figure])));
    console.error(`  ${store}: ${Object.entries(figures).map(([name, figure]) => `${name} ${figure.toPrecision(4)}`).join(", ")}`);
  } catch (error) {
    failures.push(`${phase} of ${store} with ${size} documents: ${(error as Error).message.split("\n")[0]}`);
    console.error(`  ${failures.at(-1)}`);
    await browser.close().catch(() => {});
  }
}

/** A store of its own, loaded and compacted, and what reading it takes then. */
async function compaction(store: Name, size: number, round: number): Promise<void> {
  rmSync(profileOf(store, size), { recursive: true, force: true });
  await phase(store, size, "load", round, undefined);
  await phase(store, size, "compact", round);
  await phase(store, size, "get", round, "compacted_");
}

/** Stores that can make their data smaller. PGlite's `vacuum full` does not come to an end on its pool of access handles. */
const COMPACT: Name[] = ["koru", "before", "sqlite"];

const wanted = new Set<Step>(options.rows.map(({ step }) => step));
const isKoru = (store: Name) => store === "koru" || store === "before";

async function round(number: number): Promise<void> {
  const alone = options.stores.filter(isKoru);
  const sizes: [number, Name[]][] = options.sizes.map((size) => [size, options.stores]);
  if (options.rows.some(({ id }) => id === "overwrite")) sizes.unshift([SMALL, alone]);
  if (options.large) sizes.push([LARGE, alone]);
  for (const [size, stores] of sizes) {
    for (const step of ["load", "open", "get", "put", "failover", "compact"] as const) {
      if (step !== "load" && !wanted.has(step)) continue;
      console.error(`${step}, ${size} documents, round ${number}`);
      // In another order each round, so that nobody always follows the same one.
      const turn = stores.map((_, n) => stores[(n + number) % stores.length]!);
      for (const store of turn) {
        if (store === "floor" ? step !== "put" : step === "failover" && !isKoru(store)) continue;
        if (step === "compact") {
          if (size !== SMALL && COMPACT.includes(store)) await compaction(store, size, number);
          continue;
        }
        if (step === "load") rmSync(profileOf(store, size), { recursive: true, force: true });
        if (step !== "failover") await phase(store, size, step, number);
        else if (size !== SMALL) await failover(profileOf(store, size), origin.origin, store).then((f) => note(store, size, f), (error) => failures.push(`failover: ${error}`));
      }
    }
    for (const store of stores) rmSync(profileOf(store, size), { recursive: true, force: true });
  }
}

const wrong = difference();
if (wrong) throw new Error(`the documents are not those of bench/src/documents.rs: ${wrong}`);
if (!isBuilt()) throw new Error(`${folders.koru} has no package: cargo xtask bench browser builds it`);
rmSync(options.dir, { recursive: true, force: true });
mkdirSync(options.dir, { recursive: true });
if (options.trace) mkdirSync(options.trace, { recursive: true });
const where = facts(options.dir);
const sizes = [...new Set([SMALL, ...options.sizes, ...(options.large ? [LARGE] : [])])];
for (const size of options.sizes) {
  if (!wanted.has("size")) break;
  for (const store of options.stores) if (store !== "floor") note(store, size, { gzip_bytes: gzipBytes(store) });
  if (options.stores.includes("koru")) note("koru", size, { slim_bytes: slimBytes() });
}
try {
  for (let n = 1; n <= options.rounds; n++) await round(n);
} finally {
  await origin.close();
  rmSync(options.dir, { recursive: true, force: true });
}
const report: Report = { rows: options.rows, stores: options.stores, sizes, rounds: options.rounds, facts: where, failures, samples: samplesOf };
const page = markdown(report);
console.log(page);
if (options.markdown) writeFileSync(options.markdown, page);
if (options.json) writeFileSync(options.json, JSON.stringify(json(report), null, 2));
process.exit(failures.length === 0 ? 0 : 1);
