// Rows of a comparison as a table: side by side, or one below the other. Long runs of equal lines are folded.

import { count } from "./format.js";
import { append, h } from "./dom.js";
import type { Row } from "./diff-rows.js";

/** Equal lines that stay beside a change. */
const CONTEXT = 3;
/** Rows that are made before the reader is asked for more. */
const ROWS_SHOWN = 2000;

export interface DiffOptions {
  label: string;
  side: boolean;
  /** Whether equal lines far from a change are folded. */
  fold: boolean;
}

export function diffView(rows: Row[], { label, side, fold }: DiffOptions): HTMLElement {
  const body = h("tbody", {});
  const pieces = fold ? folded(rows) : [rows];
  let shown = 0;
  const show = (from: number): void => {
    for (let i = from; i < pieces.length; i++) {
      const piece = pieces[i]!;
      if (!Array.isArray(piece)) {
        append(body, [foldRow(piece.hidden, side)]);
        continue;
      }
      if (shown > 0 && shown + piece.length > ROWS_SHOWN) return append(body, [moreRow(() => { shown = 0; show(i); }, side)]);
      shown += piece.length;
      append(body, piece.slice(0, ROWS_SHOWN).flatMap((row) => rowElements(row, side)));
      if (piece.length > ROWS_SHOWN) {
        pieces.splice(i + 1, 0, piece.slice(ROWS_SHOWN));
      }
    }
  };
  show(0);
  return h("div", { class: "diff-scroll", tabIndex: 0, role: "region", "aria-label": label }, h("table", { class: side ? "diff side" : "diff" }, body));
}

/** What differs, in words. */
export function summary(rows: Row[]): string {
  const lines = (kind: Row["kind"]) => rows.filter((row) => row.kind === kind).length;
  const [changed, added, removed] = [lines("changed"), lines("added"), lines("removed")];
  if (changed + added + removed === 0) return "no difference";
  return [changed && `${count(changed, "line")} changed`, added && `${added} added`, removed && `${removed} removed`].filter(Boolean).join(", ");
}

interface Fold {
  hidden: Row[];
}

function folded(rows: Row[]): (Row[] | Fold)[] {
  const pieces: (Row[] | Fold)[] = [];
  let from = 0;
  while (from < rows.length) {
    let to = from;
    while (to < rows.length && (rows[to]!.kind === "same") === (rows[from]!.kind === "same")) to++;
    const run = rows.slice(from, to);
    const [head, tail] = [from === 0 ? 0 : CONTEXT, to === rows.length ? 0 : CONTEXT];
    if (run[0]!.kind === "same" && run.length > head + tail + 2) {
      pieces.push(run.slice(0, head), { hidden: run.slice(head, run.length - tail) }, run.slice(run.length - tail));
    } else pieces.push(run);
    from = to;
  }
  return pieces;
}

function rowElements(row: Row, side: boolean): HTMLElement[] {
  const { kind, left, right, leftNumber, rightNumber } = row;
  const tr = (as: string, ...cells: HTMLElement[]) => h("tr", { class: as }, ...cells);
  const num = (n: number | undefined) => h("td", { class: "num" }, n);
  const old = (text: string | undefined) => h("td", { class: text === undefined ? "line none" : "line left" }, kind !== "same" && text !== undefined && h("span", { class: "sign" }, "-"), text);
  const now = (text: string | undefined) => h("td", { class: text === undefined ? "line none" : "line right" }, kind !== "same" && text !== undefined && h("span", { class: "sign" }, "+"), text);
  if (side) return [tr(kind, num(leftNumber), old(left), num(rightNumber), now(right))];
  if (kind === "same") return [tr(kind, num(rightNumber), now(right))];
  const both: HTMLElement[] = [];
  if (left !== undefined) both.push(tr("removed", num(leftNumber), old(left)));
  if (right !== undefined) both.push(tr("added", num(rightNumber), now(right)));
  return both;
}

function foldRow(hidden: Row[], side: boolean): HTMLElement {
  const button = h("button", { class: "quiet", type: "button" }, count(hidden.length, "equal line"));
  const row = h("tr", { class: "fold" }, h("td", { colSpan: side ? 4 : 2 }, button));
  button.addEventListener("click", () => row.replaceWith(...hidden.flatMap((line) => rowElements(line, side))));
  return row;
}

function moreRow(more: () => void, side: boolean): HTMLElement {
  const button = h("button", { class: "quiet", type: "button" }, "Show more lines");
  const row = h("tr", { class: "fold" }, h("td", { colSpan: side ? 4 : 2 }, button));
  button.addEventListener("click", () => { row.remove(); more(); });
  return row;
}
