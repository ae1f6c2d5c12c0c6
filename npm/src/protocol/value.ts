// What a JavaScript value means as a document value, in both directions.
//
// Invariant: what the encoder accepts comes back as it was, except that a property that is `undefined` is left out and a
// whole-numbered `Float` comes back as a number.

/** A document value: JSON, and integers beyond 2^53 as `bigint`, bytes as `Uint8Array`. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float
  | readonly Value[]
  | { readonly [key: string]: Value | undefined };

/**
 * A number to be stored as a float even if it is whole: `new Float(1)` is `1.0` to Rust and Python. It is read back as the
 * number 1, so a document that is read and written again stores an integer there.
 */
export class Float {
  constructor(readonly value: number) {}

  /** The number. */
  valueOf(): number {
    return this.value;
  }

  /** The number. */
  toJSON(): number {
    return this.value;
  }
}
