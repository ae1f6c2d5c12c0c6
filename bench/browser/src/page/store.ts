// What is measured of every store, seen from the main thread of a page.

import type { Document } from "../documents.js";

export interface Store {
  /** Loads the code and starts the worker, where there is one; touches no data. */
  load(): Promise<unknown>;
  /** Opens the database, or makes it. */
  open(): Promise<unknown>;
  /** Writes one document; resolves when it is durable. */
  put(document: Document): Promise<unknown>;
  /** Writes many in one transaction; resolves when they are durable. */
  putMany(documents: Document[]): Promise<unknown>;
  /** The document as an object. */
  get(key: string): Promise<unknown>;
  /** The documents, as objects. */
  getMany(keys: string[]): Promise<unknown[]>;
  /** Makes the stored data as small as it gets, where the store can. */
  compact?(): Promise<unknown>;
  close(): Promise<unknown>;
  /** What there is to say of how it runs. */
  describe?(): Promise<string>;
}
