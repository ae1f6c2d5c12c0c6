// A plane that shows as much as possible of how vectors differ: their first two principal components, by power iteration.
// Pure and deterministic: the same vectors in the same order give the same plane, axes and all.

export interface Plane {
  mean: Float64Array;
  /** Two axes of length 1, orthogonal. */
  axes: [Float64Array, Float64Array];
}

/** Numbers that are gone over in each step. Of more, rows are left out evenly: a plane needs few to be found. */
const NUMBERS_MAX = 2 << 20;
const STEPS_MAX = 60;
/** An axis that turns by less than this (one minus the cosine) has been found. */
const STILL = 1e-9;

/** Lets go of the page after each step, with `breathe`. `undefined` for no vectors. */
export async function planeOf(vectors: readonly Float32Array[], breathe: () => Promise<unknown> = async () => {}): Promise<Plane | undefined> {
  const dimension = vectors[0]?.length ?? 0;
  if (dimension === 0) return undefined;
  const every = Math.max(1, Math.ceil((vectors.length * dimension) / NUMBERS_MAX));
  const rows = vectors.filter((_, i) => i % every === 0);
  const mean = new Float64Array(dimension);
  for (const row of rows) for (let i = 0; i < dimension; i++) mean[i]! += row[i]!;
  for (let i = 0; i < dimension; i++) mean[i]! /= rows.length;
  let axes = orthonormal(start(dimension, 1), start(dimension, 2));
  for (let step = 0; step < STEPS_MAX; step++) {
    await breathe();
    const next = orthonormal(...multiplied(rows, mean, axes));
    const turned = Math.max(...next.map((axis, i) => 1 - Math.abs(dot(axis, axes[i]!))));
    axes = next;
    if (turned < STILL) break;
  }
  return { mean, axes: [upright(axes[0]), upright(axes[1])] };
}

export function place({ mean, axes: [first, second] }: Plane, vector: Float32Array): [x: number, y: number] {
  let [x, y] = [0, 0];
  for (let i = 0; i < mean.length; i++) {
    const number = vector[i]! - mean[i]!;
    x += number * first[i]!;
    y += number * second[i]!;
  }
  return [x, y];
}

/** A vector of length 1; the zero vector stays what it is. */
export function normalised(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const number of vector) sum += number * number;
  return sum === 0 ? vector : vector.map((number) => number / Math.sqrt(sum));
}

type Axes = Plane["axes"];

/** Both axes times the covariance, but for its scale. */
function multiplied(rows: readonly Float32Array[], mean: Float64Array, axes: Axes): Axes {
  const dimension = mean.length;
  const sums: Axes = [new Float64Array(dimension), new Float64Array(dimension)];
  const plane = { mean, axes };
  for (const row of rows) {
    const [x, y] = place(plane, row);
    const [first, second] = sums;
    for (let i = 0; i < dimension; i++) {
      const number = row[i]! - mean[i]!;
      first[i]! += number * x;
      second[i]! += number * y;
    }
  }
  return sums;
}

/** Where there is nothing in a direction, any other one will do. */
function orthonormal(first: Float64Array, second: Float64Array): Axes {
  const a = unit(first) ?? unit(start(first.length, 1))!;
  const along = dot(a, second);
  const b = unit(second.map((number, i) => number - along * a[i]!));
  if (b) return [a, b];
  const other = start(first.length, 3);
  const back = dot(a, other);
  return [a, unit(other.map((number, i) => number - back * a[i]!)) ?? new Float64Array(first.length)];
}

function unit(vector: Float64Array): Float64Array | undefined {
  const length = Math.sqrt(dot(vector, vector));
  return length < 1e-12 ? undefined : vector.map((number) => number / length);
}

/** An axis has no direction by itself: its largest number is positive. */
function upright(axis: Float64Array): Float64Array {
  const largest = axis.reduce((most, number) => (Math.abs(number) > Math.abs(most) ? number : most), 0);
  return largest < 0 ? axis.map((number) => -number) : axis;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Numbers in every direction, always the same ones. */
function start(dimension: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: dimension }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}
