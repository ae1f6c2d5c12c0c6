// What carries batches of the call protocol between a client and an engine. What the batches say is not its business.

import type { KoruError } from "../error.js";

/** One client's line to an engine. */
export interface Transport {
  /** Sends a batch. It is not changed afterwards, and not taken away from the caller. */
  send(batch: Uint8Array): void;
  /** Tells the other side that the engine reported `POISONED`, so that it is replaced by a fresh one. */
  poisoned(): void;
  /** Ends the client's session, and the engine too if this line is what keeps it. Resolves when that is done. */
  close(): Promise<void>;
}

/** What a line tells its client. */
export interface TransportEvents {
  /** A batch of replies. */
  batch(batch: Uint8Array): void;
  /**
   * The line is gone. Without a reason the other side vanished, and what became of the calls under way is not known;
   * `POISONED` means that the engine was ended by a fault; any other code is for good.
   */
  gone(reason?: KoruError): void;
}

/** Makes lines to one database. */
export interface Connector {
  /** Makes a line to whoever has the database open now, waiting for it if it is between two. */
  connect(events: TransportEvents): Promise<Transport>;
  /**
   * Whether the other side can vanish while this one lives on. Then writes carry idempotency tokens and are sent again to
   * whoever comes next.
   */
  readonly mayVanish: boolean;
  /** The engine's clock, where it is not the system's: milliseconds since 1970. */
  now?(): number;
  /** What this side knows of the storage, for `info`. */
  describe(): Promise<Description>;
  /** Gives up whatever it holds. Called once, after the last line was closed. */
  dispose(): Promise<void>;
}

/** What is known of the storage outside of the engine. */
export interface Description {
  /** Whether the browser has promised not to evict it; undefined where there is no such question. */
  persisted?: boolean;
  /** Bytes that the origin uses and may use, as the browser estimates them. */
  quota?: { usage: number; available: number };
  /** Whether other tabs share it: the engine runs in one of them. */
  shared: boolean;
  /** Why a storage that would be better was passed over, in the order of preference. */
  passedOver?: string[];
}
