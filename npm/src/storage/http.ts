// A published database on any static host, read-only: its files and a `manifest.json` that lists them. Only the blocks that
// are needed are fetched, by HTTP range requests.
//
// Invariant: a response is used only if it is what was asked for. A host that ignores ranges sends the whole file, which is
// taken, up to a bound, and kept.

import { KoruError } from "../error.js";
import { closed, isFileName, notFound, readOnly, type AsyncStorage, type FileEntry } from "./storage.js";

const BLOCK_BYTES = 64 << 10;
/** Blocks that are kept: 4 MiB. The engine has a cache of its own above. */
const BLOCKS_MAX = 64;
/** Blocks that are fetched with one request at most. */
const FETCH_BLOCKS_MAX = 16;
/** The largest file that is taken whole from a host without ranges. */
const WHOLE_BYTES_MAX = 64 << 20;
/** All of those together. */
const WHOLE_TOTAL_BYTES_MAX = 256 << 20;
/** The manifest that is accepted: some tens of thousands of files. */
const MANIFEST_BYTES_MAX = 4 << 20;

export class HttpStorage implements AsyncStorage {
  readonly asynchronous = true;
  readonly kind = "http";
  readonly preallocate = false;
  readonly #files: Map<string, number>;
  /** The youngest last. */
  readonly #blocks = new Map<string, Promise<Uint8Array>>();
  readonly #whole = new Map<string, Uint8Array>();
  #wholeBytes = 0;
  #closed = false;

  private constructor(
    readonly location: string,
    files: FileEntry[],
  ) {
    this.#files = new Map(files);
  }

  /** Reads the manifest of the database published at `url`. */
  static async open(url: string): Promise<HttpStorage> {
    const base = url.endsWith("/") ? url : `${url}/`;
    const response = await request(new URL("manifest.json", base).href, {});
    if (response.status === 404) throw new KoruError("NOT_FOUND", `there is no published database at ${url}: no manifest.json`);
    if (!response.ok) throw new KoruError("IO", `cannot read ${response.url}: status ${response.status}`);
    return new HttpStorage(base, readManifest(await response.text(), url));
  }

  #bytes(name: string): number {
    if (this.#closed) throw closed(this.location);
    const bytes = this.#files.get(name);
    if (bytes === undefined) throw notFound(name);
    return bytes;
  }

  list(): FileEntry[] {
    if (this.#closed) throw closed(this.location);
    return [...this.#files];
  }

  async readAt(name: string, offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(this.#bytes(name), offset + length);
    if (offset >= end) return new Uint8Array(0);
    const whole = this.#whole.get(name);
    if (whole) return whole.subarray(offset, end);
    const number = Math.floor(offset / BLOCK_BYTES);
    const last = Math.min(Math.floor((end - 1) / BLOCK_BYTES), number + FETCH_BLOCKS_MAX - 1);
    if (last > number) return this.#readMany(name, offset, Math.min(end, (last + 1) * BLOCK_BYTES));
    const block = await this.#block(name, number);
    return block.subarray(offset - number * BLOCK_BYTES, Math.min(end - number * BLOCK_BYTES, block.length));
  }

  /** Larger reads are for once: they go past the blocks that are kept. */
  async #readMany(name: string, offset: number, end: number): Promise<Uint8Array> {
    return this.#fetch(name, offset, end);
  }

  #block(name: string, number: number): Promise<Uint8Array> {
    const id = `${number} ${name}`;
    const known = this.#blocks.get(id);
    if (known) {
      this.#blocks.delete(id);
      this.#blocks.set(id, known);
      return known;
    }
    const start = number * BLOCK_BYTES;
    const block = this.#fetch(name, start, Math.min(start + BLOCK_BYTES, this.#bytes(name)));
    this.#blocks.set(id, block);
    block.catch(() => this.#blocks.delete(id));
    if (this.#blocks.size > BLOCKS_MAX) this.#blocks.delete(this.#blocks.keys().next().value!);
    return block;
  }

  async #fetch(name: string, start: number, end: number): Promise<Uint8Array> {
    const url = new URL(name, this.location).href;
    const response = await request(url, { headers: { Range: `bytes=${start}-${end - 1}` } });
    if (response.status === 206) {
      const bytes = new Uint8Array(await response.arrayBuffer());
      const range = response.headers.get("Content-Range");
      const begins = range === null || range.startsWith(`bytes ${start}-`);
      if (bytes.length !== end - start || !begins) {
        throw new KoruError("IO", `${url}: asked for bytes ${start} to ${end - 1}, and got ${bytes.length} bytes (${range})`);
      }
      return bytes;
    }
    if (response.status !== 200) throw new KoruError("IO", `cannot read ${url}: status ${response.status}`);
    const whole = await this.#takeWhole(name, response);
    return whole.subarray(start, end);
  }

  async #takeWhole(name: string, response: Response): Promise<Uint8Array> {
    const expected = this.#bytes(name);
    if (expected > WHOLE_BYTES_MAX || this.#wholeBytes + expected > WHOLE_TOTAL_BYTES_MAX) {
      await response.body?.cancel();
      throw new KoruError(
        "LIMIT_EXCEEDED",
        `${response.url}: the host does not answer range requests, and ${name} has ${expected} bytes: too many to fetch whole`,
      );
    }
    const whole = new Uint8Array(await response.arrayBuffer());
    if (whole.length !== expected) {
      throw new KoruError("CORRUPT", `${response.url} has ${whole.length} bytes and the manifest says ${expected}`);
    }
    if (!this.#whole.has(name)) this.#wholeBytes += expected;
    this.#whole.set(name, whole);
    return whole;
  }

  create(): never {
    throw this.#refuse();
  }
  writeAt(): never {
    throw this.#refuse();
  }
  sync(): never {
    throw this.#refuse();
  }
  truncate(): never {
    throw this.#refuse();
  }
  remove(): never {
    throw this.#refuse();
  }

  #refuse(): KoruError {
    return this.#closed ? closed(this.location) : readOnly(this.location);
  }

  close(): void {
    this.#closed = true;
    this.#blocks.clear();
    this.#whole.clear();
  }
}

async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, cache: "no-cache" });
  } catch (cause) {
    throw new KoruError("IO", `cannot read ${url}: ${(cause as Error).message}`, { cause });
  }
}

function readManifest(text: string, url: string): FileEntry[] {
  if (text.length > MANIFEST_BYTES_MAX) throw new KoruError("LIMIT_EXCEEDED", `the manifest of ${url} is too large`);
  try {
    const { format, files } = JSON.parse(text) as { format: unknown; files: { name: string; bytes: number }[] };
    if (format !== 1) throw new KoruError("UNSUPPORTED_FORMAT", `the manifest of ${url} has format ${String(format)}, and 1 is known`);
    return files.map(({ name, bytes }): FileEntry => {
      if (!isFileName(name) || !Number.isSafeInteger(bytes) || bytes < 0) throw new Error(`a file ${name} of ${bytes} bytes`);
      return [name, bytes];
    });
  } catch (cause) {
    if (cause instanceof KoruError) throw cause;
    throw new KoruError("CORRUPT", `the manifest of ${url} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
