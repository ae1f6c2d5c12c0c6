// The page's side of the broker: one shared worker for all databases of the origin, or none where there are no shared
// workers or it cannot be started. Then lines are broadcast channels, which are slower but need nobody. It is started when it
// is first needed.

import type { OnBroker } from "../worker/messages.js";

export type StartBroker = () => SharedWorker;

export class Broker {
  #start: StartBroker | undefined;
  #port: MessagePort | undefined;
  /** Called with the client that the broker could not connect. */
  readonly #unknown = new Map<string, () => void>();

  constructor(start: StartBroker | undefined) {
    if (typeof SharedWorker !== "undefined") this.#start = start;
  }

  #connect(): MessagePort | undefined {
    const start = this.#start;
    this.#start = undefined;
    if (!start) return this.#port;
    try {
      const worker = start();
      worker.onerror = () => this.#lost();
      this.#port = worker.port;
      this.#port.onmessage = ({ data }: MessageEvent<OnBroker>) => {
        if (data.type === "unknown") this.#unknown.get(data.client)?.();
      };
    } catch {
      // A policy of the page forbids it.
    }
    return this.#port;
  }

  #lost(): void {
    this.#port = undefined;
    for (const unknown of this.#unknown.values()) unknown();
    this.#unknown.clear();
  }

  /** Makes a worker known: clients come through the port that is returned. */
  lead(leader: string): MessagePort | undefined {
    const broker = this.#connect();
    if (!broker) return undefined;
    const { port1, port2 } = new MessageChannel();
    broker.postMessage({ type: "lead", leader, port: port1 } satisfies OnBroker, [port1]);
    return port2;
  }

  /** A port to a worker, or `undefined` without a broker. `unknown` is called if the broker does not know that worker. */
  join(leader: string, client: string, unknown: () => void): MessagePort | undefined {
    const broker = this.#connect();
    if (!broker) return undefined;
    const { port1, port2 } = new MessageChannel();
    this.#unknown.set(client, unknown);
    broker.postMessage({ type: "join", leader, client, port: port1 } satisfies OnBroker, [port1]);
    return port2;
  }

  close(): void {
    this.#start = undefined;
    this.#port?.close();
    this.#port = undefined;
  }
}
