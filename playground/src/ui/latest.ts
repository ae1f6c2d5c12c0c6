// Work that is asked for faster than it is done, as by dragging: one at a time, and of those that wait only the last.

export class Latest {
  #next: (() => Promise<void>) | undefined;
  #busy = false;

  constructor(readonly failed: (error: unknown) => void) {}

  run(work: () => Promise<void>): void {
    this.#next = work;
    if (!this.#busy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#next) {
      const work = this.#next;
      this.#next = undefined;
      try {
        await work();
      } catch (error) {
        this.failed(error);
      }
    }
    this.#busy = false;
  }
}
