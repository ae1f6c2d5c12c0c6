// What the whole app knows: one object, replaced and never changed in place. Whoever shows a part of it subscribes.

import type { Info } from "koru-delta";

export interface State {
  status: "opening" | "open" | "failed";
  /** Why it could not be opened, with its code. */
  failure: { code: string; message: string } | undefined;
  info: Info | undefined;
  collections: readonly string[];
  /** How many tabs of this browser have the playground open with this database. */
  tabs: number;
  /** Whether an archive of a repository's history lies beside the app. */
  demo: boolean;
}

export const INITIAL: State = { status: "opening", failure: undefined, info: undefined, collections: [], tabs: 1, demo: false };

export class Store {
  #state: State = INITIAL;
  readonly #listeners = new Set<(state: State, before: State) => void>();

  get state(): State {
    return this.#state;
  }

  set(part: Partial<State>): void {
    const before = this.#state;
    this.#state = { ...before, ...part };
    for (const listener of [...this.#listeners]) listener(this.#state, before);
  }

  /** Calls back at once and at every change. Returns how to end that. */
  subscribe(listener: (state: State, before: State) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#state, this.#state);
    return () => this.#listeners.delete(listener);
  }
}
