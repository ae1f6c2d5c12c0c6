// What a search found and how: the neighbours with their scores, the plan, how many of the truly nearest they are, and what
// the index is.

import type { Hits, Value, VectorInfo } from "koru-delta";
import { fill, h } from "../../ui/dom.js";
import { bytes, count, number } from "../../ui/format.js";
import { detailOf, titleOf } from "./describe.js";

export interface Found {
  hits: Hits<Value, "values" | "vectors">;
  /** The keys of the truly nearest. */
  exact: readonly string[];
  /** How long the search took from here to the engine and back, in milliseconds. */
  took: number;
  exactTook: number;
}

/** The neighbours, as buttons that search from them. */
export function neighbours({ hits }: Found, choose: (index: number) => void): HTMLElement[] {
  return hits.map(({ key, score, value }, i) => {
    const title = titleOf(key, value);
    return h("li", {}, h("button", { type: "button", class: "near", "data-key": key, onclick: () => choose(i) },
      h("strong", {}, title), h("span", { class: "score" }, score.toFixed(4)), h("span", { class: "soft" }, detailOf(value, title))));
  });
}

/** In one sentence, for the eye and for those who hear it. */
export function summary({ hits, exact, took }: Found): string {
  const right = hits.filter(({ key }) => exact.includes(key)).length;
  return `${count(hits.length, "neighbour")} by ${PLANS[hits.explain.plan]} in ${took.toFixed(1)} ms; ${right} of the ${exact.length} nearest`;
}

const PLANS = { documents: "all documents", rows: "all vectors", flat: "codes", graph: "graph" };

export function explained(host: Element, { hits: { explain }, exactTook }: Found): void {
  fill(host, row("Plan", h("code", { class: "plan" }, explain.plan), explain.degraded && h("strong", { class: "degraded" }, " degraded")),
    row("Why", explain.reason),
    row("Vectors", `${number(explain.rows)}, of which moment, keys and filter take ${number(explain.taken)}`),
    row("Compared exactly", number(explain.compared)),
    row("Exact search", `${exactTook.toFixed(1)} ms`));
}

export function told(host: Element, { config, documents, versions, index, codes, linked, memoryBytes, ready }: VectorInfo): void {
  fill(host, row("Vectors", `${number(documents)} of ${config.dimension} numbers, by ${config.metric}; ${count(versions, "version")}`),
    row("Index", h("code", { class: "index" }, index), config.index === "auto" && " chosen by auto"),
    row("Codes", h("code", {}, codes), config.codes === "auto" && " chosen by auto"),
    index === "hnsw" && row("In the graph", `${number(linked)} of ${number(versions)}`),
    row("Memory", bytes(memoryBytes)),
    row("State", h("span", { class: "ready" }, ready ? "ready" : "being made")));
}

function row(name: string, ...value: (Node | string | false)[]): HTMLElement {
  return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value));
}
