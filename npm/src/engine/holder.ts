// Whoever holds an open engine: runs its sessions, does its maintenance when nothing else is to be done, and notices when
// it traps.
//
// Invariant: after a trap nothing calls into the engine any more. Its memory may be anything; only a fresh instance that
// reads the log again is right.

import { KoruError, toKoruError } from "../error.js";
import type { Storage } from "../storage/storage.js";
import type { Engine, EngineOptions, EngineSession, Glue, Host } from "./glue.js";
import { later, soon } from "./turns.js";

/** How long relaxed durability may leave a commit unsynced, in milliseconds: `RELAXED_SYNC_MS`. */
const RELAXED_SYNC_MS = 100;
/** How long maintenance goes on before it looks whether there are calls, in milliseconds. */
const MAINTAIN_MS = 8;

export interface HeldSession {
  /** Throws where the batch as a whole cannot be taken; the session has ended then. */
  submit(batch: Uint8Array): void;
  end(): void;
}

export class Holder {
  #fault: KoruError | undefined;
  #scheduled = false;
  #closed = false;
  /** Counts batches, so that maintenance gives way to calls. */
  #batches = 0;
  #maintaining: Promise<void> = Promise.resolve();

  private constructor(
    readonly engine: Engine,
    readonly storage: Storage,
    readonly options: EngineOptions,
    readonly onFault: (fault: KoruError) => void,
  ) {}

  /** Opens the database on `storage`. `onFault` is called once if the engine traps later. */
  static async open(
    glue: Glue,
    storage: Storage,
    host: Host | undefined,
    options: EngineOptions,
    onFault: (fault: KoruError) => void,
  ): Promise<Holder> {
    const whole: EngineOptions = { maintenance: "manual", ...options };
    try {
      const engine = await glue.open(storage, host, whole);
      return new Holder(engine, storage, whole, onFault);
    } catch (error) {
      await Promise.resolve(storage.close()).catch(() => {});
      throw isTrap(error) ? poisoned(error) : toKoruError(error);
    }
  }

  session(onReply: (batch: Uint8Array) => void): HeldSession {
    // With a reply to a write there may be maintenance to do; a timer for every call would be in the way of the next one.
    const replied = (batch: Uint8Array) => {
      onReply(batch);
      this.#scheduleIfDue();
    };
    const session = this.#guard(() => this.engine.session(replied));
    if (!session) throw this.#fault ?? new KoruError("CLOSED", "the database was closed");
    return {
      submit: (batch) => {
        this.#batches++;
        let refused: KoruError | undefined;
        this.#guard(() => {
          try {
            session.submit(batch);
          } catch (error) {
            if (isTrap(error)) throw error;
            refused = toKoruError(error, "UNTRUSTED");
          }
        });
        if (refused) throw refused;
      },
      end: () => void this.#guard(() => (session as EngineSession).end()),
    };
  }

  #guard<T>(call: () => T): T | undefined {
    if (this.#fault || this.#closed) return undefined;
    try {
      return call();
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }

  /** Takes note of a trap. Anything but a trap that gets here is a defect of the bindings, and ends the engine as well. */
  fault(error: unknown): void {
    if (this.#fault || this.#closed) return;
    this.#fault = poisoned(error);
    // Its locks have to go; what was written and not synced the log's recovery sorts out.
    void Promise.resolve()
      .then(() => this.storage.close())
      .catch(() => {})
      .finally(() => this.onFault(this.#fault!));
  }

  #scheduleIfDue(): void {
    if (this.#scheduled || this.options.readOnly || this.options.maintenance !== "manual") return;
    if (this.#guard(() => this.engine.maintenanceDue())) this.#schedule();
  }

  /** A turn later: replies come first, and with relaxed durability there is something to sync after a while. */
  #schedule(wait = this.options.durability === "relaxed" ? RELAXED_SYNC_MS : 0): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const begin = () => {
      this.#scheduled = false;
      this.#maintaining = this.#maintain();
    };
    if (wait === 0) soon(begin);
    else later(begin, wait);
  }

  async #maintain(): Promise<void> {
    const before = this.#batches;
    const until = performance.now() + MAINTAIN_MS;
    try {
      let more: boolean | undefined;
      do more = await this.#guard(() => this.engine.maintain(1));
      while (more && this.#batches === before && performance.now() < until);
      // What is left has waited.
      if (more) this.#schedule(0);
      else if (this.#batches !== before) this.#scheduleIfDue();
    } catch (error) {
      // A full disk or a refused write: the next write says so itself. Only a trap is ours to act on.
      if (isTrap(error)) this.fault(error);
    }
  }

  /** Closes the database and the storage. */
  async close(): Promise<void> {
    if (this.#fault || this.#closed) return;
    await this.#maintaining;
    try {
      const closing = this.#guard(() => this.engine.close());
      this.#closed = true;
      await closing;
    } finally {
      await this.storage.close();
    }
  }
}

/** Whether an error is the end of the module's instance. */
export function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError || isPanic(error);
}

function isPanic(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("panicked at");
}

export function poisoned(error: unknown): KoruError {
  const what = error instanceof Error ? error.message : String(error);
  return new KoruError(
    "POISONED",
    `the engine was ended by a fault (${what}). Writes under way may or may not have happened: look before you repeat them`,
    { cause: error },
  );
}
