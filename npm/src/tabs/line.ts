// One client's line to a worker: batches and a few words over a port or a channel, as a `Transport`.

import { KoruError, type ErrorCode } from "../error.js";
import type { Transport, TransportEvents } from "../transport/transport.js";
import type { Line, OnLine } from "../worker/messages.js";

/** Greets the worker at the other end. Fails with `undefined` as reason when it does not answer in time. */
export function greet(line: Line, events: TransportEvents, waitMs: number): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      line.close();
      reject(new NoAnswer());
    }, waitMs);
    let open = false;
    const close = () => {
      open = false;
      clearTimeout(timer);
      line.close();
    };
    line.onmessage = ({ data }: MessageEvent<Uint8Array | OnLine>) => {
      if (data instanceof Uint8Array) return events.batch(data);
      if (data.type === "gone") {
        const reason = data.code === undefined ? undefined : new KoruError(data.code as ErrorCode, data.message ?? "");
        const wasOpen = open;
        line.postMessage({ type: "bye" } satisfies OnLine);
        close();
        return wasOpen ? events.gone(reason) : reject(new NoAnswer());
      }
      if (data.type !== "welcome" || open) return;
      clearTimeout(timer);
      open = true;
      resolve({
        // A copy goes over: the original is kept to be sent again.
        send: (batch) => line.postMessage(batch),
        poisoned: () => line.postMessage({ type: "poisoned" } satisfies OnLine),
        close: async () => {
          if (open) line.postMessage({ type: "bye" } satisfies OnLine);
          // A port that is closed still delivers what was sent before.
          close();
        },
      });
    };
    if (line instanceof MessagePort) line.start();
  });
}

/** Whoever was to answer is not there: look for another one. */
export class NoAnswer extends Error {}
