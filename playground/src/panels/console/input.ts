// The line that is typed: a text area with a list of completions above it. A text area cannot be a combobox, so a live region
// says how many there are, and the one that is marked is the active descendant.

import { fill, h, uniqueId } from "../../ui/dom.js";
import { complete, type Completion, type Names } from "./complete.js";
import type { Past } from "./past.js";

export interface InputOptions {
  names: Names;
  past: Past;
  run(code: string): void;
}

export class Input {
  readonly element: HTMLElement;
  readonly #area: HTMLTextAreaElement;
  readonly #list = h("ul", { class: "completions", role: "listbox", id: uniqueId("completions"), "aria-label": "Completions", hidden: true });
  readonly #told = h("span", { class: "hidden", "aria-live": "polite" });
  #completion: Completion | undefined;
  #chosen = 0;
  #asked = 0;
  /** Whether the user moved in the list: then Enter takes what is marked. */
  #moved = false;

  constructor(readonly options: InputOptions) {
    const id = uniqueId("line");
    this.#area = h("textarea", {
      id, rows: 1, spellcheck: false, autocapitalize: "off", autocomplete: "off", placeholder: 'await db.collection("people").put("ada", { born: 1815 })',
      "aria-autocomplete": "list", "aria-controls": this.#list.id,
      onkeydown: (event) => this.#key(event), oninput: () => { this.#fit(); void this.#suggest(); }, onblur: () => setTimeout(() => document.activeElement !== this.#area && this.#close(), 150),
    });
    const run = h("button", { class: "main", type: "button", onclick: () => this.#run() }, "Run");
    this.element = h("div", { class: "input" }, h("label", { class: "hidden", htmlFor: id }, "Line to run"), this.#told, this.#list, this.#area, run);
  }

  focus(): void {
    this.#area.focus({ preventScroll: true });
  }

  destroy(): void {
    this.#asked++;
  }

  #fit(): void {
    this.#area.style.height = "auto";
    this.#area.style.height = `${Math.min(this.#area.scrollHeight + 2, 240)}px`;
  }

  #set(text: string): void {
    this.#area.value = text;
    this.#area.setSelectionRange(text.length, text.length);
    this.#fit();
    this.#close();
  }

  #run(): void {
    const code = this.#area.value;
    this.#set("");
    this.options.run(code);
    this.focus();
  }

  #key(event: KeyboardEvent): void {
    const open = this.#completion !== undefined;
    const { value, selectionStart } = this.#area;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.isComposing) return;
    if (event.key === "Tab" && !event.shiftKey && open) this.#take();
    else if (event.key === "Escape" && open) this.#close();
    else if (event.key === "Enter" && open && this.#moved) this.#take();
    else if (event.key === "Enter" && !event.shiftKey) this.#run();
    else if (step !== 0 && open) this.#choose(this.#chosen + step);
    else if (step === -1 && !value.slice(0, selectionStart).includes("\n")) this.#recall(-1);
    else if (step === 1 && !value.slice(selectionStart).includes("\n")) this.#recall(1);
    else if (event.key === " " && event.ctrlKey) void this.#suggest();
    else return;
    event.preventDefault();
  }

  #recall(by: -1 | 1): void {
    const line = this.options.past.step(by, this.#area.value);
    if (line !== undefined) this.#set(line);
  }

  async #suggest(): Promise<void> {
    const asked = ++this.#asked;
    const { value, selectionStart } = this.#area;
    // Without an answer there is nothing to offer; the line itself will say what is wrong.
    const completion = await complete(value, selectionStart, this.options.names).catch(() => undefined);
    if (asked !== this.#asked) return;
    if (!completion) return this.#close();
    this.#completion = completion;
    this.#list.hidden = false;
    // The line that they are offered for: while the next ones are looked up, the last ones stand.
    this.#list.dataset["line"] = value;
    fill(this.#list, completion.options.map(({ text, hint }, i) =>
      h("li", { role: "option", id: `${this.#list.id}-${i}`, "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); this.#chosen = i; this.#take(); } },
        h("code", {}, text), h("span", { class: "soft" }, hint))));
    this.#told.textContent = `${completion.options.length} completions, Tab takes ${completion.options[0]!.text}`;
    this.#moved = false;
    this.#mark(0);
  }

  #choose(index: number): void {
    this.#moved = true;
    this.#mark(index);
  }

  #mark(index: number): void {
    const items = [...this.#list.children];
    this.#chosen = (index + items.length) % items.length;
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === this.#chosen)));
    const item = items[this.#chosen];
    item?.scrollIntoView({ block: "nearest" });
    if (item) this.#area.setAttribute("aria-activedescendant", item.id);
  }

  #take(): void {
    const completion = this.#completion;
    const option = completion?.options[this.#chosen];
    if (!completion || !option) return;
    const { value, selectionStart } = this.#area;
    const before = value.slice(0, completion.from) + option.text;
    this.#area.value = before + value.slice(selectionStart);
    this.#area.setSelectionRange(before.length, before.length);
    this.#close();
    this.#fit();
  }

  #close(): void {
    this.#asked++;
    this.#completion = undefined;
    this.#list.hidden = true;
    this.#told.textContent = "";
    this.#area.removeAttribute("aria-activedescendant");
  }
}
