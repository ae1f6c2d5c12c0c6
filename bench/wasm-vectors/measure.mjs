// What is measured of a store, in Node and in a page: it is built and searched, and each row is said.

import { K, recall } from "./set.mjs";

/** The parts of a store, and at what recall each is measured. */
export const PARTS = { graph: [0.95, 0.99], codes: [0.999] };
/** When a pass over the queries ends, in seconds, when it is measured and while the ef is looked for. */
const SECONDS_MAX = 2;
const SECONDS_SOUGHT = 1;
/** How long is measured, in passes. */
const SECONDS_MIN = 1;
const EF_MAX = 2048;
/** Queries under way at a time in a page, where each would wait for a worker to wake up, and the worker for the page. */
const UNDER_WAY = 16;

const seconds = () => performance.now() / 1000;

/** Measures a part of a store with a set. Rows are named after `where` it runs, and `path` is where it may keep something. */
export async function measure({ store: name, part, where, path }, { base, queries, truth }, say) {
  const store = await import(`./stores/${name}.mjs`);
  const start = seconds();
  const index = await store[part](base, path);
  await say({ row: part === "graph" ? `${where}-build` : `${where}-build-${part}`, value: seconds() - start, unit: "s" });
  const underWay = where === "chromium" ? UNDER_WAY : 1;
  const ask = async (ef, most, together = underWay) => {
    const found = [];
    const start = seconds();
    while (found.length < queries.length && seconds() - start <= most) {
      const some = queries.slice(found.length, found.length + together);
      found.push(...(await Promise.all(some.map((query) => index.search(query, ef)))));
    }
    return { found, seconds: seconds() - start, recall: recall(found, truth) };
  };
  await ask(64, SECONDS_SOUGHT);
  for (const wanted of PARTS[part]) {
    const ef = index.fixed ? undefined : await leastEf(ask, wanted);
    const row = async (name, together) => {
      const figures = await rate((ef, most) => ask(ef, most, together), ef);
      await say({ row: name, value: figures.rate, unit: "/s", recall: figures.recall, at: ef });
    };
    await row(`${where}-${part}-${wanted}`, underWay);
    if (underWay > 1) await row(`${where}-${part}-${wanted}-single`, 1);
  }
  await index.close?.();
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
