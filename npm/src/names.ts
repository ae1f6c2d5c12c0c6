// The names that a transaction checks itself, because its writes reach the engine only when it commits. The rules and the
// messages are those of `core/src/engine/draft.rs`.

import { KoruError } from "./error.js";
import { text } from "./protocol/words.js";
import { isWellFormed } from "./protocol/writer.js";

/** `NAME_BYTES_MAX` and `KEY_BYTES_MAX`. */
const NAME_BYTES_MAX = 128;
const KEY_BYTES_MAX = 4096;

const bytesOf = (name: string) => new TextEncoder().encode(name).length;
const invalid = (message: string) => new KoruError("INVALID_ARGUMENT", message);

/** A collection that is written to. */
export function checkOwnCollection(name: string): void {
  text(name, "the name of a collection");
  if (name === "") throw invalid("a collection needs a name");
  if (!isWellFormed(name)) throw invalid(`the name of a collection, ${JSON.stringify(name)}, is no text`);
  if (bytesOf(name) > NAME_BYTES_MAX) {
    throw new KoruError("LIMIT_EXCEEDED", `the name of a collection has ${bytesOf(name)} bytes, at most ${NAME_BYTES_MAX} are possible`);
  }
  const bad = /[\u0000-\u001f\u007f-\u009f/]/.exec(name);
  if (bad) throw invalid(`the name of a collection, ${JSON.stringify(name)}, contains ${JSON.stringify(bad[0])}: no control character and no slash`);
  if (name.startsWith("$")) throw invalid(`collection ${JSON.stringify(name)}: names that begin with $ are the database's own`);
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
