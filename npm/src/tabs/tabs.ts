// Several tabs, one database: the tab that holds the lock of the database leads it, which means that its worker holds the
// storage; the worker itself serves the clients of all tabs. When the leader ends, the browser gives the lock to the next tab
// in the queue, whose worker opens the database, and the clients of all tabs go there.
//
// Locks say who is alive, because the browser lets go of them however their holder ends: one for the lead of a database, one
// for each worker, one for each client.

import type { EngineOptions } from "../engine/glue.js";
import { KoruError, toKoruError } from "../error.js";
import type { Connector, Description, Transport, TransportEvents } from "../transport/transport.js";
import {
  channelOf, clientLock, leadLock, lineOf, workerLock,
  type FromWorker, type OnChannel, type Place,
} from "../worker/messages.js";
import { Broker, type StartBroker } from "./broker.js";
import { describe } from "./describe.js";
import { greet, NoAnswer } from "./line.js";
import { WorkerHost, type StartWorker } from "./worker-host.js";

/** How long a worker may take to answer a greeting, in milliseconds, before another way to it is tried. */
const GREETING_MS = 2000;
/** How often a leader is asked for, in milliseconds, in case that a message was lost. */
const ASK_MS = 500;
/** How long a worker may take to begin, in milliseconds: to load its script, not to open the database. */
const START_MS = 15_000;
/** Workers that may end within this time, in milliseconds, before the database is given up. */
const RESTARTS_MAX = 5;
const RESTARTS_MS = 10_000;

export interface TabsOptions {
  start: StartWorker;
  broker: StartBroker | undefined;
  place: Place & { name: string };
  options: EngineOptions;
  passedOver?: string[] | undefined;
}

interface Own {
  id: string;
  worker: WorkerHost;
  /** Whether the broker may know it, because it has opened the database, and whether it does. */
  broker: "unknown" | "ready" | "known";
}

export class Tabs implements Connector {
  readonly mayVanish = true;
  readonly #client: string = crypto.randomUUID();
  readonly #channel: BroadcastChannel;
  readonly #broker: Broker;
  readonly #lead: string;
  /** Ended when this tab gives the database up. */
  readonly #over = new AbortController();
  /** The leader that was last heard of, and those who wait to hear of one. */
  #leader: string | undefined;
  #heard: (() => void)[] = [];
  /** The leader whose line was lost: its announcements count no more. */
  #lost: string | undefined;

  /** Our own worker while we lead. */
  #own: Own | undefined;
  /** Whether there is another tab. Only then is the broker started: it can be a process of its own. */
  #accompanied = false;
  #failure: KoruError | undefined;
  /** Resolved when we do not lead any more. */
  #leading: Promise<void> = Promise.resolve();

  private constructor(readonly tabs: TabsOptions) {
    const { kind, name } = tabs.place;
    this.#lead = channelOf(kind, name);
    this.#broker = new Broker(tabs.broker);
    this.#channel = new BroadcastChannel(this.#lead);
    this.#channel.onmessage = ({ data }: MessageEvent<OnChannel>) => {
      if (data.type === "who" || (data.type === "leader" && data.id !== this.#own?.id)) this.#accompanied = true;
      if (data.type === "leader") this.#hearOf(data.id);
      this.#introduce();
    };
  }

  /** Takes part in the database: holds this client's lock and stands for leader. */
  static async begin(tabs: TabsOptions): Promise<Tabs> {
    const self = new Tabs(tabs);
    await new Promise<void>((resolve, reject) => {
      const held = () => {
        resolve();
        return new Promise<void>((letGo) => self.#over.signal.addEventListener("abort", () => letGo()));
      };
      navigator.locks.request(clientLock(self.#client), held).catch(reject);
    });
    self.#stand();
    return self;
  }

  #hearOf(leader: string): void {
    if (leader === this.#lost) return;
    this.#leader = leader;
    for (const heard of this.#heard.splice(0)) heard();
  }

  /** Makes our own worker known to the broker, when it has opened and there is somebody to ask for it. */
  #introduce(): void {
    const own = this.#own;
    if (!this.#accompanied || own?.broker !== "ready") return;
    own.broker = "known";
    const port = this.#broker.lead(own.id);
    if (port) own.worker.tell({ type: "broker", port }, [port]);
  }

  /** Waits in the queue of those who would lead. */
  #stand(): void {
    const { signal } = this.#over;
    const lead = () => {
      this.#leading = this.#beLeader();
      return this.#leading;
    };
    navigator.locks.request(leadLock(this.#lead), { signal }, lead).catch(() => {});
  }

  /** Leads until this tab gives up: a worker that ends is followed by another one. */
  async #beLeader(): Promise<void> {
    const ended: number[] = [];
    let module: WebAssembly.Module | undefined;
    while (!this.#over.signal.aborted) {
      try {
        const [over, compiled] = await this.#startWorker(module);
        module = compiled;
        await over;
      } catch (error) {
        // A worker that ended while it opened is like one that ended later; anything else is the database's own answer.
        const failure = toKoruError(error);
        if (failure.code !== "POISONED") return this.#fail(failure);
      }
      const now = Date.now();
      ended.push(now);
      if (ended.filter((when) => now - when < RESTARTS_MS).length > RESTARTS_MAX) {
        return this.#fail(new KoruError("POISONED", "the engine ends by a fault again and again: the database is given up"));
      }
    }
  }

  async #startWorker(known: WebAssembly.Module | undefined): Promise<[over: Promise<void>, module: WebAssembly.Module]> {
    const { start, place, options } = this.tabs;
    const id = crypto.randomUUID();
    const worker = new WorkerHost(start);
    const own: Own = { id, worker, broker: "unknown" };
    this.#own = own;
    const over = new Promise<void>((resolve) => {
      worker.onEnd = () => resolve();
      this.#over.signal.addEventListener("abort", () => {
        void worker.close().catch(() => {}).finally(resolve);
      });
    });
    try {
      const unborn = setTimeout(() => worker.vanished(), START_MS);
      worker.onAlive = () => {
        clearTimeout(unborn);
        this.#whenFree(workerLock(id), this.#over.signal, () => worker.vanished());
      };
      const lead = { id, channel: this.#lead };
      const opened = (await worker.ask({ type: "open", place, options, module: known, lead })) as Extract<FromWorker, { type: "opened" }>;
      own.broker = "ready";
      this.#introduce();
      // The worker has told the others already; a tab does not hear its own worker on its own channel object in time.
      this.#hearOf(id);
      return [over.then(() => void (this.#own = undefined)), opened.module];
    } catch (error) {
      this.#own = undefined;
      worker.terminate();
      throw error;
    }
  }

  /** Opening failed here. Those who wait learn why; another tab may have more luck. */
  #fail(error: KoruError): void {
    this.#failure = error;
    for (const heard of this.#heard.splice(0)) heard();
  }

  #whenFree(lock: string, signal: AbortSignal, then: () => void): void {
    navigator.locks.request(lock, { mode: "shared", signal }, then).catch(() => {});
  }

  async connect(events: TransportEvents): Promise<Transport> {
    for (;;) {
      const leader = await this.#find();
      try {
        const transport = await this.#join(leader, events);
        if (transport) return transport;
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
      }
      // It did not answer. If it is alive it will say so when asked again.
      if (this.#leader === leader) this.#leader = undefined;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The leader, as soon as there is one. */
  async #find(): Promise<string> {
    for (;;) {
      if (this.#over.signal.aborted) throw new KoruError("CLOSED", "the database was closed");
      if (this.#failure) throw this.#failure;
      if (this.#leader !== undefined) return this.#leader;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ASK_MS);
        this.#heard.push(() => {
          clearTimeout(timer);
          resolve();
        });
        this.#channel.postMessage({ type: "who" } satisfies OnChannel);
      });
    }
  }

  async #join(leader: string, events: TransportEvents): Promise<Transport> {
    const gone = new AbortController();
    const lost = (reason?: KoruError) => {
      if (gone.signal.aborted) return;
      gone.abort();
      this.#lost = leader;
      if (this.#leader === leader) this.#leader = undefined;
      events.gone(reason);
    };
    const line = this.#own?.id === leader ? this.#own.worker.line(this.#client) : undefined;
    const transport = line
      ? await greet(line, { batch: events.batch, gone: lost }, GREETING_MS)
      : await this.#joinOther(leader, { batch: events.batch, gone: lost });
    this.#whenFree(workerLock(leader), gone.signal, () => lost());
    return {
      ...transport,
      close: async () => {
        gone.abort();
        await transport.close();
      },
    };
  }

  /** Through the broker if it can, over a channel of both if it cannot. */
  async #joinOther(leader: string, events: TransportEvents): Promise<Transport> {
    let unknown = () => {};
    const noBroker = new Promise<never>((_, reject) => (unknown = () => reject(new NoAnswer())));
    noBroker.catch(() => {});
    const port = this.#broker.join(leader, this.#client, () => unknown());
    if (port) {
      try {
        return await Promise.race([greet(port, events, GREETING_MS), noBroker]);
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        port.close();
      }
    }
    const line = new BroadcastChannel(lineOf(leader, this.#client));
    const greeting = greet(line, events, GREETING_MS);
    this.#channel.postMessage({ type: "join", leader, client: this.#client } satisfies OnChannel);
    return greeting;
  }

  describe(): Promise<Description> {
    return describe(this.tabs.place.kind, true, this.tabs.passedOver);
  }

  async dispose(): Promise<void> {
    this.#over.abort();
    // The worker of a leader closes the database before the next tab may have it.
    await this.#leading;
    this.#channel.close();
    this.#broker.close();
  }
}
