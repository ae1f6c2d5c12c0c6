// Reads values of the canonical encoding (docs/reference/format.md#values) as JavaScript values.
//
// The bytes come from the engine, which has checked them. What cannot be read is `CORRUPT` all the same, and nothing here
// loops or allocates on a number from the bytes that the bytes themselves do not cover.

import { KoruError } from "../error.js";
import { VALUE_DEPTH_MAX } from "../limits.js";
import { Float, type Value } from "./value.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Texts up to this length are read by a loop: calling the platform's decoder costs more. */
const LOOPED_BYTES = 24;

/** Keys that were read lately. Those of records repeat, and a property is found faster by a string that has been used. */
const keys: string[] = new Array<string>(256).fill("");

export class Reader {
  #view: DataView | undefined;

  /** Whether whole floats are read as `Float` rather than as numbers: for tests that must tell 1.0 from 1. */
  static keepFloats = false;

  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
    readonly end = bytes.length,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    if (this.at >= this.end) throw corrupt("it ends too early");
    return this.bytes[this.at++]!;
  }

  u32(): number {
    const at = this.#take(4);
    return this.view.getUint32(at, true);
  }

  get view(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength));
  }

  #take(count: number): number {
    const at = this.at;
    if (count > this.end - at) throw corrupt("it ends too early");
    this.at = at + count;
    return at;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw corrupt("a number is too long");
  }

  text(bytes: number): string {
    const at = this.#take(bytes);
    if (bytes <= LOOPED_BYTES) {
      let text = "";
      let i = at;
      for (; i < this.at; i++) {
        const code = this.bytes[i]!;
        if (code > 127) break;
        text += String.fromCharCode(code);
      }
      if (i === this.at) return text;
    }
    try {
      return utf8.decode(this.bytes.subarray(at, this.at));
    } catch {
      throw corrupt("a text is not UTF-8");
    }
  }

  /** Goes past a string, an integer or null, without making a value of it. */
  pass(): void {
    const tag = this.u8();
    if (tag >= 0x80 && tag < 0xc0) this.#take(tag - 0x80);
    else if (tag >= 0xe0 && tag < 0xf0) this.#take((tag & 7) + 1);
    else if (tag === 0xf5) this.#take(this.varint());
    else if (tag >= 0x80 && tag !== 0xf0) throw corrupt("a string, an integer or null was to be there");
  }

  /** A string value. */
  string(): string {
    const value = this.value();
    if (typeof value !== "string") throw corrupt("a string was to be there");
    return value;
  }

  stringOrNull(): string | null {
    return this.nothing() ? null : this.string();
  }

  /** An integer that is small enough for a number. */
  number(): number {
    const value = this.value();
    if (typeof value !== "number") throw corrupt("a number was to be there");
    return value;
  }

  integerOrNull(): number | bigint | null {
    if (this.nothing()) return null;
    const value = this.value();
    if (typeof value !== "number" && typeof value !== "bigint") throw corrupt("an integer was to be there");
    return value;
  }

  numberOrNull(): number | null {
    return this.nothing() ? null : this.number();
  }

  bigint(): bigint {
    const value = this.value();
    if (typeof value !== "number" && typeof value !== "bigint") throw corrupt("an integer was to be there");
    return BigInt(value);
  }

  bool(): boolean {
    const value = this.value();
    if (typeof value !== "boolean") throw corrupt("a bool was to be there");
    return value;
  }

  /** Whether null is next; then it is read. */
  nothing(): boolean {
    if (this.at < this.end && this.bytes[this.at] === 0xf0) {
      this.at++;
      return true;
    }
    return false;
  }

  /** The number of elements of an array that is next. */
  array(): number {
    const tag = this.u8();
    if (tag >= 0xd0 && tag <= 0xdf) return tag - 0xd0;
    if (tag !== 0xf8) throw corrupt("an array was to be there");
    return this.#count();
  }

  #count(): number {
    const count = this.varint();
    // Each takes a byte or more.
    if (count > this.end - this.at) throw corrupt("it ends too early");
    return count;
  }

  value(depth = 0): Value {
    const tag = this.u8();
    if (tag < 0x80) return tag;
    if (tag < 0xc0) return this.text(tag - 0x80);
    if (tag < 0xd0) return this.#map(tag - 0xc0, depth);
    if (tag < 0xe0) return this.#array(tag - 0xd0, depth);
    if (tag < 0xe8) return this.#integer(tag - 0xdf, false);
    if (tag < 0xf0) return this.#integer(tag - 0xe7, true);
    switch (tag) {
      case 0xf0: return null;
      case 0xf1: return false;
      case 0xf2: return true;
      case 0xf3: return this.#float(this.view.getFloat32(this.#take(4), true));
      case 0xf4: return this.#float(this.view.getFloat64(this.#take(8), true));
      case 0xf5: return this.text(this.varint());
      case 0xf6: {
        const at = this.#take(this.varint());
        return this.bytes.slice(at, this.at);
      }
      case 0xf7: return this.#map(this.#count(), depth);
      case 0xf8: return this.#array(this.#count(), depth);
      default: throw corrupt(`there is no tag ${tag}`);
    }
  }

  #float(value: number): number | Float {
    return Reader.keepFloats && Number.isInteger(value) ? new Float(value) : value;
  }

  #integer(count: number, negative: boolean): number | bigint {
    const at = this.#take(count);
    if (count <= 6) {
      let value = 0;
      for (let i = count - 1; i >= 0; i--) value = value * 256 + this.bytes[at + i]!;
      return negative ? -1 - value : value;
    }
    let high = 0;
    for (let i = count - 1; i >= 4; i--) high = high * 256 + this.bytes[at + i]!;
    let value = (BigInt(high) << 32n) | BigInt(this.view.getUint32(at, true));
    if (negative) value = -1n - value;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #array(count: number, depth: number): Value[] {
    if (depth >= VALUE_DEPTH_MAX) throw corrupt("it nests too deeply");
    const array: Value[] = [];
    for (let i = 0; i < count; i++) array.push(this.value(depth + 1));
    return array;
  }

  /** The key of a map: the string that was made of these bytes before, where that is at hand. */
  #key(): string {
    const length = this.varint();
    const { bytes, at } = this;
    if (length === 0 || length > LOOPED_BYTES || length > this.end - at) return this.text(length);
    const slot = (length + 7 * bytes[at]! + 31 * bytes[at + length - 1]!) % keys.length;
    const known = keys[slot]!;
    if (known.length === length) {
      let i = 0;
      while (i < length && known.charCodeAt(i) === bytes[at + i]) i++;
      if (i === length) {
        this.at += length;
        return known;
      }
    }
    const text = this.text(length);
    // Of as many characters as bytes, so each is one.
    if (text.length === length) keys[slot] = text;
    return text;
  }

  #map(count: number, depth: number): { [key: string]: Value } {
    if (depth >= VALUE_DEPTH_MAX) throw corrupt("it nests too deeply");
    const map: { [key: string]: Value } = {};
    for (let i = 0; i < count; i++) {
      const key = this.#key();
      const value = this.value(depth + 1);
      // An assignment to it would set the prototype.
      if (key === "__proto__") {
        Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
      } else map[key] = value;
    }
    return map;
  }
}

/** The value that `bytes` is the encoding of. */
export function decodeValue(bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.value();
  if (!reader.done) throw corrupt("something follows it");
  return value;
}

function corrupt(what: string): KoruError {
  return new KoruError("CORRUPT", `an encoded value cannot be read: ${what}`);
}
