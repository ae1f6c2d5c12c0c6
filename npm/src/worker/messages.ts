// What the worker and the page that started it say to each other, beside the batches of the call protocol.

import type { EngineOptions } from "../engine/glue.js";
import type { Location } from "../location.js";

/** A storage that a worker can open. */
export type Place = Exclude<Location, { kind: "file" | "bare" }>;

/**
 * What carries batches to and from one client: a port, where there is no broker a channel of its own, and between a worker
 * and the page that started it what they have anyway, which is the fastest.
 */
export interface Line {
  postMessage(message: Uint8Array | OnLine, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<Uint8Array | OnLine>) => void) | null;
  close(): void;
}

export type ToWorker =
  /** Where the engine's module is, when the page knows it better than the worker. Before everything else. */
  | { type: "module"; url: string }
  /** Which of the browser's storages work? */
  | { type: "probe" }
  | { type: "open"; place: Place; options: EngineOptions; module?: WebAssembly.Module | undefined; lead?: Lead }
  /** The page itself is a client, and the worker's own channel its line. */
  | { type: "join"; client?: string | undefined }
  /** From here come clients of other pages. */
  | { type: "broker"; port: MessagePort }
  /** Makes a database from an archive that comes through the port. */
  | { type: "import"; place: Place; port: MessagePort }
  | { type: "remove"; place: Place }
  | { type: "close" };

/** How the worker makes itself known to other tabs. */
export interface Lead {
  /** This worker's own id: the lock of that name is held for as long as it lives. */
  id: string;
  /** The channel on which it is asked for. */
  channel: string;
}

export type FromWorker =
  /** For each storage why it does not work, or null if it does. */
  | { type: "probed"; opfs: string | null; idb: string | null }
  /** The lock of this worker is held from here on. */
  | { type: "alive" }
  | { type: "opened"; module: WebAssembly.Module }
  | { type: "done" }
  | { type: "failed"; code: string; message: string }
  | { type: "fault"; code: string; message: string }
  | { type: "closed" };

/** On the channel of a database. */
export type OnChannel =
  | { type: "who" }
  | { type: "leader"; id: string }
  /** A client without a broker, which listens on the channel of both. */
  | { type: "join"; leader: string; client: string };

/** On a line, beside batches. */
export type OnLine =
  | { type: "welcome"; leader: string }
  | { type: "bye" }
  | { type: "poisoned" }
  /** Without a code: this worker ends in good order, and another one takes over. */
  | { type: "gone"; code?: string; message?: string };

/** Whether a message on the channel between a worker and its page belongs to the line that shares it. */
export function isOnLine(message: Uint8Array | OnLine | ToWorker | FromWorker): message is Uint8Array | OnLine {
  return message instanceof Uint8Array || ["welcome", "bye", "poisoned", "gone"].includes(message.type);
}

/** To and from the broker. */
export type OnBroker =
  | { type: "lead"; leader: string; port: MessagePort }
  | { type: "join"; leader: string; client: string; port: MessagePort }
  | { type: "unknown"; leader: string; client: string };

export const clientLock = (client: string) => `koru-delta client ${client}`;
export const workerLock = (leader: string) => `koru-delta worker ${leader}`;
export const leadLock = (channel: string) => `koru-delta lead ${channel}`;
export const channelOf = (kind: string, name: string) => `koru-delta ${kind}:${name}`;
export const lineOf = (leader: string, client: string) => `koru-delta ${leader} ${client}`;
