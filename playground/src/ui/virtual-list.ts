// A list of any length: only the rows in sight are in the page. Arrows, Home, End and Page keys move, Enter or a click
// chooses; the focus stays on the list, as a listbox has it.

import { append, h, uniqueId, type Child } from "./dom.js";

export interface ListOptions {
  label: string;
  rowHeight: number;
  /** What stands in a row, and its class. */
  row(index: number): { class?: string; content: Child[] };
  choose(index: number): void;
  /** The end is in sight: load more if there is more. */
  nearEnd?(): void;
}

const OVERSCAN = 8;

export class VirtualList {
  readonly element: HTMLElement;
  readonly #sizer = h("div", { class: "sizer", role: "presentation" });
  readonly #id = uniqueId("row");
  #count = 0;
  #current = -1;
  #drawn = "";
  readonly #observer: ResizeObserver;

  constructor(readonly options: ListOptions) {
    this.element = h("div", {
      class: "list", role: "listbox", tabIndex: 0, "aria-label": options.label,
      onscroll: () => this.#draw(), onkeydown: (event) => this.#key(event), onclick: (event) => this.#click(event),
    }, this.#sizer);
    this.#observer = new ResizeObserver(() => this.refresh());
    this.#observer.observe(this.element);
  }

  /** Draws again, with this many rows. */
  setCount(count: number): void {
    this.#count = count;
    if (this.#current >= count) this.#current = count - 1;
    this.#sizer.style.height = `${count * this.options.rowHeight}px`;
    this.refresh();
  }

  /** Marks a row without choosing it. */
  mark(index: number, scroll = true): void {
    this.#current = index;
    if (scroll && index >= 0) this.#scrollTo(index);
    this.refresh();
  }

  refresh(): void {
    this.#drawn = "";
    this.#draw();
  }

  destroy(): void {
    this.#observer.disconnect();
  }

  #draw(): void {
    const { rowHeight, row, nearEnd } = this.options;
    const { scrollTop, clientHeight } = this.element;
    const from = Math.max(0, Math.floor(scrollTop / rowHeight) - OVERSCAN);
    const to = Math.min(this.#count, Math.ceil((scrollTop + clientHeight) / rowHeight) + OVERSCAN);
    if (to >= this.#count - OVERSCAN) nearEnd?.();
    const drawn = `${from} ${to}`;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#sizer.replaceChildren();
    for (let index = from; index < to; index++) {
      const { class: name = "", content } = row(index);
      const current = index === this.#current;
      append(this.#sizer, [h("div", {
        class: `row ${name}`, role: "option", id: `${this.#id}-${index}`, style: `top:${index * rowHeight}px;height:${rowHeight}px`,
        "aria-selected": String(current), "aria-posinset": index + 1, "aria-setsize": this.#count, "data-index": index,
      }, content)]);
    }
    if (this.#current >= from && this.#current < to) this.element.setAttribute("aria-activedescendant", `${this.#id}-${this.#current}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #scrollTo(index: number): void {
    const { rowHeight } = this.options;
    const { scrollTop, clientHeight } = this.element;
    if (index * rowHeight < scrollTop) this.element.scrollTop = index * rowHeight;
    else if ((index + 1) * rowHeight > scrollTop + clientHeight) this.element.scrollTop = (index + 1) * rowHeight - clientHeight;
  }

  #key(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.options.rowHeight) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (event.key === "Enter" && this.#current >= 0) this.options.choose(this.#current);
    if (step === undefined || this.#count === 0) return;
    event.preventDefault();
    this.mark(Math.max(0, Math.min(this.#count - 1, this.#current + step)));
    this.options.choose(this.#current);
  }

  #click(event: MouseEvent): void {
    const row = (event.target as Element).closest<HTMLElement>("[data-index]");
    if (!row) return;
    this.mark(Number(row.dataset["index"]), false);
    this.options.choose(this.#current);
  }
}
