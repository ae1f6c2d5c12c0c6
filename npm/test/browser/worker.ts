// A worker for what has to run beside the engine: the contract of the storages, and the conformance scripts.

import * as glue from "../../wasm/koru.js";
import type { Glue } from "../../src/engine/glue.js";
import { IndexedDbStorage } from "../../src/storage/indexeddb.js";
import { OpfsStorage } from "../../src/storage/opfs.js";
import { Instance } from "../../src/transport/in-process.js";
import { checkContract } from "../contract.js";
import { runScripts, type Script } from "../conformance.js";

const instance = new Instance(async () => {
  const response = await fetch(new URL("./koru.wasm", import.meta.url));
  (glue as unknown as Glue).initSync({ module: await response.arrayBuffer() });
  return glue as unknown as Glue;
});

type Kind = "opfs" | "idb";

const openStorage = (kind: Kind, name: string, create: boolean) =>
  kind === "opfs" ? OpfsStorage.open(name, { create }) : IndexedDbStorage.open(name, { create });

const tasks: Record<string, (argument: never) => Promise<unknown>> = {
  contract: (storage: Kind) => checkContract((n) => openStorage(storage, `contract-${n}`, true), true),
  conformance: ({ storage, scripts }: { storage: Kind; scripts: string }) =>
    runScripts(JSON.parse(scripts) as Record<string, Script>, instance, (name, create) => openStorage(storage, name, create)),
};

addEventListener("message", ({ data, ports }: MessageEvent<{ task: string; argument: never }>) => {
  tasks[data.task]!(data.argument).then(
    (result) => ports[0]!.postMessage({ result }),
    (error: Error) => ports[0]!.postMessage({ error: `${error.message}\n${error.stack}` }),
  );
});
