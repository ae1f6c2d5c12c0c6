// Two values side by side, as rows of lines: texts line by line, maps by key, arrays by their elements. Pure.

import { diffArrays } from "diff";
import type { Value } from "koru-delta";
import { isContainer, pretty } from "./pretty.js";

export interface Row {
  kind: "same" | "changed" | "removed" | "added";
  left?: string;
  right?: string;
  /** Line numbers, from 1. */
  leftNumber?: number;
  rightNumber?: number;
}

/** Edits after which two lists of lines count as wholly different: it bounds the time of a comparison. */
const EDITS_MAX = 4000;

type Bare = Pick<Row, "kind" | "left" | "right">;

/** `undefined` means that the document was not there. */
export function rowsOf(before: Value | undefined, after: Value | undefined): Row[] {
  const rows: Bare[] = [];
  const texts = [before, after].every((value) => typeof value === "string" || value === undefined);
  if (texts) compareLines(linesOf(before as string | undefined), linesOf(after as string | undefined), rows);
  else if (before === undefined) one("added", pretty(after), rows);
  else if (after === undefined) one("removed", pretty(before), rows);
  else compare(before, after, 0, "", "", "", rows);
  return numbered(rows);
}

function linesOf(text: string | undefined): string[] {
  return text === undefined || text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}

function numbered(rows: Bare[]): Row[] {
  let left = 0;
  let right = 0;
  return rows.map((row) => ({
    ...row,
    ...(row.left !== undefined && { leftNumber: ++left }),
    ...(row.right !== undefined && { rightNumber: ++right }),
  }));
}

function one(kind: "removed" | "added", lines: string[], rows: Bare[]): void {
  for (const line of lines) rows.push(kind === "removed" ? { kind, left: line } : { kind, right: line });
}

/** Pairs what was replaced line by line; what is left over on one side stands alone. */
function replace(left: string[], right: string[], rows: Bare[]): void {
  const both = Math.min(left.length, right.length);
  for (let i = 0; i < both; i++) {
    const kind = left[i] === right[i] ? "same" : "changed";
    rows.push({ kind, left: left[i]!, right: right[i]! });
  }
  one("removed", left.slice(both), rows);
  one("added", right.slice(both), rows);
}

interface Run<T> {
  left: T[];
  right: T[];
  same: boolean;
}

/** Runs that are equal, and runs where something was taken away, added, or both. */
function runs<T>(left: T[], right: T[], keyOf: (part: T) => string): Run<T>[] {
  const parts = diffArrays(left.map(keyOf), right.map(keyOf), { maxEditLength: EDITS_MAX });
  if (!parts) return [{ left, right, same: false }];
  const found: Run<T>[] = [];
  let [l, r] = [0, 0];
  for (const { added, removed, value: { length } } of parts) {
    const last = found.at(-1);
    const run = !added && !removed ? { left: [], right: [], same: true } : last && !last.same ? last : { left: [], right: [], same: false };
    if (run !== last) found.push(run);
    if (!added) run.left.push(...left.slice(l, (l += length)));
    if (!removed) run.right.push(...right.slice(r, (r += length)));
  }
  return found;
}

function compareLines(left: string[], right: string[], rows: Bare[]): void {
  for (const run of runs(left, right, (line) => line)) replace(run.left, run.right, rows);
}

function compare(a: Value | undefined, b: Value | undefined, indent: number, label: string, commaA: string, commaB: string, rows: Bare[]): void {
  const [left, right] = [pretty(a, indent, label, commaA), pretty(b, indent, label, commaB)];
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b) || left.length === 1 || right.length === 1) {
    return replace(left, right, rows);
  }
  replace([left[0]!], [right[0]!], rows);
  if (Array.isArray(a)) compareElements(a as Value[], b as Value[], indent + 1, rows);
  else compareFields(a as Fields, b as Fields, indent + 1, rows);
  replace([left.at(-1)!], [right.at(-1)!], rows);
}

type Fields = Record<string, Value | undefined>;

function compareFields(a: Fields, b: Fields, indent: number, rows: Bare[]): void {
  const [keysA, keysB] = [Object.keys(a), Object.keys(b)];
  const comma = (keys: string[], key: string) => (key === keys.at(-1) ? "" : ",");
  for (const key of [...new Set([...keysA, ...keysB])].sort()) {
    const label = `${JSON.stringify(key)}: `;
    const [inA, inB] = [Object.hasOwn(a, key), Object.hasOwn(b, key)];
    if (inA && inB) compare(a[key], b[key], indent, label, comma(keysA, key), comma(keysB, key), rows);
    else if (inA) one("removed", pretty(a[key], indent, label, comma(keysA, key)), rows);
    else one("added", pretty(b[key], indent, label, comma(keysB, key)), rows);
  }
}

function compareElements(a: Value[], b: Value[], indent: number, rows: Bare[]): void {
  let [i, j] = [0, 0];
  for (const { left, right } of runs(a, b, (value) => pretty(value).join("\n"))) {
    const both = Math.min(left.length, right.length);
    const commaA = () => (++i < a.length ? "," : "");
    const commaB = () => (++j < b.length ? "," : "");
    for (let k = 0; k < both; k++) compare(left[k], right[k], indent, "", commaA(), commaB(), rows);
    for (const value of left.slice(both)) one("removed", pretty(value, indent, "", commaA()), rows);
    for (const value of right.slice(both)) one("added", pretty(value, indent, "", commaB()), rows);
  }
}
