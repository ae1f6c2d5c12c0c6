// The rows of the table: which figure of which phase, how it is shown, what it is to reach.

export type Step = "load" | "open" | "get" | "put" | "compact" | "size" | "failover";
export type Unit = "ms" | "µs" | "/s" | "MB" | "KiB" | "B";

/** How the target of a row is told, and whether koru's figures reach it; `undefined` where it cannot be said. */
export interface Target {
  text: string;
  reached(koru: number, peers: Peers): Outcome | undefined;
}
export interface Outcome {
  reached: boolean;
  figure: string;
}
export interface Peers {
  /** How many times as good koru is as a store. */
  advantage(store: string): number | undefined;
  /** The same of the best of all peers, or of those named. */
  best(stores?: string[]): number | undefined;
  tail: number | undefined;
}

export interface Row {
  id: string;
  title: string;
  step: Step;
  figure: string;
  /** Shown beside it. */
  tail?: string;
  unit: Unit;
  targets: Target[];
}

export const moreIsBetter = (unit: Unit) => unit === "/s";

const times = (figure: number | undefined, least: number): Outcome | undefined =>
  figure === undefined ? undefined : { reached: figure >= least, figure: figure.toFixed(2) };
const timesFloor = (least: number): Target => ({ text: `at least ${least} × the floor`, reached: (_, peers) => times(peers.advantage("floor"), least) });
const timesBest = (least: number): Target => ({ text: `at least ${least} × the best peer`, reached: (_, peers) => times(peers.best(), least) });
const noPeerBetter = (text = "no peer better", stores?: string[]): Target => ({ text, reached: (_, peers) => times(peers.best(stores), 1) });
const atMost = (unit: Unit, most: number): Target => ({ text: `at most ${show(unit, most)}`, reached: (koru) => ({ reached: koru <= most, figure: show(unit, koru) }) });
const atLeast = (unit: Unit, least: number): Target => ({ text: `at least ${show(unit, least)}`, reached: (koru) => ({ reached: koru >= least, figure: show(unit, koru) }) });
const tailAtMost = (most: number): Target => ({
  text: `p99 at most ${show("ms", most)}`,
  reached: (_, { tail }) => (tail === undefined ? undefined : { reached: tail <= most, figure: show("ms", tail) }),
});

/** Peers whose data is in a worker, as koru's is, and those that keep history. */
const BEHIND_A_WORKER = ["sqlite", "pglite"];
const WITH_HISTORY = ["loro"];

export const ROWS: Row[] = [
  { id: "put", title: "put, durable, one by one", step: "put", figure: "put_ms", tail: "put_p99_ms", unit: "ms", targets: [timesFloor(0.9), noPeerBetter()] },
  {
    id: "in-flight", title: "put, durable, 64 in flight", step: "put", figure: "in_flight_per_s", tail: "in_flight_p99_ms", unit: "/s",
    targets: [timesBest(8), atLeast("/s", 20_000), tailAtMost(15)],
  },
  { id: "put-many", title: "put many, 1,000 a call, durable", step: "load", figure: "load_per_s", unit: "/s", targets: [timesBest(1.5), atLeast("/s", 100_000)] },
  { id: "get", title: "get, at random", step: "get", figure: "get_ms", tail: "get_p99_ms", unit: "ms", targets: [noPeerBetter("no peer behind a worker better", BEHIND_A_WORKER)] },
  {
    id: "get-again", title: "get, the same 5,000 once more", step: "get", figure: "get_again_ms", tail: "get_again_p99_ms", unit: "ms",
    targets: [noPeerBetter("no peer behind a worker better", BEHIND_A_WORKER)],
  },
  { id: "get-many", title: "get many, 1,000 a call, a record", step: "get", figure: "get_many_ms", unit: "µs", targets: [atMost("µs", 0.004)] },
  { id: "overwrite", title: "overwrite, durable, one by one", step: "put", figure: "overwrite_ms", tail: "overwrite_p99_ms", unit: "ms", targets: [noPeerBetter()] },
  { id: "open", title: "open and first get, module loaded", step: "open", figure: "open_ms", unit: "ms", targets: [atMost("ms", 50), noPeerBetter("no peer with history better", WITH_HISTORY)] },
  { id: "memory", title: "memory of the page after opening", step: "open", figure: "memory_bytes", unit: "MB", targets: [atMost("MB", 40e6), noPeerBetter("not more than SQLite", ["sqlite"])] },
  { id: "disk", title: "disk, a record", step: "load", figure: "record_bytes", unit: "B", targets: [] },
  { id: "compacted", title: "disk, a record, compacted", step: "compact", figure: "compacted_record_bytes", unit: "B", targets: [atMost("B", 130)] },
  { id: "compact", title: "compacting, a record", step: "compact", figure: "compact_ms", unit: "µs", targets: [] },
  { id: "compacted-get", title: "get, at random, compacted", step: "compact", figure: "compacted_get_ms", tail: "compacted_get_p99_ms", unit: "ms", targets: [] },
  { id: "compacted-get-many", title: "get many, compacted, a record", step: "compact", figure: "compacted_get_many_ms", unit: "µs", targets: [] },
  { id: "size", title: "download, gzip", step: "size", figure: "gzip_bytes", unit: "KiB", targets: [atMost("KiB", 200 * 1024)] },
  { id: "slim", title: "download of `./slim`, gzip", step: "size", figure: "slim_bytes", unit: "KiB", targets: [atMost("KiB", 150 * 1024)] },
  { id: "closed", title: "leader tab closed, to the next write", step: "failover", figure: "closed_ms", unit: "ms", targets: [atMost("ms", 250)] },
  { id: "killed", title: "leader tab killed, to the next write", step: "failover", figure: "killed_ms", unit: "ms", targets: [atMost("ms", 250)] },
];

/** The figure as people read it. */
export function show(unit: Unit, figure: number): string {
  switch (unit) {
    case "ms": return figure < 1 ? `${short(figure * 1000)} µs` : figure < 1000 ? `${short(figure)} ms` : `${short(figure / 1000)} s`;
    case "µs": return `${short(figure * 1000)} µs`;
    case "/s": return `${Math.round(figure).toLocaleString("en")}/s`;
    case "MB": return `${short(figure / 1e6)} MB`;
    case "KiB": return `${short(figure / 1024)} KiB`;
    case "B": return `${Math.round(figure)} B`;
  }
}

function short(figure: number): string {
  return figure.toFixed(figure < 10 ? 2 : figure < 100 ? 1 : 0);
}
