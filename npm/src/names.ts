// The names and vectors that are checked here, because they reach the engine only when a transaction commits, or not at all. The
// rules and the messages are those of `core/src/name.rs`, `core/src/engine/draft.rs` and `core/src/vector/vectors.rs`.

import { KoruError } from "./error.js";
import { text } from "./protocol/words.js";
import { isWellFormed } from "./protocol/writer.js";

/** Those of `core/src/limits.rs`. */
const NAME_BYTES_MAX = 128;
const KEY_BYTES_MAX = 4096;
const VECTORS_MAX = 16;
const VECTOR_DIMENSION_MAX = 4096;
const VECTOR_COMPONENT_MAX = Math.fround(1e16);

const bytesOf = (name: string) => new TextEncoder().encode(name).length;
const invalid = (message: string) => new KoruError("INVALID_ARGUMENT", message);

function checkText(name: string, what: string): void {
  const shown = `${what}, ${JSON.stringify(name)},`;
  if (!isWellFormed(name)) throw invalid(`${shown} is no text`);
  if (bytesOf(name) > NAME_BYTES_MAX) {
    throw new KoruError("LIMIT_EXCEEDED", `${what} has ${bytesOf(name)} bytes, at most ${NAME_BYTES_MAX} are possible`);
  }
  const bad = /[\u0000-\u001f\u007f-\u009f/]/.exec(name);
  if (bad) throw invalid(`${shown} contains ${JSON.stringify(bad[0])}: no control character and no slash`);
}

/** The name of what is called so. */
export function checkName(name: string, what: string): void {
  text(name, `the name of ${what}`);
  if (name === "") throw invalid(`${what} needs a name`);
  checkText(name, `the name of ${what}`);
}

/** A collection that is written to. */
export function checkOwnCollection(name: string): void {
  checkName(name, "a collection");
  if (name.startsWith("$")) throw invalid(`collection ${JSON.stringify(name)}: names that begin with $ are the database's own`);
}

export function checkVectors(vectors: [name: string, vector: Float32Array][]): void {
  const limit = (message: string) => new KoruError("LIMIT_EXCEEDED", message);
  if (vectors.length > VECTORS_MAX) throw limit(`${vectors.length} vectors: a document has at most ${VECTORS_MAX}`);
  for (const [name, vector] of vectors) {
    const shown = JSON.stringify(name);
    checkName(name, "a vector");
    if (vector.length === 0) throw invalid(`vector ${shown} has no numbers`);
    if (vector.length > VECTOR_DIMENSION_MAX) {
      throw limit(`vector ${shown} has ${vector.length} numbers, at most ${VECTOR_DIMENSION_MAX} are possible`);
    }
    const bad = vector.findIndex((number) => !(Math.abs(number) <= VECTOR_COMPONENT_MAX));
    if (bad >= 0) throw invalid(`number ${bad} of vector ${shown} is ${vector[bad]}: finite numbers up to 1e16 are possible`);
  }
}

export function checkKey(key: string): void {
  text(key, "a key");
  if (key === "") throw invalid("a document needs a key");
  if (!isWellFormed(key)) throw invalid(`the key ${JSON.stringify(key)} has half of a surrogate pair, which is no text`);
  if (bytesOf(key) > KEY_BYTES_MAX) {
    throw new KoruError(
      "LIMIT_EXCEEDED",
      `the key ${JSON.stringify(key.slice(0, 32))}... has ${bytesOf(key)} bytes, at most ${KEY_BYTES_MAX} are possible`,
    );
  }
}
