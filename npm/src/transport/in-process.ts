// An engine in the caller's own thread: Node, and wherever no worker is to be had. Batches are handed over by a call.
//
// Invariant: databases that share an instance of the module share its faults. After a trap all of them end, and whoever opens
// or goes on next gets a fresh instance.

import type { EngineOptions, Glue, Host } from "../engine/glue.js";
import { Holder } from "../engine/holder.js";
import { toKoruError } from "../error.js";
import type { Storage } from "../storage/storage.js";
import type { Connector, Description, Transport, TransportEvents } from "./transport.js";

/** One instance of the module, as long as it is sound. */
export class Instance {
  #glue: Promise<Glue> | undefined;
  #loaded = 0;
  readonly #holders = new Set<Holder>();

  /** `load` makes an instance, and is told how many there were before. */
  constructor(readonly load: (before: number) => Promise<Glue>) {}

  async open(storage: Storage, host: Host | undefined, options: EngineOptions, onFault: (fault: Error) => void): Promise<Holder> {
    const glue = await (this.#glue ??= this.#load());
    let holder: Holder | undefined;
    holder = await Holder.open(glue, storage, host, options, (fault) => {
      if (holder) this.#holders.delete(holder);
      this.#glue = undefined;
      for (const other of this.#holders) other.fault(fault.cause ?? fault);
      onFault(fault);
    });
    this.#holders.add(holder);
    return holder;
  }

  async #load(): Promise<Glue> {
    const glue = await this.load(this.#loaded++);
    glue.onTrap((error) => this.#holders.forEach((holder) => holder.fault(error)));
    return glue;
  }

  forget(holder: Holder): void {
    this.#holders.delete(holder);
  }
}

export class InProcess implements Connector {
  readonly mayVanish = false;
  #begun = false;

  constructor(
    readonly instance: Instance,
    /** Opens the storage; it is told whether it was open before, and a fault ended that. */
    readonly openStorage: (again: boolean) => Promise<Storage> | Storage,
    readonly options: EngineOptions,
    readonly host?: Host,
  ) {}

  async connect(events: TransportEvents): Promise<Transport> {
    const storage = await this.openStorage(this.#begun);
    this.#begun = true;
    const onFault = (fault: Error) => events.gone(toKoruError(fault));
    const holder = await this.instance.open(storage, this.host, this.options, onFault);
    const session = holder.session((batch) => events.batch(batch));
    return {
      send: (batch) => {
        try {
          session.submit(batch);
        } catch (error) {
          events.gone(toKoruError(error));
        }
      },
      poisoned: () => holder.fault(new Error("a write could not be made durable")),
      close: async () => {
        session.end();
        this.instance.forget(holder);
        await holder.close();
      },
    };
  }

  now(): number {
    return this.host?.nowMs() ?? Date.now();
  }

  async describe(): Promise<Description> {
    return { shared: false };
  }

  async dispose(): Promise<void> {}
}
