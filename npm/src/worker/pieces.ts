// A stream of bytes through a port, a chunk at a time: the other side sends the next one when it is asked.

import { KoruError, type ErrorCode } from "../error.js";

type Chunk = Uint8Array | null | { code: string; message: string };

/** Sends the stream through the port until its end. */
export function sendPieces(port: MessagePort, stream: AsyncIterable<Uint8Array>): void {
  const chunks = stream[Symbol.asyncIterator]();
  const asked = async () => {
    try {
      const { done, value } = await chunks.next();
      port.postMessage((done ? null : value) satisfies Chunk);
    } catch (error) {
      const { code = "IO", message } = error as { code?: string; message: string };
      port.postMessage({ code, message } satisfies Chunk);
    }
  };
  port.onmessage = () => void asked();
}

/** What the other side sends. */
export async function* piecesFrom(port: MessagePort): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (;;) {
      const next = new Promise<Chunk>((resolve) => (port.onmessage = ({ data }) => resolve(data as Chunk)));
      port.postMessage("next");
      const chunk = await next;
      if (chunk === null) return;
      if (!(chunk instanceof Uint8Array)) throw new KoruError(chunk.code as ErrorCode, chunk.message);
      yield chunk;
    }
  } finally {
    port.close();
  }
}
