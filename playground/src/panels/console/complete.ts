// What could stand at the cursor: methods after a dot, collections and keys inside quotes, names elsewhere. It reads the
// text before the cursor and never runs it.

import { API, type Kind } from "./api.js";

export interface Option {
  text: string;
  hint: string;
}

export interface Completion {
  /** The place of what the options would replace, up to the cursor. */
  from: number;
  options: Option[];
}

/** Where names come from. */
export interface Names {
  /** What the console's lines have named. */
  scope: Readonly<Record<string, unknown>>;
  collections(): Promise<readonly string[]>;
  keys(collection: string, prefix: string): Promise<readonly string[]>;
}

const OPTIONS_MAX = 50;
const OPEN_STRING = /(["'`])((?:(?!\1)[^\\\n])*)$/;
const COLLECTION_CALL = /\.collection(?:<[^>]*>)?\(\s*$/;
const KEY_CALL = /\.(?:get|document|put|delete|history|heads|version|restore|diff|lineage|at)\(\s*$/;
const OF_COLLECTION = /\.collection\(\s*(["'`])([^"'`]*)\1\s*\)(?:\.asOf\((?:[^()]|\([^()]*\))*\))?$/;
const IDENTIFIER = /([A-Za-z_$][\w$]*)$/;

export async function complete(text: string, cursor: number, names: Names): Promise<Completion | undefined> {
  const before = text.slice(0, cursor);
  const string = OPEN_STRING.exec(before);
  if (string && !closed(before)) return inString(before.slice(0, string.index), string[2]!, cursor, names);
  const [, word = ""] = IDENTIFIER.exec(before) ?? [];
  const rest = before.slice(0, before.length - word.length);
  if (rest.endsWith(".")) return member(rest.slice(0, -1).trimEnd(), word, cursor, names);
  if (word === "") return undefined;
  const known = [...Object.keys(names.scope), "await", "const"].map((name) => ({ text: name, hint: describe(names.scope[name]) }));
  return offer(known, word, cursor);
}

/** Whether every quote before the cursor has its partner. */
function closed(before: string): boolean {
  let open = "";
  for (let i = 0; i < before.length; i++) {
    const c = before[i]!;
    if (c === "\\") i++;
    else if (open === "" ? /["'`]/.test(c) : c === open) open = open === "" ? c : "";
  }
  return open === "";
}

async function inString(before: string, typed: string, cursor: number, names: Names): Promise<Completion | undefined> {
  if (COLLECTION_CALL.test(before)) {
    const all = await names.collections();
    return offer(all.map((name) => ({ text: name, hint: "collection" })), typed, cursor);
  }
  const call = KEY_CALL.exec(before);
  const collection = call && collectionOf(before.slice(0, call.index), names);
  if (!collection) return undefined;
  const keys = await names.keys(collection, typed);
  return offer(keys.map((key) => ({ text: key, hint: collection })), typed, cursor);
}

/** The name of the collection that an expression ends with. */
function collectionOf(expression: string, names: Names): string | undefined {
  const direct = OF_COLLECTION.exec(expression);
  if (direct) return direct[2];
  const [, name = ""] = IDENTIFIER.exec(expression) ?? [];
  const value = names.scope[name] as { name?: unknown; scan?: unknown } | undefined;
  return typeof value?.name === "string" && value.scan ? value.name : undefined;
}

function member(expression: string, word: string, cursor: number, names: Names): Completion | undefined {
  const kind = kindOf(expression, names);
  if (!kind) return undefined;
  return offer(Object.entries(API[kind]).map(([text, hint]) => ({ text, hint })), word, cursor);
}

function kindOf(expression: string, names: Names): Kind | undefined {
  if (/\.(?:scan|keys|history|log|watch|diff)\((?:[^()]|\([^()]*\))*\)$/.test(expression)) return "Rows";
  const past = /\.asOf\((?:[^()]|\([^()]*\))*\)/.test(expression);
  if (/\.collection\((?:[^()]|\([^()]*\))*\)$/.test(expression)) return past ? "SnapshotCollection" : "Collection";
  if (/\.collection\((?:[^()]|\([^()]*\))*\)\.asOf\((?:[^()]|\([^()]*\))*\)$/.test(expression)) return "SnapshotCollection";
  if (/\.asOf\((?:[^()]|\([^()]*\))*\)$/.test(expression)) return "Snapshot";
  if (/\.workspace\([^()]*\)$/.test(expression)) return "Workspace";
  const [, name = ""] = IDENTIFIER.exec(expression) ?? [];
  if (expression.slice(0, expression.length - name.length).trimEnd().endsWith(".")) return undefined;
  return kindOfValue(names.scope[name]);
}

/** By what it can do: the names of classes do not survive a build. */
function kindOfValue(value: unknown): Kind | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ("transaction" in value && "collections" in value) return "workspace" in value ? "Database" : "Workspace";
  if ("putMany" in value) return "Collection";
  if ("scan" in value) return "SnapshotCollection";
  if ("collections" in value) return "Snapshot";
  return "toArray" in value ? "Rows" : undefined;
}

function describe(value: unknown): string {
  return kindOfValue(value) ?? (value === undefined ? "" : typeof value);
}

function offer(all: Option[], typed: string, cursor: number): Completion | undefined {
  const fitting = all.filter(({ text }) => text.startsWith(typed));
  const loose = all.filter(({ text }) => !text.startsWith(typed) && text.toLowerCase().includes(typed.toLowerCase()));
  const options = [...fitting, ...loose].slice(0, OPTIONS_MAX);
  if (options.length === 0 || (options.length === 1 && options[0]!.text === typed)) return undefined;
  return { from: cursor - typed.length, options };
}
