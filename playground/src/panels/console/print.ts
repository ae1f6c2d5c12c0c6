// Results of the console, as elements. Rows are read as they come, up to a bound; a watch is shown until it is stopped.

import { Rows, type Value } from "koru-delta";
import { append, h } from "../../ui/dom.js";
import { ago, dateOf, shortVersion, time } from "../../ui/format.js";
import { brief, isPlain } from "../../ui/pretty.js";
import { leaf, valueView } from "../../ui/value-view.js";

const ROWS_MAX = 100;

export function print(value: unknown): HTMLElement {
  if (value instanceof Rows) return printRows(value as Rows<unknown>);
  if (value instanceof Date) return h("div", { class: "tree" }, time(value), " ", h("span", { class: "soft" }, ago(value)));
  if (typeof value === "bigint" && value > 1n << 50n) {
    return h("div", { class: "tree" }, leaf(value), " ", h("span", { class: "soft" }, `as a timestamp ${time(dateOf(value))}`));
  }
  if (typeof value === "function") return h("div", { class: "tree soft" }, "a function: call it with ( )");
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && !isPlain(value)) {
    return printObject(value);
  }
  if (Array.isArray(value) && value.length > 0 && value.every(isRow)) return table(value.slice(0, ROWS_MAX) as Row[], value.length);
  return valueView(plain(value) as Value | undefined);
}

function printObject(value: object): HTMLElement {
  if (value instanceof ReadableStream) return h("div", { class: "tree soft" }, "a stream of bytes: the Database panel saves it as a file");
  const { name } = value as { name?: unknown };
  const names: string[] = [];
  for (let from: unknown = Object.getPrototypeOf(value); from && from !== Object.prototype; from = Object.getPrototypeOf(from)) {
    names.push(...Object.getOwnPropertyNames(from).filter((method) => method !== "constructor"));
  }
  return h("div", { class: "tree soft" }, typeof name === "string" ? `collection ${JSON.stringify(name)}: ` : "", [...new Set(names)].sort().join(", "));
}

/** Dates and errors within a result, as something that a tree can show. */
function plain(value: unknown, depth = 0): unknown {
  if (value instanceof Date) return time(value);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || depth > 200) return value;
  if (Array.isArray(value)) return value.map((part) => plain(part, depth + 1));
  if (!isPlain(value)) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part, depth + 1)]));
}

interface Row {
  key?: string;
  version?: string;
  timestamp?: bigint;
  value?: Value;
  [name: string]: unknown;
}

/** Documents, versions and commits have a version and a time, and are best read as a table. */
function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && typeof (value as Row).version === "string" && typeof (value as Row).timestamp === "bigint";
}

function table(rows: Row[], all: number): HTMLElement {
  const body = h("tbody", {}, rows.map(tableRow));
  const more = all > rows.length && h("p", { class: "soft" }, `the first ${rows.length} of ${all}`);
  return h("div", { class: "result-table", tabIndex: 0, role: "region", "aria-label": "Rows" }, h("table", {}, body), more);
}

function tableRow(row: Row): HTMLElement {
  const { key, version, timestamp, value, deleted, message, changes } = row;
  const what = deleted ? h("span", { class: "soft" }, "deleted") : Array.isArray(changes) ? String(message ?? `${changes.length} changes`).split("\n", 1) : h("code", {}, brief(value, 110));
  const when = dateOf(timestamp!);
  return h("tr", {}, key !== undefined && h("th", { scope: "row" }, key), h("td", { class: "wide" }, what), h("td", { class: "mono soft" }, shortVersion(version!)), h("td", { class: "soft", title: time(when) }, ago(when)));
}

function printRows(rows: Rows<unknown>): HTMLElement {
  const body = h("tbody", {});
  const note = h("p", { class: "soft" }, "reading ...");
  const stop = h("button", { type: "button", class: "quiet", onclick: () => end("stopped") }, "Stop");
  const iterator = rows[Symbol.asyncIterator]();
  let [shown, over] = [0, false];
  const end = (text: string) => {
    if (over) return;
    over = true;
    note.textContent = text;
    stop.remove();
    iterator.return().catch(() => {});
  };
  const read = async () => {
    while (!over) {
      const { done, value } = await iterator.next();
      if (over) return;
      if (done) return end(shown === 0 ? "no rows" : `${shown} ${shown === 1 ? "row" : "rows"}`);
      append(body, [isRow(value) ? tableRow(value) : h("tr", {}, h("td", { class: "wide" }, typeof value === "string" ? leaf(value) : rowOf(value)))]);
      if (++shown === ROWS_MAX) return end(`the first ${ROWS_MAX} rows`);
      note.textContent = `${shown} so far`;
    }
  };
  read().catch((error: { code?: string; message: string }) => end(`${error.code ?? "Error"}: ${error.message}`));
  return h("div", { class: "result-table", tabIndex: 0, role: "region", "aria-label": "Rows" }, h("table", {}, body), h("div", { class: "line" }, note, stop));
}

/** A row of a watch or of a difference. */
function rowOf(value: unknown): HTMLElement {
  const { commit } = value as { commit?: Row };
  if (commit && isRow(commit)) {
    const changes = (commit["changes"] ?? []) as { collection: string; key: string; deleted: boolean }[];
    return h("span", {}, changes.slice(0, 5).map((change) => h("code", {}, `${change.deleted ? "- " : ""}${change.collection}/${change.key} `)), changes.length > 5 && `and ${changes.length - 5} more`);
  }
  return valueView(plain(value) as Value, 1);
}
