// The worker: it holds the storage and the engine, and serves clients of this page and of other tabs. It never looks into a
// batch and never makes an object of a document.
//
// Invariant: the lock with this worker's id is held from before it can be found until it ends, however it ends. So whoever
// waits for that lock learns of its end.

import type { EngineOptions, Glue, Host } from "../engine/glue.js";
import { Holder, isTrap } from "../engine/holder.js";
import { Awake } from "../engine/turns.js";
import { KoruError, toKoruError } from "../error.js";
import { importArchive } from "../import.js";
import {
  clientLock, isOnLine, lineOf, workerLock,
  type FromWorker, type Lead, type Line, type OnBroker, type OnChannel, type OnLine, type Place, type ToWorker,
} from "./messages.js";
import { piecesFrom } from "./pieces.js";
import { openStorage, probeIndexedDb, probeOpfs, removeStorage } from "./storages.js";

/** How long clients may take to hear of a fault, in milliseconds. A dead one must not hold up the others for longer. */
const FAREWELL_MS = 100;

/** What a worker is made of: the page's side of it, and what differs between builds and tests. */
export interface Scope {
  glue: Glue;
  /** From where the page said, or from beside the worker. */
  compile(url?: string): Promise<WebAssembly.Module>;
  host?: Host;
  tell(message: FromWorker | Uint8Array | OnLine, transfer?: Transferable[]): void;
  end(): void;
}

export class Server {
  #holder: Holder | undefined;
  #lead: Lead | undefined;
  #channel: BroadcastChannel | undefined;
  readonly #awake = new Awake();
  readonly #lines = new Set<Line>();
  /** The line of the page that started this worker. */
  #own: Line | undefined;
  #ending = false;
  #moduleUrl: string | undefined;
  /** Called when the last line has ended. */
  #onLastLine = () => {};

  constructor(readonly scope: Scope) {}

  /** Deals with a message of the page. */
  on(message: ToWorker | Uint8Array | OnLine): void {
    if (isOnLine(message)) this.#own?.onmessage?.({ data: message } as MessageEvent<Uint8Array | OnLine>);
    else void this.#do(message);
  }

  async #do(message: ToWorker): Promise<void> {
    try {
      switch (message.type) {
        case "module":
          this.#moduleUrl = message.url;
          return;
        case "probe":
          return this.scope.tell({ type: "probed", opfs: await probeOpfs(), idb: await probeIndexedDb() });
        case "open":
          return await this.#open(message.place, message.options, message.module, message.lead);
        case "join":
          this.#own = {
            postMessage: (answer, transfer) => this.scope.tell(answer, transfer),
            onmessage: null,
            close: () => {},
          };
          return this.#serve(this.#own, message.client);
        case "broker":
          message.port.onmessage = ({ data }: MessageEvent<OnBroker>) => {
            if (data.type === "join") this.#serve(data.port, data.client);
          };
          return;
        case "import":
          await importArchive(await openStorage(message.place, {}), piecesFrom(message.port));
          return this.scope.tell({ type: "done" });
        case "remove":
          await removeStorage(message.place);
          return this.scope.tell({ type: "done" });
        case "close":
          return await this.#close();
      }
    } catch (error) {
      const { code, message } = toKoruError(error);
      this.scope.tell({ type: "failed", code, message });
    }
  }

  async #open(place: Place, options: EngineOptions, known: WebAssembly.Module | undefined, lead: Lead | undefined): Promise<void> {
    if (lead) {
      await hold(workerLock(lead.id));
      this.scope.tell({ type: "alive" });
    }
    // The storage opens while the module is compiled.
    const storage = openStorage(place, options);
    storage.catch(() => {});
    const module = known ?? (await this.scope.compile(this.#moduleUrl));
    this.scope.glue.initSync({ module });
    const held: EngineOptions = place.kind === "http" ? { ...options, readOnly: true, create: false } : options;
    this.#holder = await Holder.open(this.scope.glue, await storage, this.scope.host, held, (fault) => this.#fault(fault));
    if (lead) {
      this.#lead = lead;
      this.#channel = new BroadcastChannel(lead.channel);
      this.#channel.onmessage = ({ data }: MessageEvent<OnChannel>) => this.#asked(data, lead);
      this.#announce();
    }
    this.scope.tell({ type: "opened", module });
  }

  #announce(): void {
    if (this.#lead && !this.#ending) this.#channel?.postMessage({ type: "leader", id: this.#lead.id } satisfies OnChannel);
  }

  #asked(message: OnChannel, lead: Lead): void {
    if (message.type === "who") this.#announce();
    if (message.type !== "join" || message.leader !== lead.id) return;
    this.#serve(new BroadcastChannel(lineOf(lead.id, message.client)), message.client);
  }

  /** Serves one client until it says so, or its own lock is free because it is gone. */
  #serve(line: Line, client: string | undefined): void {
    const holder = this.#holder;
    if (!holder || this.#ending) return tell(line, { type: "gone" });
    const session = holder.session((batch) => {
      if (this.#ending) return;
      // A broadcast has many receivers, so nothing can be handed over.
      if (line instanceof BroadcastChannel) line.postMessage(batch);
      else line.postMessage(batch, [batch.buffer]);
    });
    const gone = new AbortController();
    const end = () => {
      if (!this.#lines.delete(line)) return;
      gone.abort();
      session.end();
      line.close();
      if (this.#lines.size === 0) this.#onLastLine();
    };
    const submit = (batch: Uint8Array) => {
      try {
        session.submit(batch);
      } catch (error) {
        const { code, message } = toKoruError(error);
        tell(line, { type: "gone", code, message });
        end();
      }
    };
    this.#lines.add(line);
    line.onmessage = ({ data }: MessageEvent<Uint8Array | OnLine>) => {
      if (!(data instanceof Uint8Array) && data.type === "bye") return end();
      if (this.#ending) return;
      if (data instanceof Uint8Array) return this.#awake.during(() => submit(data));
      if (data.type === "poisoned") holder.fault(new Error("a write could not be made durable"));
    };
    if (client !== undefined) {
      navigator.locks.request(clientLock(client), { mode: "shared", signal: gone.signal }, end).catch(() => {});
    }
    tell(line, { type: "welcome", leader: this.#lead?.id ?? "" });
  }

  /** Takes note of an error that nobody caught: only a trap ends the engine. */
  uncaught(error: unknown): void {
    if (isTrap(error)) this.#holder?.fault(error);
  }

  #fault({ code, message }: KoruError): void {
    this.#ending = true;
    const end = () => {
      this.scope.tell({ type: "fault", code, message });
      this.scope.end();
    };
    if (this.#lines.size === 0) return end();
    // A client that learnt of the end by our lock alone would send again what has trapped. Some browsers deliver the lock
    // before the message, so it is let go when all have said that they know.
    const timer = setTimeout(end, FAREWELL_MS);
    this.#onLastLine = () => {
      clearTimeout(timer);
      end();
    };
    for (const line of this.#lines) tell(line, { type: "gone", code, message });
  }

  async #close(): Promise<void> {
    this.#ending = true;
    this.#channel?.close();
    let failure: KoruError | undefined;
    await this.#holder?.close().catch((error: unknown) => (failure = toKoruError(error)));
    for (const line of this.#lines) tell(line, { type: "gone" });
    this.scope.tell(failure ? { type: "failed", code: failure.code, message: failure.message } : { type: "closed" });
    this.scope.end();
  }
}

function tell(line: Line, message: OnLine): void {
  line.postMessage(message);
}

/** Takes a lock and never gives it back: it goes with this worker. */
function hold(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const forever = () => {
      resolve();
      return new Promise<void>(() => {});
    };
    navigator.locks.request(name, forever).catch(reject);
  });
}
