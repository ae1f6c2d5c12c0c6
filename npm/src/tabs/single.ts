// A worker of this page's own, for what is not shared with other tabs: memory, a published database, and everything where
// there are no locks to elect a leader with.

import type { EngineOptions } from "../engine/glue.js";
import { KoruError } from "../error.js";
import type { Connector, Description, Transport, TransportEvents } from "../transport/transport.js";
import type { FromWorker, Place } from "../worker/messages.js";
import { describe } from "./describe.js";
import { greet } from "./line.js";
import { WorkerHost, type StartWorker } from "./worker-host.js";

/** How long the worker may take to answer a greeting, in milliseconds, after it has opened. */
const GREETING_MS = 10_000;

export class SingleWorker implements Connector {
  readonly mayVanish = false;
  #worker: WorkerHost | undefined;
  #module: WebAssembly.Module | undefined;
  /** Whether a database was here: memory does not outlive its worker. */
  #begun = false;

  constructor(
    readonly start: StartWorker,
    readonly place: Place,
    readonly options: EngineOptions,
    readonly passedOver?: string[],
  ) {}

  async connect(events: TransportEvents): Promise<Transport> {
    if (this.#begun && this.place.kind === "memory") {
      throw new KoruError("CLOSED", "the engine was ended by a fault, and the database in memory went with it");
    }
    const worker = new WorkerHost(this.start);
    this.#worker = worker;
    try {
      const { place, options } = this;
      const opened = await worker.ask({ type: "open", place, options, module: this.#module });
      this.#module = (opened as Extract<FromWorker, { type: "opened" }>).module;
      this.#begun = true;
      worker.onEnd = (reason) => events.gone(reason);
      return await greet(worker.line(), events, GREETING_MS);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  describe(): Promise<Description> {
    return describe(this.place.kind, false, this.passedOver);
  }

  async dispose(): Promise<void> {
    await this.#worker?.close();
  }
}
