// What the tests call in a page: the package as it is served, the scenario, and tasks in a worker.

import type * as Api from "../../src/index.js";
import { codeOf, equal, ok, pause, show } from "../assert.js";
import { valueOf } from "../journal.js";
import { everything } from "../scenario.js";
import { alteredWorker, COLLECTING, COUNTING, EXHAUSTING, TURNING } from "./altered.js";

const url = "/dist/index.js";
const api = (await import(url)) as typeof Api;

/** Runs a task of `worker.ts`. */
function task(name: string, argument?: unknown): Promise<unknown> {
  const worker = new Worker("/build/worker.js", { type: "module" });
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<{ result?: unknown; error?: string }>) => {
      if (data.error === undefined) resolve(data.result);
      else reject(new Error(data.error));
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ task: name, argument }, [port2]);
  }).finally(() => worker.terminate());
}

/** A worker that the page can end as a crash would. */
const workers: Worker[] = [];
const startWorker = () => {
  const worker = new Worker("/dist/worker.js", { type: "module" });
  workers.push(worker);
  return worker;
};

const kit = { ...api, alteredWorker, COLLECTING, COUNTING, EXHAUSTING, TURNING, api, everything, task, workers, startWorker, codeOf, equal, ok, pause, show, valueOf };
export type Kit = typeof kit;
Object.assign(globalThis, { koru: kit });
