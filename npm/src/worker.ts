// The worker that this package starts by itself. It is a module of its own, so that every bundler finds it.

import * as glue from "../wasm/koru.js";
import type { Glue } from "./engine/glue.js";
import { compileFrom } from "./worker/compile.js";
import type { FromWorker, OnLine, ToWorker } from "./worker/messages.js";
import { Server } from "./worker/serve.js";

/** What this needs of `DedicatedWorkerGlobalScope`. */
interface WorkerScope {
  postMessage(message: FromWorker | Uint8Array | OnLine, transfer?: Transferable[]): void;
  close(): void;
  onmessage: ((event: MessageEvent<ToWorker | Uint8Array | OnLine>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;
const server = new Server({
  glue: glue as unknown as Glue,
  compile: (url) => compileFrom(url ? new URL(url) : new URL("./koru.wasm", import.meta.url)),
  tell: (message, transfer) => scope.postMessage(message, transfer),
  end: () => scope.close(),
});

scope.onmessage = ({ data }) => server.on(data);
addEventListener("error", (event) => server.uncaught(event.error));
addEventListener("unhandledrejection", (event) => server.uncaught(event.reason));
