// The keys of a collection that begin with a prefix: read in pages as they come into sight, and kept up to date.

import type { Context } from "../../app/panel.js";
import { h } from "../../ui/dom.js";
import { count } from "../../ui/format.js";
import { Latest } from "../../ui/latest.js";
import { VirtualList } from "../../ui/virtual-list.js";

const PAGE = 500;
/** Keys that are read again when the collection changes; those behind them are when they come into sight. */
const AGAIN_MAX = 5000;
const AGAIN_MS = 200;
const FRESH_MS = 1600;

export class Keys {
  readonly note = h("p", { class: "note soft", "aria-live": "polite" });
  #keys: string[] = [];
  #whole = false;
  #collection: string | undefined;
  #prefix = "";
  #current: string | undefined;
  readonly #fresh = new Set<string>();
  #again: ReturnType<typeof setTimeout> | undefined;
  readonly #list: VirtualList;
  readonly #latest: Latest;
  readonly element: HTMLElement;

  constructor(readonly context: Context, choose: (key: string) => void) {
    this.#list = new VirtualList({
      label: "Keys", rowHeight: 28,
      row: (index) => ({ class: this.#fresh.has(this.#keys[index]!) ? "fresh" : "", content: [this.#keys[index]!] }),
      choose: (index) => choose(this.#keys[index]!),
      nearEnd: () => this.#more(),
    });
    this.element = this.#list.element;
    this.#latest = new Latest((error) => context.announce((error as Error).message, "error"));
  }

  show(collection: string | undefined, prefix: string, current?: string): void {
    this.#current = current ?? this.#current;
    if (collection === this.#collection && prefix === this.#prefix) return this.#mark();
    this.#collection = collection;
    this.#prefix = prefix;
    this.#load(PAGE);
  }

  /** Documents of the collection that is shown were written or deleted. */
  touched(keys: string[]): void {
    for (const key of keys.slice(0, PAGE)) this.#fresh.add(key);
    setTimeout(() => { for (const key of keys) this.#fresh.delete(key); }, FRESH_MS);
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      this.#load(Math.min(Math.max(this.#keys.length, PAGE), AGAIN_MAX));
    }, AGAIN_MS);
  }

  destroy(): void {
    clearTimeout(this.#again);
    this.#list.destroy();
  }

  #load(limit: number): void {
    const [collection, prefix] = [this.#collection, this.#prefix];
    this.#latest.run(async () => {
      const keys = collection === undefined ? [] : await this.context.session.db.collection(collection).keys({ prefix, limit }).toArray();
      this.#set(keys, keys.length < limit);
    });
  }

  #more(): void {
    const last = this.#keys.at(-1);
    if (this.#whole || last === undefined || this.#collection === undefined) return;
    const [collection, prefix] = [this.#collection, this.#prefix];
    this.#latest.run(async () => {
      if (last !== this.#keys.at(-1) || collection !== this.#collection) return;
      const more = await this.context.session.db.collection(collection).keys({ prefix, after: last, limit: PAGE }).toArray();
      this.#set([...this.#keys, ...more], more.length < PAGE);
    });
  }

  #set(keys: string[], whole: boolean): void {
    this.#keys = keys;
    this.#whole = whole;
    this.note.textContent = this.#collection === undefined ? "" : `${count(keys.length, "key")}${whole ? "" : " and more"}`;
    this.#list.setCount(keys.length);
    this.#mark();
  }

  #mark(): void {
    this.#list.mark(this.#current === undefined ? -1 : this.#keys.indexOf(this.#current));
  }
}
