// The controls of a search: how many neighbours, how many candidates, which index and codes, and a filter.

import type { VectorConfig } from "koru-delta";
import type { Value } from "koru-delta";
import { h, uniqueId } from "../../ui/dom.js";
import { isContainer, parseJson } from "../../ui/pretty.js";

export const K_MAX = 50;
const EF_MAX = 400;
const INDEXES = ["auto", "flat", "hnsw"] as const;
const CODES = ["auto", "f32", "f16", "i8", "i4", "binary"] as const;
/** The graph goes over these. */
const OF_GRAPH: readonly string[] = ["auto", "i8"];

export class Controls {
  readonly element: HTMLElement;
  readonly #k: HTMLInputElement;
  readonly #ef: HTMLInputElement;
  readonly #index: HTMLSelectElement;
  readonly #codes: HTMLSelectElement;
  readonly #filter: HTMLInputElement;
  readonly #problem = h("p", { class: "failure", id: uniqueId("filter-problem"), role: "status" });
  #value: Value | undefined;

  /** `changed` is called when another search is asked for, `configured` when another index is. */
  constructor(first: Readonly<Record<string, string>>, changed: () => void, configured: (config: Pick<VectorConfig, "index" | "codes">) => void) {
    const range = (label: string, most: number, value: number) => {
      const told = h("output", {}, String(value));
      const input = h("input", { type: "range", id: uniqueId("range"), min: "1", max: String(most), step: "1", value: String(value), oninput: () => { told.textContent = input.value; changed(); } });
      told.htmlFor.add(input.id);
      return [input, h("div", { class: "knob" }, h("label", { htmlFor: input.id }, label), input, told)] as const;
    };
    const choice = (label: string, words: readonly string[], chosen: () => void) => {
      const select = h("select", { id: uniqueId("choice"), onchange: chosen }, words.map((word) => h("option", { value: word }, word)));
      return [select, h("div", { class: "field" }, h("label", { htmlFor: select.id }, label), select)] as const;
    };
    const within = (text: string | undefined, most: number, otherwise: number) => (/^\d+$/.test(text ?? "") ? Math.min(most, Math.max(1, Number(text))) : otherwise);
    const [k, kRow] = range("k", K_MAX, within(first["k"], K_MAX, 10));
    const [ef, efRow] = range("ef", EF_MAX, within(first["ef"], EF_MAX, 64));
    const configure = () => configured({ index: this.#index.value as VectorConfig["index"], codes: this.#codes.value as VectorConfig["codes"] });
    const [index, indexField] = choice("Index", INDEXES, () => {
      if (index.value === "hnsw" && !OF_GRAPH.includes(codes.value)) codes.value = "auto";
      configure();
    });
    const [codes, codesField] = choice("Codes", CODES, () => {
      if (index.value === "hnsw" && !OF_GRAPH.includes(codes.value)) index.value = "flat";
      configure();
    });
    [this.#k, this.#ef, this.#index, this.#codes] = [k, ef, index, codes];
    k.title = "How many neighbours are found";
    ef.title = "How many candidates are followed in a graph";
    this.#filter = h("input", {
      type: "text", id: uniqueId("filter"), class: "mono", spellcheck: false, autocomplete: "off", placeholder: '{ "topic": "noun.food" }', value: first["filter"] ?? "", "aria-describedby": this.#problem.id,
      oninput: () => { if (this.#read()) changed(); },
    });
    this.element = h("div", { class: "controls" }, kRow, efRow, h("div", { class: "fields" }, indexField, codesField),
      h("div", { class: "field" }, h("label", { htmlFor: this.#filter.id }, "Filter (JSON)"), this.#filter, this.#problem));
    this.#read();
  }

  get k(): number {
    return Number(this.#k.value);
  }

  get ef(): number {
    return Number(this.#ef.value);
  }

  get filter(): Value | undefined {
    return this.#value;
  }

  /** What of it the address keeps. */
  get words(): Record<string, string | undefined> {
    return { k: this.#k.value, ef: this.#ef.value, filter: this.#value === undefined ? undefined : this.#filter.value };
  }

  /** Shows the configuration as it is. */
  set config({ index, codes }: VectorConfig) {
    this.#index.value = index;
    this.#codes.value = codes;
  }

  /** The filter is not one that the engine takes. */
  refuse(message: string): void {
    this.#filter.setAttribute("aria-invalid", "true");
    this.#problem.textContent = message;
  }

  /** Whether what is written is JSON. What is not leaves the last filter in force. */
  #read(): boolean {
    const text = this.#filter.value.trim();
    try {
      const value = text === "" ? undefined : parseJson(text);
      if (value !== undefined && (!isContainer(value) || Array.isArray(value))) throw new SyntaxError("a filter is an object of fields");
      this.#value = value;
      this.#filter.removeAttribute("aria-invalid");
      this.#problem.textContent = "";
      return true;
    } catch (error) {
      this.refuse((error as Error).message);
      return false;
    }
  }
}
