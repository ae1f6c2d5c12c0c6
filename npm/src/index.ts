// Browsers: the engine runs in a worker that is started here, and this thread gets an asynchronous facade.

import { begin, checkOptions } from "./begin.js";
import type { Database } from "./database.js";
import type { EngineOptions } from "./engine/glue.js";
import { KoruError } from "./error.js";
import { checkName, parseLocation } from "./location.js";
import { engineOptions, type OpenOptions } from "./options.js";
import { archiveChunks } from "./archive.js";
import { SingleWorker } from "./tabs/single.js";
import { Tabs } from "./tabs/tabs.js";
import { WorkerHost } from "./tabs/worker-host.js";
import type { Connector } from "./transport/transport.js";
import { channelOf, leadLock, type FromWorker, type Place, type ToWorker } from "./worker/messages.js";
import { sendPieces } from "./worker/pieces.js";

export * from "./api.js";

/** Memory for the cache when none is said: a tab shares its machine with many others. */
const CACHE_BYTES = 48 << 20;

/** How long a tab that is just ending is waited for, in milliseconds: its lock is free a moment after it is gone. */
const ENDING_MS = 1000;

/** How a database is opened in a browser. */
export interface BrowserOptions extends OpenOptions {
  /** Starts the worker, where a bundler does not find it by itself: `() => new Worker(url, { type: "module" })`. */
  worker?: () => Worker;
  /**
   * Starts the shared worker through which tabs find each other, for the same reason; `null` for none: then they use
   * broadcast channels.
   */
  broker?: (() => SharedWorker) | null;
}

// Bundlers look for exactly these expressions. Some copy the worker without looking into it, so the module is named here too.
const startWorker = () => {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "koru-delta" });
  // Some bundlers put a path in its place, which counts from the page.
  const { href } = new URL(new URL("./koru.wasm", import.meta.url).href, location.href);
  worker.postMessage({ type: "module", url: href } satisfies ToWorker);
  return worker;
};
const startBroker = () => new SharedWorker(new URL("./broker.js", import.meta.url), { type: "module", name: "koru-delta" });

/**
 * Opens a database, or makes one: `opfs:name`, `idb:name`, `memory:`, or `https:` for one that is published read-only. A name
 * without a scheme takes the best storage that works here: OPFS, then IndexedDB, then memory, and `Database.info` says
 * which. Tabs that open the same database share it.
 *
 * Errors: `NOT_FOUND`, `LOCKED` if something else than this package's tabs has it, `CORRUPT`, `STORAGE_FULL`.
 */
export async function open(url: string | URL, options: BrowserOptions = {}): Promise<Database> {
  checkOptions(options);
  const { place, passedOver } = await placeOf(url, options);
  if (options.import) await importInto(place, options.import, options);
  return begin(await connectorOf(place, engineOptions(options, CACHE_BYTES), options, passedOver), options);
}

/** Removes a database of this browser with everything in it. `LOCKED` while somebody has it open. */
export async function remove(url: string | URL, options: Pick<BrowserOptions, "worker"> = {}): Promise<void> {
  const { place } = await placeOf(url, options);
  if (place.kind !== "opfs" && place.kind !== "idb") {
    throw new KoruError("INVALID_ARGUMENT", `${String(url)} is no database of this browser`);
  }
  await alone(place, () => withWorker(options, (worker) => worker.ask({ type: "remove", place })));
}

/** Asks the browser to keep the origin's storage when it needs room. Some ask the user. Whether it will. */
export async function persist(): Promise<boolean> {
  return (await navigator.storage?.persist?.()) ?? false;
}

async function connectorOf(
  place: Place,
  engine: EngineOptions,
  options: BrowserOptions,
  passedOver: string[] | undefined,
): Promise<Connector> {
  const start = options.worker ?? startWorker;
  const shared = place.kind === "opfs" || place.kind === "idb";
  if (!shared || !navigator.locks || typeof BroadcastChannel === "undefined") {
    return new SingleWorker(start, place, engine, passedOver);
  }
  const broker = options.broker === null ? undefined : (options.broker ?? startBroker);
  return Tabs.begin({ start, broker, place, options: engine, passedOver });
}

async function placeOf(url: string | URL, options: BrowserOptions): Promise<{ place: Place; passedOver?: string[] }> {
  const location = parseLocation(url);
  if (location.kind === "file") throw new KoruError("INVALID_ARGUMENT", `${location.path}: a browser has no files; give a name`);
  if (location.kind !== "bare") return { place: location };
  const name = checkName(location.name);
  const probed = (await withWorker(options, (worker) => worker.ask({ type: "probe" }))) as Extract<FromWorker, { type: "probed" }>;
  if (probed.opfs === null) return { place: { kind: "opfs", name } };
  const noOpfs = `opfs: ${probed.opfs}`;
  if (probed.idb === null) return { place: { kind: "idb", name }, passedOver: [noOpfs] };
  return { place: { kind: "memory" }, passedOver: [noOpfs, `idb: ${probed.idb}`] };
}

async function importInto(place: Place, archive: NonNullable<OpenOptions["import"]>, options: BrowserOptions): Promise<void> {
  if (place.kind !== "opfs" && place.kind !== "idb") {
    throw new KoruError("INVALID_ARGUMENT", "an archive can be imported into opfs: and idb: only");
  }
  await alone(place, () =>
    withWorker(options, async (worker) => {
      const { port1, port2 } = new MessageChannel();
      sendPieces(port2, archiveChunks(archive));
      await worker.ask({ type: "import", place, port: port1 }, [port1]);
    }),
  );
}

/** Does something while no tab has the database. */
async function alone<T>(place: Place & { name: string }, what: () => Promise<T>): Promise<T> {
  if (!navigator.locks) return what();
  const waited = AbortSignal.timeout(ENDING_MS);
  let held = false;
  const hold = () => {
    held = true;
    return what();
  };
  try {
    return (await navigator.locks.request(leadLock(channelOf(place.kind, place.name)), { signal: waited }, hold)) as T;
  } catch (error) {
    if (held) throw error;
    throw new KoruError("LOCKED", `${place.kind}:${place.name} is open: close it in every tab first`);
  }
}

async function withWorker<T>(options: BrowserOptions, what: (worker: WorkerHost) => Promise<T>): Promise<T> {
  const worker = new WorkerHost(options.worker ?? startWorker);
  try {
    return await what(worker);
  } finally {
    worker.terminate();
  }
}
