// What is done with one store in one page, and which figures come of it: milliseconds and rates, as names and numbers.

import { choices, document, keyOf, shuffled, type Document } from "../documents.js";
import type { Store } from "./store.js";

export type Figures = Record<string, number>;
export type Phase = "load" | "open" | "get" | "put" | "compact" | "join" | "close";

/** Documents in one call of `putMany` and `getMany`. */
const MANY = 1000;
/** Calls before the first that counts: code is compiled better and better while it runs. */
const WARM_UP = 500;
/** What one kind of call may take in all, in milliseconds: slow stores make fewer calls. */
const TIME_MS = 8000;
const IN_FLIGHT = 64;

const percentile = (sorted: number[], percent: number) => sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0;

function latency(name: string, samples: number[]): Figures {
  samples.sort((a, b) => a - b);
  return { [`${name}_ms`]: percentile(samples, 50), [`${name}_p10_ms`]: percentile(samples, 10), [`${name}_p99_ms`]: percentile(samples, 99) };
}

/** Awaits call after call, at most `count` and `TIME_MS`. */
async function oneByOne(count: number, call: (n: number) => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  const until = performance.now() + TIME_MS;
  for (let n = 0; n < count + WARM_UP; n++) {
    const before = performance.now();
    await call(n);
    const now = performance.now();
    if (n >= WARM_UP) samples.push(now - before);
    if (now > until) break;
  }
  return samples;
}

async function load(store: Store, count: number): Promise<Figures> {
  let taken = 0;
  for (let start = 0; start < count; start += MANY) {
    const documents: Document[] = [];
    for (let n = start; n < Math.min(count, start + MANY); n++) documents.push(document(shuffled(n, count), 0));
    const before = performance.now();
    await store.putMany(documents);
    taken += performance.now() - before;
  }
  return { load_per_s: (count / taken) * 1000 };
}

async function get(store: Store, count: number, seed: number): Promise<Figures> {
  const next = choices(seed, count);
  for (let n = 0; n < 20; n++) {
    const number = next();
    const expected = JSON.stringify(sorted(document(number, 0)[1]));
    for (const found of [await store.get(keyOf(number)), (await store.getMany([keyOf(number)]))[0]]) {
      const is = JSON.stringify(sorted(found));
      if (!is.includes(expected.slice(1, -1).split(',"email"')[0]!)) throw new Error(`${is} was read, and not ${expected}`);
    }
  }
  const keys = Array.from({ length: 5000 + WARM_UP }, () => keyOf(next()));
  const first = await oneByOne(5000, (n) => store.get(keys[n]!));
  const again = await oneByOne(5000, (n) => store.get(keys[n]!));
  const sets = Array.from({ length: 30 }, () => Array.from({ length: MANY }, () => keyOf(next())));
  const many: number[] = [];
  for (const [n, set] of sets.entries()) {
    const before = performance.now();
    await store.getMany(set);
    if (n >= 5) many.push((performance.now() - before) / MANY);
  }
  return { ...latency("get", first), ...latency("get_again", again), ...latency("get_many", many) };
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([key]) => !key.startsWith("_") && key !== "key" && key !== "revision");
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, v]) => [key, sorted(v)]));
}

async function put(store: Store, count: number, seed: number, found: boolean): Promise<Figures> {
  const fresh = Array.from({ length: 1000 + WARM_UP }, (_, n) => document(count + n, 0));
  const figures = latency("put", await oneByOne(1000, (n) => store.put(fresh[n]!)));
  if (found) {
    const next = choices(seed, count);
    const changed = Array.from({ length: 1000 + WARM_UP }, (_, n) => document(next(), 1 + seed + n));
    Object.assign(figures, latency("overwrite", await oneByOne(1000, (n) => store.put(changed[n]!))));
  }
  return { ...figures, ...(await inFlight(store, count + fresh.length)) };
}

/** `IN_FLIGHT` callers, each of which awaits one put after the other. */
async function inFlight(store: Store, from: number): Promise<Figures> {
  // Made beforehand and used again with other keys: making them takes longer than some stores take.
  const documents = Array.from({ length: 20_000 }, (_, n) => document(from + n, 0));
  let next = 0;
  let until = 0;
  const samples: number[] = [];
  const caller = async () => {
    for (;;) {
      const person = documents[next % documents.length]![1];
      const key = keyOf(from + next++);
      const before = performance.now();
      if (before > until) return;
      await store.put([key, person]);
      samples.push(performance.now() - before);
    }
  };
  // The first second only warms up.
  for (const ms of [1000, 3000]) {
    samples.length = 0;
    until = performance.now() + ms;
    const before = performance.now();
    await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
    const taken = performance.now() - before;
    if (ms > 1000) return { in_flight_per_s: (samples.length / taken) * 1000, in_flight_p99_ms: latency("x", samples)["x_p99_ms"]! };
  }
  return {};
}

/** The store that was opened and not closed yet. */
let opened: Store | undefined;

/** Loads a store's code, so that no later figure contains that. */
export async function begin(name: string): Promise<void> {
  opened = ((await import(`/build/stores/${name}.js`)) as { default: Store }).default;
  await opened.load();
}

export async function run(phase: Phase, count: number, seed: number, floor: boolean): Promise<Figures> {
  const store = opened!;
  if (phase === "close") {
    await store.close();
    return {};
  }
  const before = performance.now();
  await store.open();
  if (phase === "open") {
    if ((await store.get(keyOf(shuffled(seed, count)))) === undefined) throw new Error("a document is not there");
    return { open_ms: performance.now() - before };
  }
  if (phase === "join") return {};
  if (phase === "compact") {
    const begun = performance.now();
    await store.compact!();
    return { compact_ms: (performance.now() - begun) / count };
  }
  if (phase === "load") return load(store, count);
  return phase === "get" ? get(store, count, seed) : put(store, count, seed, !floor);
}

export const describe = async () => opened!.describe?.();

/** Puts one after the other until `stop`, and tells the longest time without an answer, in milliseconds. */
export function keepPutting(): void {
  const state = globalThis as unknown as { acknowledged: number; gapMs: number; stop: boolean };
  Object.assign(state, { acknowledged: 0, gapMs: 0, stop: false });
  void (async () => {
    for (let n = 0, last = performance.now(); !state.stop; n++) {
      await opened!.put(document(n % 100, n));
      const now = performance.now();
      state.gapMs = Math.max(state.gapMs, now - last);
      last = now;
      state.acknowledged++;
    }
  })();
}
