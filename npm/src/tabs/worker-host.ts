// The page's side of its own worker: starts it, asks it for one thing at a time, and notices its end.

import { KoruError, type ErrorCode } from "../error.js";
import { isOnLine, type FromWorker, type Line, type OnLine, type ToWorker } from "../worker/messages.js";

/** Makes a worker. A bundler has to see the whole expression, so it stands in one piece at the caller's. */
export type StartWorker = () => Worker;

export class WorkerHost {
  readonly #worker: Worker;
  #waiting: { resolve(message: FromWorker): void; reject(error: KoruError): void } | undefined;
  #over: KoruError | undefined;
  #line: Line | undefined;

  /** Called once when the worker ended without having been asked to. */
  onEnd: (reason: KoruError) => void = () => {};

  /** Called when the worker holds its lock. */
  onAlive: () => void = () => {};

  constructor(start: StartWorker) {
    this.#worker = start();
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker | Uint8Array | OnLine>) => {
      if (isOnLine(data)) this.#line?.onmessage?.({ data } as MessageEvent<Uint8Array | OnLine>);
      else this.#hear(data);
    };
    this.#worker.onerror = (event) => {
      // Without a message it is the script itself that could not be loaded.
      if (event.message) return;
      this.#end(new KoruError("IO", "the worker of koru-delta could not be started: is its file served?"));
    };
  }

  #hear(message: FromWorker): void {
    if (message.type === "fault") return this.#end(new KoruError(message.code as ErrorCode, message.message));
    if (message.type === "alive") return this.onAlive();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (message.type === "failed") waiting?.reject(new KoruError(message.code as ErrorCode, message.message));
    else waiting?.resolve(message);
  }

  #end(reason: KoruError): void {
    if (this.#over) return;
    this.#over = reason;
    this.#waiting?.reject(reason);
    this.#worker.terminate();
    this.onEnd(reason);
  }

  /** Sends a message that is answered. One at a time. */
  ask(message: ToWorker, transfer: Transferable[] = []): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(this.#over);
      this.#waiting?.reject(new KoruError("CLOSED", "the database was closed"));
      this.#waiting = { resolve, reject };
      this.#worker.postMessage(message, transfer);
    });
  }

  /** A line to it, in place of the one before. */
  line(client?: string): Line {
    const line: Line = {
      postMessage: (message) => this.#worker.postMessage(message),
      onmessage: null,
      close: () => {
        if (this.#line === line) this.#line = undefined;
      },
    };
    this.#line = line;
    this.#worker.postMessage({ type: "join", client } satisfies ToWorker);
    return line;
  }

  /** Sends a message that is not answered. */
  tell(message: ToWorker, transfer: Transferable[]): void {
    this.#worker.postMessage(message, transfer);
  }

  /** The worker is known to be gone: its lock is free. */
  vanished(): void {
    this.#end(new KoruError("POISONED", "the worker is gone"));
  }

  /** Closes the database in it and ends it. */
  async close(): Promise<void> {
    if (this.#over) return;
    try {
      await this.ask({ type: "close" });
    } finally {
      this.terminate();
    }
  }

  terminate(): void {
    this.#over ??= new KoruError("CLOSED", "the worker was ended");
    this.#worker.terminate();
  }
}
