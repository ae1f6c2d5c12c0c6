// What was acknowledged to somebody outside, and whether a database that was killed since then keeps all of it.
//
// Several lanes write, each of them `r<round>-l<lane>-<number>` with numbers from 0, one after the other, and each says so
// before it goes on. So behind the last one that was said there may be one more in each lane, whose word was on its way.

import { equal, ok } from "./assert.js";

export const LANES = 4;

/** One write as its writer says it: the key, and the version that it was acknowledged with. */
export type Acknowledged = [key: string, version: string];
/** A document as it was found. */
export type Found = [key: string, version: string, value: unknown];

/** What is written under a key. It is told by the key alone, and some of it is long enough for several blocks of a log. */
export function valueOf(key: string): { key: string; fill: string } {
  let hash = 0;
  for (const char of key) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0;
  return { key, fill: key.repeat(hash % 16 === 0 ? 2000 : hash % 40) };
}

export class Journal {
  readonly #versions = new Map<string, string>();
  /** For each round and lane, the writes that were acknowledged. */
  readonly #said = new Map<string, number>();
  #round = -1;

  /** The number of acknowledged writes. */
  get size(): number {
    return this.#versions.size;
  }

  get round(): number {
    return this.#round;
  }

  note(key: string, version: string): void {
    const [lane, number] = split(key);
    equal(number, this.#said.get(lane) ?? 0, `${key}: each lane counts up`);
    ok(!this.#versions.has(key), `${key} was acknowledged twice`);
    this.#versions.set(key, version);
    this.#said.set(lane, number + 1);
  }

  /** A new round begins with all that was found in the database, in the order of its log. */
  begin(found: Found[]): number {
    const there = new Map(found.map(([key, version]) => [key, version]));
    equal(there.size, found.length, "nothing is doubled");
    for (const [key, version] of this.#versions) equal(there.get(key), version, `${key} was acknowledged, and is lost`);
    for (const [key, version, value] of found) {
      equal(value, valueOf(key), `${key} is not what was written`);
      if (this.#versions.has(key)) continue;
      const [lane, number] = split(key);
      const said = this.#said.get(lane) ?? 0;
      ok(number === said && lane.startsWith(`r${this.#round}-`), `${key} is there, and nobody can have written it: ${said} were acknowledged`);
      // From now on it has to stay.
      this.note(key, version);
    }
    return ++this.#round;
  }
}

function split(key: string): [lane: string, number: number] {
  const at = key.lastIndexOf("-");
  return [key.slice(0, at), Number(key.slice(at + 1))];
}
