// The engine's WebAssembly module as this package sees it. It speaks bytes only: batches of the call protocol.

import type { Storage } from "../storage/storage.js";
import type { EngineOptions } from "./options.js";

export type { EngineOptions };

/** Clock and entropy, for tests that need the same bytes each time. */
export interface Host {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Fills the array. */
  entropy(into: Uint8Array): void;
}

export interface EngineSession {
  submit(batch: Uint8Array): void;
  end(): void;
}

export interface Engine {
  session(onReply: (batch: Uint8Array) => void): EngineSession;
  maintain(steps: number): Promise<boolean>;
  maintenanceDue(): boolean;
  close(): Promise<void>;
}

/** What the generated bindings export. */
export interface Glue {
  initSync(input: { module: WebAssembly.Module | BufferSource }): unknown;
  /** Says what is told of a trap in a task of the module, which has left its caller. */
  onTrap(handler: (error: unknown) => void): void;
  open(storage: Storage, host: Host | undefined, options: EngineOptions): Promise<Engine>;
}
