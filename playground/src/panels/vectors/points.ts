// The vectors of a collection as points of a plane. The plane is that of the vectors that were seen first, and stays, so that
// a point never moves; what a moment adds is put onto it. Each version that has a vector is one point.

import type { Collection, Filter, Hit, Metric, Moment, Value, VersionId } from "koru-delta";
import { colourFields, titleOf } from "./describe.js";
import { normalised, place, planeOf, type Plane } from "./project.js";

/** Points that are drawn at most. */
export const POINTS_MAX = 5000;
/** Bytes of vectors that are asked for at once. */
const PAGE_BYTES = 8 << 20;

export interface Point {
  key: string;
  version: VersionId;
  vector: Float32Array;
  value: Value | undefined;
  title: string;
  x: number;
  y: number;
}

export class Points {
  /** All that were seen, at whichever moment. */
  readonly known = new Map<string, Point>();
  /** Those of the moment, by key. */
  alive: Point[] = [];
  /** The keys of the moment that the filter takes; `undefined` without one. */
  taken: ReadonlySet<string> | undefined;
  /** How many documents of the moment have a vector, also of those that are not drawn. */
  documents = 0;
  #plane: Plane | undefined;

  constructor(readonly collection: Collection<Value>, readonly name: string, readonly dimension: number, readonly metric: Metric) {}

  /** The points of a moment. */
  async show(asOf: Moment | undefined, filter: Value | undefined): Promise<void> {
    const at = { asOf, name: this.name, vector: new Float32Array(this.dimension), exact: true } as const;
    // The zero vector is equally near to all, so this is a list by key; by Euclidean distance one from the origin outwards.
    const all = await this.collection.search({ ...at, k: POINTS_MAX + 1, include: [] });
    this.documents = all.explain.taken;
    const shown = all.slice(0, POINTS_MAX);
    const missing = shown.filter(({ key, version }) => !this.known.has(idOf(key, version))).sort((a, b) => byBytes(a.key, b.key));
    const page = Math.max(1, Math.floor(PAGE_BYTES / (4 * this.dimension)));
    for (let i = 0; i < missing.length; i += page) {
      const [from, to] = [missing[i]!.key, missing[Math.min(i + page, missing.length) - 1]!.key];
      await this.add(await this.collection.search({ ...at, k: Math.min(2 * POINTS_MAX, 4 * page), from, to, include: ["values", "vectors"] }));
    }
    this.alive = shown.flatMap(({ key, version }) => this.known.get(idOf(key, version)) ?? []);
    this.taken = filter === undefined ? undefined : new Set((await this.collection.search({ ...at, filter: filter as Filter, k: 2 * POINTS_MAX, include: [] })).map(({ key }) => key));
  }

  /** Takes up hits as points, and returns the points of all of them. */
  async add(hits: readonly Hit<Value>[]): Promise<Point[]> {
    const fresh = hits.filter(({ key, version, vectors }) => !this.known.has(idOf(key, version)) && vectors[this.name]);
    const seen = (vector: Float32Array) => (this.metric === "cosine" ? normalised(vector) : vector);
    this.#plane ??= await planeOf(fresh.map(({ vectors }) => seen(vectors[this.name]!)), () => new Promise((resolve) => setTimeout(resolve)));
    for (const { key, version, value, vectors } of fresh) {
      const vector = vectors[this.name]!;
      const [x, y] = this.#plane ? place(this.#plane, seen(vector)) : [0, 0];
      this.known.set(idOf(key, version), { key, version, vector, value, title: titleOf(key, value), x, y });
    }
    return hits.flatMap(({ key, version }) => this.known.get(idOf(key, version)) ?? []);
  }

  fields(): string[] {
    return colourFields([...this.known.values()].map(({ value }) => value));
  }
}

/** The documents of one commit share its version. */
const idOf = (key: string, version: VersionId) => `${version} ${key}`;

const encoder = new TextEncoder();

/** The order of keys in a range: that of their UTF-8 bytes, which is not JavaScript's beyond U+FFFF. */
function byBytes(a: string, b: string): number {
  const [x, y] = [encoder.encode(a), encoder.encode(b)];
  const at = x.findIndex((byte, i) => byte !== y[i]);
  return at < 0 ? x.length - y.length : x[at]! - (y[at] ?? -1);
}
