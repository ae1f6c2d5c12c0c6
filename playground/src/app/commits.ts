// The commits in the order of their timestamps, for the timeline and the log; the newest ones up to a bound, and kept up to
// date by the watch.

import type { Commit } from "koru-delta";
import type { Session } from "./session.js";

/** More would not fit a slider, nor quickly into memory. */
export const COMMITS_MAX = 20_000;

export class Commits {
  #list: Commit[] = [];
  /** Whether there are older ones that were not read. */
  truncated = false;
  readonly #end: () => void;

  constructor(readonly session: Session, readonly changed: () => void) {
    this.#end = session.onCommit(({ commit }) => this.#add(commit));
  }

  /** Ascending. */
  get list(): readonly Commit[] {
    return this.#list;
  }

  async load(): Promise<void> {
    const read: Commit[] = [];
    for await (const commit of this.session.db.log()) {
      if (read.length === COMMITS_MAX) {
        this.truncated = true;
        break;
      }
      read.push(commit);
    }
    const known = new Set(read.map((commit) => commit.version));
    this.#list = [...read, ...this.#list.filter((commit) => !known.has(commit.version))].sort(byTime);
    this.changed();
  }

  /** The place of the last commit up to a timestamp; -1 if there is none. */
  at(timestamp: bigint): number {
    let [low, high] = [0, this.#list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#list[middle]!.timestamp <= timestamp) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  end(): void {
    this.#end();
  }

  #add(commit: Commit): void {
    if (this.#list[this.at(commit.timestamp)]?.version === commit.version) return;
    this.#list.splice(this.at(commit.timestamp) + 1, 0, commit);
    this.changed();
  }
}

function byTime(a: Commit, b: Commit): number {
  return a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0;
}
