// Records out of a file: JSON Lines or CSV, read in pieces, so that a file may be larger than memory.

import Papa from "papaparse";
import type { Value } from "koru-delta";
import { parseJson } from "../../ui/pretty.js";

export interface Records {
  rows: Value[];
  /** Bytes of the file that were read so far. */
  read: number;
}

/** A line longer than this is no record. */
const LINE_CHARS_MAX = 16 << 20;
const CSV_CHUNK_BYTES = 256 << 10;

export type Format = "jsonl" | "csv";

/** By the name; `undefined` if it is neither. */
export function formatOf(name: string): Format | undefined {
  if (/\.(jsonl|ndjson)$/i.test(name)) return "jsonl";
  return /\.(csv|tsv)$/i.test(name) ? "csv" : undefined;
}

export function readRecords(file: File, format: Format): AsyncGenerator<Records> {
  return format === "csv" ? readCsv(file) : readLines(file);
}

async function* readLines(file: File): AsyncGenerator<Records> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = file.stream().getReader();
  let [rest, read, line] = ["", 0, 0];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = rest + (done ? decoder.decode() : decoder.decode(value, { stream: true }));
      const lines = text.split("\n");
      rest = done ? "" : lines.pop()!;
      if (rest.length > LINE_CHARS_MAX) throw new SyntaxError(`line ${line + lines.length + 1} is longer than ${LINE_CHARS_MAX} characters`);
      read += value?.length ?? 0;
      const rows: Value[] = [];
      for (const text of lines) {
        line++;
        if (text.trim() !== "") rows.push(parseLine(text, line));
      }
      yield { rows, read };
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parseLine(text: string, line: number): Value {
  try {
    return parseJson(text);
  } catch (error) {
    throw new SyntaxError(`line ${line} is no JSON: ${(error as Error).message}`);
  }
}

async function* readCsv(file: File): AsyncGenerator<Records> {
  const waiting: Records[] = [];
  let wake = () => {};
  let over = false;
  const state: { failure?: Error; parser?: Papa.Parser } = {};
  Papa.parse<Record<string, string>>(file, {
    header: true, skipEmptyLines: "greedy", chunkSize: CSV_CHUNK_BYTES,
    chunk: ({ data, errors, meta }, handle) => {
      state.parser = handle;
      const error = errors.find(({ type }) => type !== "Delimiter");
      if (error) {
        state.failure = new SyntaxError(`row ${(error.row ?? 0) + 1}: ${error.message}`);
        handle.abort();
      } else waiting.push({ rows: data.map(typed), read: meta.cursor });
      handle.pause();
      wake();
    },
    complete: () => { over = true; wake(); },
    error: (error) => { state.failure = error; wake(); },
  });
  try {
    for (;;) {
      const next = waiting.shift();
      if (next) {
        yield next;
        state.parser?.resume();
      } else if (state.failure) throw state.failure;
      else if (over) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    state.parser?.abort();
  }
}

/** Numbers and truth values as such, where writing them gives the same text again; anything else stays a text. */
export function typed(row: Record<string, string>): Value {
  return Object.fromEntries(Object.entries(row).map(([name, text]) => [name, cell(text)]));
}

function cell(text: string): Value {
  if (text === "") return null;
  if (text === "true" || text === "false") return text === "true";
  const value = Number(text);
  return text.trim() !== "" && String(value) === text && Number.isFinite(value) ? value : text;
}
