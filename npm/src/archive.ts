// A database as one stream of bytes: a tar file (POSIX ustar) of its files, the root last. Any tar unpacks it into a
// directory that every language opens.
//
// Invariant: an archive that is cut short has no root, so it is never taken for a whole database.

import { KoruError } from "./error.js";
import { Operation } from "./protocol/operation.js";
import { isFileName } from "./storage/storage.js";
import { release } from "./rows.js";
import type { Connection } from "./transport/connection.js";

const BLOCK = 512;
/** Bytes of a file that are asked for at once. */
const READ_BYTES = 256 << 10;
/** The largest size that eleven octal digits hold. */
const OCTAL_MAX = 8 ** 11 - 1;

/** Reads the export of a connection as a stream. It begins when it is read from. */
export function archiveOf(connection: Connection): ReadableStream<Uint8Array> {
  const blocks = archive(connection);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await blocks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await blocks.return();
      },
    },
    { highWaterMark: 1 },
  );
}

async function* archive(connection: Connection): AsyncGenerator<Uint8Array, void, undefined> {
  const answer = await connection.read(Operation.export, () => {});
  const session = connection.session;
  const handle = answer.number();
  const files = answer.value() as unknown as [string, number][];
  try {
    for (const [name, bytes] of files) {
      yield header(name, bytes);
      for (let offset = 0; offset < bytes; ) {
        const part = await connection.read(
          Operation.exportRead,
          (writer) => {
            writer.integer(handle);
            writer.string(name);
            writer.integer(offset);
            writer.integer(Math.min(READ_BYTES, bytes - offset));
          },
          session,
        );
        const data = part.value() as Uint8Array;
        if (data.length === 0) throw new KoruError("CORRUPT", `${name} ends at ${offset} and has ${bytes} bytes`);
        offset += data.length;
        yield data;
      }
      if (bytes % BLOCK !== 0) yield new Uint8Array(BLOCK - (bytes % BLOCK));
    }
    yield new Uint8Array(2 * BLOCK);
  } finally {
    release(connection, handle, session);
  }
}

function header(name: string, bytes: number): Uint8Array {
  if (bytes > OCTAL_MAX) throw new KoruError("LIMIT_EXCEEDED", `${name} has ${bytes} bytes, and an archive holds ${OCTAL_MAX}`);
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => block.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, octal(bytes, 11) + "\0");
  // No time: the same database gives the same archive.
  put(136, octal(0, 11) + "\0");
  put(148, "        ");
  put(156, "0");
  put(257, "ustar\x0000");
  put(148, octal(block.reduce((sum, byte) => sum + byte, 0), 6) + "\0 ");
  return block;
}

/** A file of an archive that is being read, in the pieces in which it comes. */
export interface ArchivePiece {
  name: string;
  offset: number;
  data: Uint8Array;
  /** Whether it is the file's last. */
  last: boolean;
}

/** The files of an archive, piece by piece. Entries that are no files of a database are passed over. */
export async function* readArchive(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<ArchivePiece, void, undefined> {
  const source = new Source(stream);
  try {
    for (;;) {
      const block = await source.exactly(BLOCK);
      if (!block) return;
      if (block.every((byte) => byte === 0)) return;
      const { name, bytes, isFile } = readHeader(block);
      const wanted = isFile && isFileName(name);
      if (wanted && bytes === 0) yield { name, offset: 0, data: new Uint8Array(0), last: true };
      for (let offset = 0; offset < bytes; ) {
        const data = await source.some(bytes - offset);
        if (wanted) yield { name, offset, data, last: offset + data.length === bytes };
        offset += data.length;
      }
      const rest = (BLOCK - (bytes % BLOCK)) % BLOCK;
      if (rest > 0 && !(await source.exactly(rest))) throw cutShort();
    }
  } finally {
    await source.cancel();
  }
}

function readHeader(block: Uint8Array): { name: string; bytes: number; isFile: boolean } {
  const text = (at: number, length: number) => new TextDecoder().decode(block.subarray(at, at + length)).replace(/\0[^]*$/, "");
  const sum = block.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (parseInt(text(148, 8), 8) !== sum) throw new KoruError("CORRUPT", "the archive is no tar file, or is damaged");
  const bytes = parseInt(text(124, 12), 8);
  if (!Number.isSafeInteger(bytes)) throw new KoruError("CORRUPT", "the archive has a file of no readable size");
  const kind = block[156];
  return { name: text(0, 100).replace(/^.*\//, ""), bytes, isFile: kind === 0x30 || kind === 0 };
}

function cutShort(): KoruError {
  return new KoruError("CORRUPT", "the archive is cut short");
}

/** Bytes of a stream in the portions in which they are needed. */
class Source {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #left: Uint8Array = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>) {
    this.#chunks = archiveChunks(stream)[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    while (this.#left.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      this.#left = value;
    }
    return true;
  }

  /** At least one byte and at most `most`. */
  async some(most: number): Promise<Uint8Array> {
    if (!(await this.#more())) throw cutShort();
    const data = this.#left.subarray(0, most);
    this.#left = this.#left.subarray(data.length);
    return data;
  }

  /** Exactly so many bytes, or `undefined` at the end of the stream. */
  async exactly(count: number): Promise<Uint8Array | undefined> {
    if (!(await this.#more())) return undefined;
    const whole = new Uint8Array(count);
    for (let done = 0; done < count; ) {
      const part = await this.some(count - done);
      whole.set(part, done);
      done += part.length;
    }
    return whole;
  }

  async cancel(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** A stream to iterate over, also where streams have no asynchronous iterator. */
export function archiveChunks(stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in stream ? stream : chunksOf(stream as ReadableStream<Uint8Array>);
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
