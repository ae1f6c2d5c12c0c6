// What a document is called on the map, and which of its fields could colour it. Pure.

import type { Value } from "koru-delta";
import { brief, isContainer } from "../../ui/pretty.js";

const NAMES = ["title", "name", "words", "label", "text", "summary"];
const TITLE_CHARS = 60;
/** A field of more kinds than there are colours tells little by colour. */
export const COLOURS = 12;
const KINDS_MAX = 40;

type Fields = Readonly<Record<string, Value | undefined>>;

export function fieldsOf(value: Value | undefined): Fields {
  return isContainer(value) && !Array.isArray(value) ? (value as Fields) : {};
}

export function titleOf(key: string, value: Value | undefined): string {
  if (typeof value === "string") return cut(value);
  const fields = fieldsOf(value);
  for (const name of NAMES) {
    const found = fields[name];
    if (typeof found === "string" && found !== "") return cut(found);
    if (Array.isArray(found) && found.length > 0 && found.every((part) => typeof part === "string")) return cut(found.join(", "));
  }
  return key;
}

/** What else there is to say about a document, in one line. */
export function detailOf(value: Value | undefined, title: string): string {
  const texts = Object.values(fieldsOf(value)).filter((part): part is string => typeof part === "string" && cut(part) !== title);
  return texts.sort((a, b) => b.length - a.length)[0] ?? brief(value, 160);
}

/** The text that stands for a field's value in the legend; `undefined` for what is no kind of thing. */
export function kindOf(value: Value | undefined, field: string): string | undefined {
  const found = fieldsOf(value)[field];
  return ["string", "number", "boolean", "bigint"].includes(typeof found) ? String(found) : undefined;
}

/** Fields that have few kinds, the one with the fewest documents left out first. */
export function colourFields(values: readonly (Value | undefined)[]): string[] {
  const kinds = new Map<string, Set<string>>();
  const counts = new Map<string, number>();
  for (const value of values) {
    for (const field of Object.keys(fieldsOf(value))) {
      const kind = kindOf(value, field);
      if (kind === undefined) continue;
      const known = kinds.get(field) ?? new Set();
      kinds.set(field, known);
      if (known.size <= KINDS_MAX) known.add(kind);
      counts.set(field, (counts.get(field) ?? 0) + 1);
    }
  }
  const fitting = [...kinds].filter(([, known]) => known.size > 1 && known.size <= KINDS_MAX).map(([field]) => field);
  return fitting.sort((a, b) => counts.get(b)! - counts.get(a)! || (a < b ? -1 : 1));
}

/** The kinds of a field from the most frequent one on. */
export function kindsOf(values: readonly (Value | undefined)[], field: string): [kind: string, documents: number][] {
  const counts = new Map<string, number>();
  for (const value of values) {
    const kind = kindOf(value, field);
    if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}

function cut(text: string): string {
  const line = text.split("\n", 1)[0]!;
  return line.length > TITLE_CHARS ? `${line.slice(0, TITLE_CHARS - 1)}…` : line;
}
