// The other tabs that have this database open: how many there are, and telling them to kill the worker if it is theirs.

import { killWorkers } from "./workers.js";

type Message = { type: "here" } | { type: "kill" };

/** How often tabs are counted, in milliseconds: one that is closed does not say so. */
const COUNT_MS = 3000;

export class TabCount {
  readonly #channel: BroadcastChannel;
  readonly #lock: string;

  constructor(database: string, readonly changed: (tabs: number) => void) {
    this.#lock = `koru-playground tab ${database}`;
    this.#channel = new BroadcastChannel(this.#lock);
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.type === "kill") killWorkers();
      void this.#count();
    };
    void navigator.locks.request(this.#lock, { mode: "shared" }, () => {
      this.#channel.postMessage({ type: "here" } satisfies Message);
      void this.#count();
      return new Promise(() => {});
    });
    setInterval(() => void this.#count(), COUNT_MS);
  }

  async #count(): Promise<void> {
    const { held = [] } = await navigator.locks.query();
    this.changed(held.filter((lock) => lock.name === this.#lock).length || 1);
  }

  /** Kills the worker, in whichever tab it runs. */
  kill(): void {
    this.#channel.postMessage({ type: "kill" } satisfies Message);
    killWorkers();
  }
}
