// An engine in the caller's own thread: Node, and wherever no worker is to be had. Batches are handed over by a call.

import { KoruError } from "../error.js";
import type { EngineOptions, Glue, Host } from "../engine/glue.js";
import { Holder } from "../engine/holder.js";
import type { Storage } from "../storage/storage.js";
import type { Connector, Description, Transport, TransportEvents } from "./transport.js";

/** Makes the engine's module ready and returns its bindings: a fresh instance after a fault. */
export type LoadGlue = () => Promise<Glue>;

export class InProcess implements Connector {
  readonly mayVanish = false;

  constructor(
    readonly load: LoadGlue,
    readonly openStorage: () => Promise<Storage> | Storage,
    readonly options: EngineOptions,
    readonly host?: Host,
  ) {}

  async connect(events: TransportEvents): Promise<Transport> {
    const glue = await this.load();
    const storage = await this.openStorage();
    const holder = await Holder.open(glue, storage, this.host, this.options, (fault) => events.gone(fault));
    const session = holder.session((batch) => events.batch(batch));
    return {
      send: (batch) => session.submit(batch),
      poisoned: () => {
        // Not a trap: the engine itself says that it takes no further write. Reading goes on; writing needs a new opening.
      },
      close: async () => {
        session.end();
        await holder.close();
      },
    };
  }

  async describe(): Promise<Description> {
    return { shared: false };
  }

  async dispose(): Promise<void> {}
}

/** What is thrown where an engine cannot be loaded twice. */
export function cannotReload(): KoruError {
  return new KoruError("POISONED", "the engine was ended by a fault and cannot be started again here: start a new process");
}
