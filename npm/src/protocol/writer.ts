// A growing buffer, and the canonical encoding of values into it (docs/reference/format.md#values).
//
// Invariant: one value has exactly one encoding. Map keys ascend by their UTF-8 bytes, which is not the order of
// JavaScript strings: those compare as UTF-16, where a character beyond U+FFFF comes before U+E000.

import { KoruError } from "../error.js";
import { VALUE_BYTES_MAX, VALUE_DEPTH_MAX, VALUE_ITEMS_MAX } from "../limits.js";
import { Float } from "./value.js";

const utf8 = new TextEncoder();
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
/** Strings up to this length are written by a loop: calling the platform's encoder costs more. */
const LOOPED_CHARS = 48;

/** The keys of an object as it gives them; and in the order of their bytes, each as it is written. */
interface Shape {
  keys: string[];
  /** Made when a second object has these keys. */
  entries?: { key: string; written: Uint8Array }[];
}

/** Objects with fewer keys have a shape that is remembered. */
const SHAPE_KEYS = 32;
/** Shapes that were written lately: those of records repeat, and need not be sorted and encoded again. */
const shapes: (Shape | undefined)[] = new Array<undefined>(64).fill(undefined);

const slotOf = (keys: string[]) => (keys.length + 7 * keys[0]!.length + 31 * keys[keys.length - 1]!.length) % shapes.length;

/** Whether an object has all keys of a shape, in its order, and under each a value. */
function isOf({ keys }: Shape, given: string[], value: Record<string, unknown>): boolean {
  if (given.length !== keys.length) return false;
  for (let i = 0; i < given.length; i++) {
    const key = given[i]!;
    if (key !== keys[i] || value[key] === undefined) return false;
  }
  return true;
}

function entriesOf(keys: string[]): NonNullable<Shape["entries"]> {
  const sorted = [...keys];
  sortKeys(sorted);
  return sorted.map((key) => {
    const writer = new Writer(2 * LOOPED_CHARS);
    writer.text(key);
    return { key, written: writer.slice() };
  });
}

export class Writer {
  bytes: Uint8Array;
  length = 0;
  #view: DataView;
  #items = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** A copy of what was written since `start`. */
  slice(start = 0, end = this.length): Uint8Array {
    return this.bytes.slice(start, end);
  }

  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /** Fills a `u32` in that was left out before. */
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  varint(value: number): void {
    this.reserve(8);
    while (value > 127) {
      this.bytes[this.length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.bytes[this.length++] = value;
  }

  null(): void {
    this.u8(0xf0);
  }

  bool(value: boolean): void {
    this.u8(value ? 0xf2 : 0xf1);
  }

  bytesValue(value: Uint8Array): void {
    this.u8(0xf6);
    this.varint(value.length);
    this.raw(value);
  }

  array(count: number): void {
    if (count < 16) return this.u8(0xd0 + count);
    this.u8(0xf8);
    this.varint(count);
  }

  map(count: number): void {
    if (count < 16) return this.u8(0xc0 + count);
    this.u8(0xf7);
    this.varint(count);
  }

  /** A whole number, as an integer of 64 bits. */
  integer(value: number | bigint): void {
    this.reserve(9);
    if (typeof value === "bigint" && (value > 9007199254740991n || value < -9007199254740991n)) {
      let rest = value < 0n ? -1n - value : value;
      let count = 0;
      for (let r = rest; r > 0n; r >>= 8n) count++;
      this.bytes[this.length++] = (value < 0n ? 0xe7 : 0xdf) + count;
      for (; rest > 0n; rest >>= 8n) this.bytes[this.length++] = Number(rest & 255n);
      return;
    }
    const number = Number(value);
    if (number >= 0 && number < 128) {
      this.bytes[this.length++] = number;
      return;
    }
    let rest = number < 0 ? -1 - number : number;
    const tag = this.length++;
    do {
      this.bytes[this.length++] = rest % 256;
      rest = Math.floor(rest / 256);
    } while (rest > 0);
    this.bytes[tag] = (number < 0 ? 0xe7 : 0xdf) + (this.length - tag - 1);
  }

  float(value: number): void {
    this.reserve(9);
    if (Math.fround(value) === value) {
      this.bytes[this.length] = 0xf3;
      this.#view.setFloat32(this.length + 1, value, true);
      this.length += 5;
    } else {
      this.bytes[this.length] = 0xf4;
      this.#view.setFloat64(this.length + 1, value, true);
      this.length += 9;
    }
  }

  /** A string as a value. */
  string(text: string): void {
    this.#text(text, true);
  }

  /** Length in bytes as a varint, and UTF-8: the key of a map. */
  text(text: string): void {
    this.#text(text, false);
  }

  #text(text: string, asValue: boolean): void {
    const chars = text.length;
    if (chars <= LOOPED_CHARS) {
      this.reserve(chars + 1);
      const { bytes } = this;
      const start = this.length + 1;
      let i = 0;
      for (let code = 0; i < chars; i++) {
        code = text.charCodeAt(i);
        if (code > 127) break;
        bytes[start + i] = code;
      }
      if (i === chars) {
        bytes[this.length] = asValue ? 0x80 + chars : chars;
        this.length = start + chars;
        return;
      }
    }
    if (!isWellFormed(text)) {
      throw new KoruError("INVALID_ARGUMENT", `${JSON.stringify(text)} has half of a surrogate pair, which is no text`);
    }
    // At most three bytes for each UTF-16 unit; the length comes first, so the text is moved if it was guessed too long.
    const capacity = chars * 3;
    this.reserve(capacity + 10);
    const most = this.length + headBytes(capacity, asValue);
    const { written } = utf8.encodeInto(text, this.bytes.subarray(most, most + capacity));
    const start = this.length + headBytes(written, asValue);
    if (start !== most) this.bytes.copyWithin(start, most, most + written);
    if (!asValue) this.varint(written);
    else if (written < 64) this.u8(0x80 + written);
    else {
      this.u8(0xf5);
      this.varint(written);
    }
    this.length += written;
  }

  /**
   * Any document value. Throws `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` naming the document, if `of` says which, and the
   * path in it; then nothing was written.
   */
  value(value: unknown, of?: string): void {
    const start = this.length;
    const path: (string | number)[] = [];
    try {
      this.#items = 0;
      this.#value(value, path, []);
      if (this.length - start > VALUE_BYTES_MAX) {
        throw refused([], `the value takes ${this.length - start} bytes and may take ${VALUE_BYTES_MAX}`, "LIMIT_EXCEEDED");
      }
    } catch (error) {
      this.length = start;
      if (of !== undefined && error instanceof KoruError) throw new KoruError(error.code, `${of}: ${error.message}`);
      throw error;
    }
  }

  #value(value: unknown, path: (string | number)[], parents: object[]): void {
    switch (typeof value) {
      case "string":
        try {
          return this.string(value);
        } catch (error) {
          throw refused(path, (error as Error).message);
        }
      case "number":
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) return this.integer(value);
        if (!Number.isFinite(value)) throw refused(path, `${value} cannot be stored: numbers are finite`);
        return this.float(value);
      case "boolean":
        return this.bool(value);
      case "bigint":
        if (value < I64_MIN || value > I64_MAX) throw refused(path, `${value} does not fit into 64 bits`);
        return this.integer(value);
      case "object":
        return value === null ? this.null() : this.#object(value, path, parents);
      default:
        throw refused(path, `${typeof value === "undefined" ? "undefined" : `a ${typeof value}`} cannot be stored`);
    }
  }

  #object(value: object, path: (string | number)[], parents: object[]): void {
    if (value instanceof Uint8Array) return this.bytesValue(value);
    if (value instanceof Float) {
      if (!Number.isFinite(value.value)) throw refused(path, `${value.value} cannot be stored: numbers are finite`);
      return this.float(value.value);
    }
    if (parents.includes(value)) throw refused(path, "the value contains itself");
    if (parents.length >= VALUE_DEPTH_MAX) {
      throw refused(path, `values nest at most ${VALUE_DEPTH_MAX} levels deep`, "LIMIT_EXCEEDED");
    }
    parents.push(value);
    if (Array.isArray(value)) {
      this.#count(value.length, path);
      this.array(value.length);
      for (let i = 0; i < value.length; i++) {
        path.push(i);
        this.#value(value[i], path, parents);
        path.pop();
      }
    } else {
      const prototype = Object.getPrototypeOf(value) as object | null;
      if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
        const name = (value as { constructor?: { name?: string } }).constructor?.name ?? "such an object";
        throw refused(path, `a ${name} cannot be stored: make it a plain object, a string or a number`);
      }
      this.#entries(value as Record<string, unknown>, path, parents);
    }
    parents.pop();
  }

  #entries(value: Record<string, unknown>, path: (string | number)[], parents: object[]): void {
    const keys = Object.keys(value);
    if (keys.length === 0 || keys.length >= SHAPE_KEYS) return this.#unknown(value, keys, path, parents);
    const slot = slotOf(keys);
    const shape = shapes[slot];
    if (!shape || !isOf(shape, keys, value)) {
      this.#unknown(value, keys.slice(), path, parents);
      if (keys.every((key) => key.length <= LOOPED_CHARS)) shapes[slot] = { keys };
      return;
    }
    shape.entries ??= entriesOf(shape.keys);
    this.#count(keys.length, path);
    this.map(keys.length);
    for (const { key, written } of shape.entries) {
      this.reserve(written.length);
      const { bytes, length } = this;
      for (let i = 0; i < written.length; i++) bytes[length + i] = written[i]!;
      this.length = length + written.length;
      path.push(key);
      this.#value(value[key], path, parents);
      path.pop();
    }
  }

  /** Entries whose keys have to be sorted and encoded first. Takes `keys` for itself. */
  #unknown(value: Record<string, unknown>, keys: string[], path: (string | number)[], parents: object[]): void {
    let count = 0;
    for (const key of keys) if (value[key] !== undefined) keys[count++] = key;
    keys.length = count;
    sortKeys(keys);
    this.#count(count, path);
    this.map(count);
    for (const key of keys) {
      path.push(key);
      try {
        this.text(key);
      } catch (error) {
        throw refused(path.slice(0, -1), `a key: ${(error as Error).message}`);
      }
      this.#value(value[key], path, parents);
      path.pop();
    }
  }

  #count(items: number, path: (string | number)[]): void {
    this.#items += items;
    if (this.#items > VALUE_ITEMS_MAX) {
      throw refused(path, `a value has at most ${VALUE_ITEMS_MAX} elements and entries`, "LIMIT_EXCEEDED");
    }
  }
}

/** The canonical encoding of one value. */
export function encodeValue(value: unknown, of?: string): Uint8Array {
  const writer = new Writer();
  writer.value(value, of);
  return writer.slice();
}

function refused(path: (string | number)[], what: string, code: "INVALID_ARGUMENT" | "LIMIT_EXCEEDED" = "INVALID_ARGUMENT") {
  const pointer = path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  return new KoruError(code, pointer === "" ? what : `at ${pointer}: ${what}`);
}

function varintBytes(value: number): number {
  let count = 1;
  for (; value > 127; value = Math.floor(value / 128)) count++;
  return count;
}

/** Bytes before the UTF-8 of a text of `bytes` bytes. */
function headBytes(bytes: number, asValue: boolean): number {
  if (!asValue) return varintBytes(bytes);
  return bytes < 64 ? 1 : 1 + varintBytes(bytes);
}

/** Sorts by UTF-8 bytes. Where no unit is a surrogate or beyond, the order of UTF-16 is the same. */
export function sortKeys(keys: string[]): void {
  let sorted = true;
  for (let i = 1; i < keys.length && sorted; i++) sorted = compareUtf8(keys[i - 1]!, keys[i]!) < 0;
  if (!sorted) keys.sort(compareUtf8);
}

/** Compares as the UTF-8 bytes of both do. */
export function compareUtf8(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    // A surrogate stands for a character beyond U+FFFF, so it sorts behind every other unit.
    const [highX, highY] = [(x & 0xf800) === 0xd800, (y & 0xf800) === 0xd800];
    return highX === highY ? x - y : highX ? 1 : -1;
  }
  return a.length - b.length;
}

const wellFormed = (String.prototype as { isWellFormed?: () => boolean }).isWellFormed;

/** Whether every surrogate has its other half. */
export function isWellFormed(text: string): boolean {
  if (wellFormed) return wellFormed.call(text);
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}
