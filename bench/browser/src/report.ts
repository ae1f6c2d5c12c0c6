// The tables: medians of the rounds, koru's ratio to each other store, targets and whether they are reached.

import { moreIsBetter, show, type Peers, type Row } from "./rows.js";
import { describe, type Name } from "./stores.js";

/** The figures of one store at one size, a list of the rounds for each name. */
export type Samples = Map<string, number[]>;

export interface Report {
  rows: Row[];
  stores: Name[];
  sizes: number[];
  rounds: number;
  facts: [string, string][];
  failures: string[];
  samples(store: Name, size: number): Samples;
}

export function median(values: readonly number[] | undefined): number | undefined {
  if (!values || values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.floor(sorted.length / 2)]!) / 2;
}

/** How many times as good koru is, as the median of the rounds' ratios. */
function advantage(report: Report, row: Row, size: number, store: Name): number | undefined {
  const [koru, other] = [report.samples("koru", size).get(row.figure), report.samples(store, size).get(row.figure)];
  if (!koru || !other || store === "koru") return undefined;
  const ratios = koru.slice(0, other.length).map((figure, n) => (moreIsBetter(row.unit) ? figure / other[n]! : other[n]! / figure));
  return median(ratios);
}

function best(report: Report, row: Row, size: number, among?: string[]): [Name, number] | undefined {
  const peers = report.stores.filter((store) => store !== "koru" && store !== "floor" && store !== "before");
  const ratios = peers
    .filter((store) => !among || among.includes(store))
    .map((store) => [store, advantage(report, row, size, store)] as [Name, number])
    .filter(([, ratio]) => ratio !== undefined);
  return ratios.sort(([, a], [, b]) => a - b)[0];
}

function cell(report: Report, row: Row, size: number, store: Name): string {
  const samples = report.samples(store, size);
  const figure = median(samples.get(row.figure));
  if (figure === undefined) return "–";
  const tail = row.tail && median(samples.get(row.tail));
  const ratio = advantage(report, row, size, store);
  return show(row.unit, figure) + (tail === undefined || tail === "" ? "" : ` (p99 ${show("ms", tail)})`) + (ratio === undefined ? "" : ` **${ratio.toFixed(2)}**`);
}

function verdict(report: Report, row: Row, size: number): [best: string, targets: string, reached: string] {
  const koru = median(report.samples("koru", size).get(row.figure));
  const peer = best(report, row, size);
  const peers: Peers = {
    advantage: (store) => advantage(report, row, size, store as Name),
    best: (among) => best(report, row, size, among)?.[1],
    tail: row.tail === undefined ? undefined : median(report.samples("koru", size).get(row.tail)),
  };
  const outcomes = row.targets.map((target) => {
    const outcome = koru === undefined ? undefined : target.reached(koru, peers);
    return outcome ? `${outcome.reached ? "yes" : "**no**"} (${outcome.figure})` : "–";
  });
  return [peer ? `${peer[0]} **${peer[1].toFixed(2)}**` : "", row.targets.map((target) => target.text).join("; "), outcomes.join("; ")];
}

export function markdown(report: Report): string {
  const lines: string[] = [];
  for (const size of report.sizes) {
    const stores = report.stores.filter((store) => report.samples(store, size).size > 0);
    const rows = report.rows.filter((row) => stores.some((store) => report.samples(store, size).has(row.figure)));
    if (rows.length === 0) continue;
    lines.push(`## ${size.toLocaleString("en")} records`, "");
    lines.push(`| work | ${stores.join(" | ")} | best peer | target | reached |`, `|---|${"---|".repeat(stores.length + 3)}`);
    for (const row of rows) {
      lines.push(`| ${row.title} | ${[...stores.map((store) => cell(report, row, size, store)), ...verdict(report, row, size)].join(" | ")} |`);
    }
    lines.push("");
  }
  lines.push(...notes(report.rounds), "");
  for (const [name, value] of report.facts) lines.push(`- ${name}: ${value}`);
  lines.push(`- stores: ${report.stores.filter((store) => store !== "floor" && store !== "before").map(describe).join(", ")}`);
  for (const failure of report.failures) lines.push(`- **failed**: ${failure}`);
  return lines.join("\n") + "\n";
}

const notes = (rounds: number) => [
  `Documents of about 230 bytes of JSON, inserted in a shuffled order. Figures are medians of ${rounds} ${rounds === 1 ? "round" : "rounds"} in which the stores`,
  "take turns, each phase in a browser of its own; latencies are of single calls, from the main thread of a page.",
  "**Bold** is how many times as good koru is as that store, whichever way the row counts: above 1 koru is better.",
  "",
  "Every store is handed objects and hands out objects. koru keeps every version; Loro does too, the others keep the last one. SQLite",
  "(`opfs-sahpool`, WAL, exclusive, `synchronous=FULL`) and PGlite (`opfs-ahp`) run in a worker that is called by messages, one for",
  "each call, and hold JSON text; Dexie and RxDB (its Dexie storage) run in the page, on IndexedDB with `durability: \"strict\"`. Loro holds",
  "all documents in the memory of the page, so that a get is no call at all; each of its updates is appended to a file of OPFS and",
  "flushed, and a snapshot replaces them when it is closed. The floor is such a file alone: it makes as many bytes durable as a put of",
  "koru does, and neither stores nor finds anything. Memory is what the page's process holds (PSS), and any that came on account of the store, less what it held before the",
  "store was loaded; disk is what the file system has allocated, compacted by `compact` of koru and `vacuum` of SQLite; a download is all files that a page loads, each compressed by itself.",
  "A leader's end is the longest time without an acknowledged write, seen from another tab that puts one document after the other.",
];

export function json(report: Report): unknown {
  const samples = report.sizes.flatMap((size) =>
    report.stores.map((store) => ({ store, size, figures: Object.fromEntries(report.samples(store, size)) })),
  );
  return { facts: Object.fromEntries(report.facts), rounds: report.rounds, failures: report.failures, samples };
}
