// The crash trial: writes without pause, kills the worker in the middle, and counts what is there afterwards. Pure of the page.

import type { Database } from "koru-delta";

export interface Report {
  /** Writes that were acknowledged when the worker was killed. */
  acknowledged: number;
  /** Writes under way at that moment. The package sends them again to the next worker. */
  underWay: number;
  /** From the kill to the first acknowledgement of a write that was begun after it, in milliseconds. */
  recoveryMs: number;
  /** Of the acknowledged ones, how many were not there afterwards. */
  lost: number;
  /** Documents with more than one version: written twice. */
  doubled: number;
  /** Documents found in all. */
  found: number;
  /** Writes that were begun in all. */
  begun: number;
  /** Writes that ended with an error instead of an acknowledgement. */
  failed: number;
}

export const COLLECTION = "crash-trial";
const AT_ONCE = 64;
/** Writes after which a trial ends, crash or not. */
const WRITES_MAX = 100_000;

export class Trial {
  readonly id = Date.now().toString(36);
  readonly #acknowledged = new Set<string>();
  #begun = 0;
  #underWay = 0;
  #failed = 0;
  #stopping = false;
  #killed: { at: number; acknowledged: Set<string>; underWay: number } | undefined;
  #recoveryMs: number | undefined;
  #recovered: () => void = () => {};
  readonly #writers: Promise<unknown>;

  constructor(readonly db: Database, readonly kill: () => void) {
    this.#writers = Promise.all(Array.from({ length: AT_ONCE }, () => this.#write()));
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  get underWay(): number {
    return this.#underWay;
  }

  async #write(): Promise<void> {
    const into = this.db.collection(COLLECTION);
    while (!this.#stopping && this.#begun < WRITES_MAX) {
      const number = ++this.#begun;
      const key = `${this.id}/${String(number).padStart(6, "0")}`;
      const later = this.#killed !== undefined;
      this.#underWay++;
      try {
        await into.put(key, { number, trial: this.id });
        this.#acknowledged.add(key);
        if (later && this.#killed && this.#recoveryMs === undefined) {
          this.#recoveryMs = performance.now() - this.#killed.at;
          this.#recovered();
        }
      } catch {
        // An error promises nothing, so it is counted and nothing more.
        this.#failed++;
      } finally {
        this.#underWay--;
      }
    }
  }

  /** Kills the worker now, lets the next one acknowledge writes, and counts. */
  async crash(): Promise<Report> {
    const recovered = new Promise<void>((resolve) => (this.#recovered = resolve));
    this.#killed = { at: performance.now(), acknowledged: new Set(this.#acknowledged), underWay: this.#underWay };
    this.kill();
    await Promise.race([recovered, this.#writers]);
    await this.stop();
    return this.#count();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#writers;
  }

  async #count(): Promise<Report> {
    const { acknowledged, underWay } = this.#killed!;
    const found = new Set<string>();
    let doubled = 0;
    const of = this.db.collection(COLLECTION);
    const range = { prefix: `${this.id}/` };
    for await (const key of of.keys(range)) found.add(key);
    // Only a write that was under way can have been sent twice.
    const suspects = [...found].filter((key) => !acknowledged.has(key)).slice(0, 1000);
    await Promise.all(suspects.map(async (key) => (doubled += (await of.history(key, { values: false }).toArray()).length > 1 ? 1 : 0)));
    const lost = [...this.#acknowledged].filter((key) => !found.has(key)).length;
    return { acknowledged: acknowledged.size, underWay, recoveryMs: this.#recoveryMs ?? NaN, lost, doubled, found: found.size, begun: this.#begun, failed: this.#failed };
  }
}
