// Beside the timeline: the documents that differ between its two moments, or those of a collection at the moment.

import type { DocumentChange } from "koru-delta";
import type { Context } from "../../app/panel.js";
import { append, fill, h, uniqueId } from "../../ui/dom.js";
import { count } from "../../ui/format.js";
import { VirtualList } from "../../ui/virtual-list.js";

/** Documents that are listed. */
const SHOWN = 1000;
const CHANGED = "";

interface Item {
  collection: string;
  key: string;
  kind: "added" | "removed" | "changed" | "same";
}

export class Side {
  readonly element: HTMLElement;
  readonly #list: VirtualList;
  readonly #which: HTMLSelectElement;
  readonly #note = h("p", { class: "note soft" });
  readonly #endStore: () => void;
  #items: Item[] = [];
  #last: Parameters<Side["show"]> | undefined;

  constructor(readonly context: Context, choose: (collection: string, key: string) => void) {
    this.#list = new VirtualList({
      label: "Documents", rowHeight: 28,
      row: (index) => ({ class: this.#items[index]!.kind, content: content(this.#items[index]!, this.#which.value === CHANGED) }),
      choose: (index) => choose(this.#items[index]!.collection, this.#items[index]!.key),
    });
    const id = uniqueId("which");
    this.#which = h("select", { id, onchange: () => void (this.#last && this.show(...this.#last)) });
    this.element = h("section", { class: "pane keys", "aria-label": "Documents at this moment" }, h("div", { class: "bar" }, h("label", { class: "hidden", htmlFor: id }, "Which documents"), this.#which), this.#list.element, this.#note);
    this.#endStore = context.store.subscribe(({ collections }) => this.#offer(collections));
  }

  destroy(): void {
    this.#endStore();
    this.#list.destroy();
  }

  mark(collection: string, key: string): void {
    this.#list.mark(this.#items.findIndex((item) => item.collection === collection && item.key === key));
  }

  /** Lists what differs, which it returns too, up to a bound; the chosen document is always among it if it differs. */
  async show(before: bigint | undefined, now: bigint, chosen: readonly [string, string] | undefined): Promise<DocumentChange[]> {
    this.#last = [before, now, chosen];
    const { db } = this.context.session;
    // Before the first commit there was nothing: the end of time zero.
    const changes: DocumentChange[] = [];
    let more = false;
    for await (const change of db.diff(before ?? 0n, now)) {
      const wanted = chosen?.[0] === change.collection && chosen[1] === change.key;
      if (changes.length < SHOWN || wanted) changes.push(change);
      else more = true;
      if (more && (!chosen || changes.some((c) => c.collection === chosen[0] && c.key === chosen[1]))) break;
    }
    const kinds = new Map(changes.map((change) => [`${change.collection}\0${change.key}`, kindOf(change)]));
    const collection = this.#which.value;
    if (collection === CHANGED) {
      this.#items = changes.map((change) => ({ collection: change.collection, key: change.key, kind: kindOf(change) }));
    } else {
      const keys = await db.asOf(now).collection(collection).keys({ limit: SHOWN }).toArray();
      this.#items = keys.map((key) => ({ collection, key, kind: kinds.get(`${collection}\0${key}`) ?? "same" }));
      more = keys.length === SHOWN;
    }
    this.#note.textContent = `${count(this.#items.length, "document")}${more ? " and more" : ""}${collection === CHANGED ? " differ" : " then"}`;
    this.#list.setCount(this.#items.length);
    return changes;
  }

  #offer(collections: readonly string[]): void {
    const { value } = this.#which;
    fill(this.#which, h("option", { value: CHANGED }, "What differs"));
    append(this.#which, collections.map((name) => h("option", { value: name }, `All of ${name}`)));
    this.#which.value = collections.includes(value) ? value : CHANGED;
  }
}

function kindOf({ before, after }: DocumentChange): Item["kind"] {
  return before === undefined ? "added" : after === undefined ? "removed" : "changed";
}

const SIGNS = { added: "+", removed: "-", changed: "~", same: "" };
const WORDS = { added: "added", removed: "removed", changed: "changed", same: "" };

function content({ collection, key, kind }: Item, named: boolean) {
  return [h("span", { class: "sign", title: WORDS[kind] }, SIGNS[kind]), named && h("span", { class: "soft" }, `${collection}/`), key];
}
