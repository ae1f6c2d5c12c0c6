// A value to look at: texts as lines, everything else as a tree that opens and closes.

import type { Value } from "koru-delta";
import { h } from "./dom.js";
import { brief, isContainer, scalar } from "./pretty.js";

/** Entries of one container that are shown before the reader is asked for more. */
const ENTRIES_SHOWN = 200;

/** `levels` says how deep the tree is open at first. */
export function valueView(value: Value | undefined, levels = 2): HTMLElement {
  if (typeof value === "string" && value.includes("\n")) return textView(value);
  return h("div", { class: "tree" }, node(undefined, value, levels));
}

/** A text with the numbers of its lines: two elements, however long it is. */
export function textView(text: string): HTMLElement {
  const lines = text.replace(/\n$/, "").split("\n").length;
  const numbers = Array.from({ length: lines }, (_, i) => i + 1).join("\n");
  return h("div", { class: "text", tabIndex: 0, role: "region", "aria-label": "Text" }, h("pre", { class: "numbers", "aria-hidden": "true" }, numbers), h("pre", { class: "lines" }, text));
}

function node(label: string | undefined, value: Value | undefined, levels: number): HTMLElement {
  const name = label !== undefined && [h("span", { class: "key" }, label), ": "];
  if (!isContainer(value) || Object.keys(value).length === 0) {
    return h("div", { class: "leaf" }, name, isContainer(value) ? (Array.isArray(value) ? "[]" : "{}") : leaf(value));
  }
  const entries = Object.entries(value) as [string, Value][];
  const inside = h("div", { class: "inside" });
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  const details = h("details", {}, h("summary", {}, name, h("span", { class: "soft" }, size, " "), h("span", { class: "brief soft" }, brief(value, 72))), inside);
  const show = (from: number) => {
    for (const [key, part] of entries.slice(from, from + ENTRIES_SHOWN)) inside.append(node(key, part, levels - 1));
    const left = entries.length - from - ENTRIES_SHOWN;
    if (left <= 0) return;
    const more = h("button", { class: "quiet", type: "button", onclick: () => { more.remove(); show(from + ENTRIES_SHOWN); } }, `${left} more`);
    inside.append(more);
  };
  // What is closed is not made: a large value costs what is looked at.
  const fill = () => { if (!inside.hasChildNodes()) show(0); };
  details.addEventListener("toggle", fill);
  if (levels > 0) {
    details.open = true;
    fill();
  }
  return details;
}

export function leaf(value: unknown): HTMLElement {
  const type = value === null ? "null" : value instanceof Uint8Array ? "bytes" : typeof value;
  return h("span", { class: `v-${type}` }, scalar(value as Value));
}
