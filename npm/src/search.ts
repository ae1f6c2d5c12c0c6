// Searching a collection by vector: what is asked, and what comes back.

import { KoruError } from "./error.js";
import type { Reader } from "./protocol/reader.js";
import type { Float, Value } from "./protocol/value.js";
import { text, writeRange, type KeyRange, type Moment, type VersionId } from "./protocol/words.js";
import type { Writer } from "./protocol/writer.js";
import type { AbortOptions } from "./rows.js";
import { bytesOf, floatsOf, readVectors, type Vector, type Vectors } from "./vectors.js";

/** What an operator of a filter compares with. */
export type FilterOperand = null | boolean | number | bigint | string | Uint8Array | Float;

/** What has to hold for a field, all of it. */
export interface FilterOperators {
  $eq?: FilterOperand;
  $ne?: FilterOperand;
  $gt?: FilterOperand;
  $gte?: FilterOperand;
  $lt?: FilterOperand;
  $lte?: FilterOperand;
  $in?: readonly FilterOperand[];
  $nin?: readonly FilterOperand[];
  $exists?: boolean;
  $not?: FilterOperators | FilterOperand;
}

/**
 * Which documents are meant: fields, each with a value that it has to equal or with operators, all of which have to hold. A
 * field is a name, or names with dots between them. `$and` and `$or` take a list of filters, `$not` a filter. The page
 * [filters](filters.md) has the rules.
 */
export interface Filter {
  readonly [field: string]: FilterOperand | FilterOperators | Filter | readonly Filter[] | undefined;
}

/** What is searched for: the documents whose vector is nearest to `vector`, or to that of the document `like`. */
export interface SearchOptions<I extends "values" | "vectors" = "values"> extends Omit<KeyRange, "descending">, AbortOptions {
  /** The vector that hits are near to, of the dimension of their name. */
  vector?: Vector | undefined;
  /** The key of a document instead: "more like this". It is left out of the hits. */
  like?: string | undefined;
  /** The name of the vectors that are compared. `default` if it is left out. */
  name?: string | undefined;
  /** How many hits there are at most, 1 to 10,000. 10 if it is left out. */
  k?: number | undefined;
  /** Only documents that it takes. It is applied inside of the search: `k` hits come back if there are as many. */
  filter?: Filter | undefined;
  /** Only documents at least so near: the least score, or with the metric `euclidean` the largest distance. */
  threshold?: number | undefined;
  /** How many candidates are followed in a graph, 1 to 10,000: more find more of the nearest, and take longer. */
  ef?: number | undefined;
  /** Whether every document is compared, whatever that costs, so that no hit is missed. */
  exact?: boolean | undefined;
  /** What was there at a moment, ranked as it was then. Not for a snapshot, which is of a moment already. */
  asOf?: Moment | undefined;
  /** What hits have beside key, score and version. `["values"]` if it is left out. */
  include?: readonly I[] | undefined;
}

/** A document that a search found. It has a value and vectors as far as the search includes them. */
export interface Hit<T = Value> {
  key: string;
  /** How near it is: cosine or dot product, where larger is nearer, or Euclidean distance, where smaller is. The same bits in every language. */
  score: number;
  version: VersionId;
  /** When it was written, as in `Document`. */
  timestamp: bigint;
  value: T;
  vectors: Vectors;
}

/** How a search was carried out, and why so. */
export interface Explain {
  /** `documents` and `rows` compare everything that is taken, `flat` its codes and the best of them exactly, `graph` follows the graph. */
  plan: "documents" | "rows" | "flat" | "graph";
  /** Why, in words. */
  reason: string;
  /** Rows of the index, or documents where there is none, that the search began with. */
  rows: number;
  /** Those of them that the moment, the keys and the filter take. */
  taken: number;
  /** Vectors that were compared exactly. */
  compared: number;
  /** Whether the index could not be used and everything was compared instead. */
  degraded: boolean;
}

/** The hits of a search, best first and those of equal score by key, and how they were found. */
export type Hits<T = Value, I extends "values" | "vectors" = "values"> = Pick<
  Hit<T>,
  "key" | "score" | "version" | "timestamp" | (I extends "values" ? "value" : I)
>[] & { readonly explain: Explain };

const INCLUDED = ["values", "vectors"] as const;

/** The query and the range of a search. */
export function writeSearch(writer: Writer, options: SearchOptions<"values" | "vectors">): void {
  const { vector, like, name, k, filter, threshold, ef, exact, include, prefix, from, after, to, before } = options;
  if ((vector === undefined) === (like === undefined)) {
    throw new KoruError("INVALID_ARGUMENT", "a search has either a vector or a document that hits are to be like");
  }
  const odd = include?.find((word) => !INCLUDED.includes(word));
  if (odd !== undefined) throw new KoruError("INVALID_ARGUMENT", `a search includes "values" and "vectors", and not ${JSON.stringify(odd)}`);
  const target = vector === undefined ? text(like, "like") : bytesOf(floatsOf(vector, "vector"));
  // As bytes, because it may be infinite.
  const least = threshold === undefined ? null : bytesOf(floatsOf([threshold], "threshold"));
  for (const word of [target, name ?? null, k ?? null]) writer.value(word);
  writer.value(filter ?? null, "filter");
  for (const word of [least, ef ?? null, exact ?? false]) writer.value(word);
  for (const word of INCLUDED) writer.bool((include ?? ["values"]).includes(word));
  writeRange(writer, { prefix, from, after, to, before } as KeyRange);
}

type ExplainWords = [Explain["plan"], string, number, number, number, boolean];

export function readHits<T, I extends "values" | "vectors">(reader: Reader, include: readonly I[] | undefined): Hits<T, I> {
  const [plan, reason, rows, taken, compared, degraded] = reader.value() as unknown as ExplainWords;
  const explain: Explain = { plan, reason, rows, taken, compared, degraded };
  const [values, vectors] = INCLUDED.map((word) => ((include ?? ["values"]) as readonly string[]).includes(word));
  const hits: Partial<Hit<T>>[] = [];
  while (!reader.done) {
    reader.array();
    const hit: Partial<Hit<T>> = { key: reader.string(), score: Number(reader.value()), version: reader.string(), timestamp: reader.bigint() };
    if (values) hit.value = reader.value() as T;
    if (vectors) hit.vectors = readVectors(reader);
    hits.push(hit);
  }
  // Not enumerable: hits compare and print as the array that they are.
  return Object.defineProperty(hits, "explain", { value: explain }) as unknown as Hits<T, I>;
}
