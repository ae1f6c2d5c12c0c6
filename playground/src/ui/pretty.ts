// Values as lines of text: JSON, with what JSON lacks written as JavaScript has it. Pure.

import type { Value } from "koru-delta";

/** Bytes of a value that are shown as digits before the rest is counted. */
const BYTES_SHOWN = 32;

export function scalar(value: Value | undefined): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) {
    const digits = [...value.subarray(0, BYTES_SHOWN)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return `<${value.length} bytes: ${digits}${value.length > BYTES_SHOWN ? " ..." : ""}>`;
  }
  if (Object.is(value, -0)) return "-0.0";
  return String(value);
}

export type Container = readonly Value[] | { readonly [key: string]: Value | undefined };

export function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && (Array.isArray(value) || isPlain(value));
}

export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** The lines of a value, two spaces a level; `label` goes before the first line, and `comma` behind the last. */
export function pretty(value: Value | undefined, indent = 0, label = "", comma = ""): string[] {
  const space = "  ".repeat(indent);
  if (!isContainer(value)) return [`${space}${label}${scalar(value)}${comma}`];
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const entries = entriesOf(value);
  if (entries.length === 0) return [`${space}${label}${open}${close}${comma}`];
  const lines = [`${space}${label}${open}`];
  entries.forEach(([name, part], i) => {
    for (const line of pretty(part, indent + 1, name, i < entries.length - 1 ? "," : "")) lines.push(line);
  });
  lines.push(`${space}${close}${comma}`);
  return lines;
}

function entriesOf(value: Container): [label: string, value: Value | undefined][] {
  if (Array.isArray(value)) return value.map((part: Value) => ["", part]);
  return Object.entries(value).map(([key, part]) => [`${JSON.stringify(key)}: `, part as Value]);
}

/** A value in one line of at most so many characters. */
export function brief(value: Value | undefined, most = 80): string {
  const text = isContainer(value) ? briefly(value, most) : typeof value === "string" ? JSON.stringify(value.slice(0, most)) : scalar(value);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function briefly(value: Container, most: number): string {
  let text = Array.isArray(value) ? "[" : "{";
  const entries = entriesOf(value);
  for (const [i, [label, part]] of entries.entries()) {
    if (text.length > most) return text;
    text += `${i > 0 ? ", " : ""}${label}${isContainer(part) ? briefly(part, most - text.length) : scalar(typeof part === "string" ? part.slice(0, most) : part)}`;
  }
  return text + (Array.isArray(value) ? "]" : "}");
}

/** Parses JSON as values: whole numbers beyond 2^53 become `bigint`, where the browser can tell; else they are refused. */
export function parseJson(text: string): Value {
  const reviver = (_: string, value: unknown, context?: { source?: string }): unknown => {
    if (typeof value !== "number" || !Number.isInteger(value) || Number.isSafeInteger(value)) return value;
    const source = context?.source;
    if (source === undefined) throw new SyntaxError(`this browser cannot read ${value} exactly: write it in the console as a bigint`);
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown) as Value;
}

/** JSON that `parseJson` reads back to the same value; `undefined` if there is none, because it holds bytes. */
export function toJson(value: Value): string | undefined {
  if (holdsBytes(value)) return undefined;
  return pretty(value).map((line) => line.replace(/^((?:[^"]|"(?:[^"\\]|\\.)*")*?)(-?\d+)n(,?)$/, "$1$2$3")).join("\n");
}

function holdsBytes(value: Value | undefined): boolean {
  if (value instanceof Uint8Array) return true;
  return isContainer(value) && Object.values(value).some((part) => holdsBytes(part as Value));
}
