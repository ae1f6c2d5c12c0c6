// The package's worker with a script in front of it, which sees and alters what the worker's own code calls. Runs in a page.

/** Starts such a worker. The script answers messages `{ type: "ask", question, port }` by `answers[question]`. */
export function alteredWorker(script: string): { start: () => Worker; ask: (question: string) => Promise<unknown> } {
  const url = (code: string) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const listening = `
    const answers = {};
    addEventListener("message", ({ data }) => {
      if (data.type === "ask") data.port.postMessage(answers[data.question]());
    });`;
  const code = `import "${url(listening + script)}"; import "${location.origin}/dist/worker.js";`;
  let last: Worker | undefined;
  return {
    start: () => (last = new Worker(url(code), { type: "module" })),
    ask: (question) => {
      const { port1, port2 } = new MessageChannel();
      last!.postMessage({ type: "ask", question, port: port2 }, [port2]);
      return new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
    },
  };
}

/** Counts what a worker does to make writes durable. `begin` begins anew. */
export const COUNTING = `
  let counts;
  answers.begin = () => (counts = { durable: 0, transactions: 0, replies: 0, early: 0, undone: 0 });
  answers.counts = () => ({ ...counts, undone: undone.size });
  answers.begin();
  // Files that were written since their last flush, and transactions that are not complete.
  const undone = new Set();
  if (globalThis.FileSystemSyncAccessHandle) {
    const { write, flush } = FileSystemSyncAccessHandle.prototype;
    FileSystemSyncAccessHandle.prototype.write = function (...rest) {
      undone.add(this);
      return write.apply(this, rest);
    };
    FileSystemSyncAccessHandle.prototype.flush = function () {
      const result = flush.call(this);
      undone.delete(this);
      counts.durable++;
      return result;
    };
  }
  const { transaction } = IDBDatabase.prototype;
  // Writes that are complete and may still be lost with the power, until a strict transaction follows.
  const relaxed = new Set();
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    const made = transaction.call(this, stores, mode, options);
    if (mode !== "readwrite") return made;
    undone.add(made);
    counts.transactions++;
    made.addEventListener("complete", () => {
      if (options.durability !== "strict") return void relaxed.add(made);
      counts.durable++;
      undone.delete(made);
      for (const before of relaxed) undone.delete(before);
      relaxed.clear();
    });
    return made;
  };
  for (const line of [MessagePort.prototype, globalThis]) {
    const { postMessage } = line;
    line.postMessage = function (message, ...rest) {
      if (message instanceof Uint8Array) {
        counts.replies++;
        if (undone.size > 0) counts.early++;
      }
      return postMessage.call(this, message, ...rest);
    };
  }`;

/** Counts the turns that a worker takes of its own accord. */
export const TURNING = `
  let turns = 0;
  answers.turns = () => turns;
  const { postMessage } = MessagePort.prototype;
  MessagePort.prototype.postMessage = function (message, ...rest) {
    if (message === null) turns++;
    return postMessage.call(this, message, ...rest);
  };`;

/** Keeps the memory of the last instance of the module as `memory`. */
export const MEMORY = `
  const { Instance } = WebAssembly;
  let memory;
  WebAssembly.Instance = function (...rest) {
    const instance = new Instance(...rest);
    memory = instance.exports.memory;
    return instance;
  };`;

/** Lets the engine's memory grow no further: `exhaust` takes all that there is. */
export const EXHAUSTING = `
  ${MEMORY}
  answers.exhaust = () => {
    for (let pages = 32768; pages >= 1; ) {
      try {
        memory.grow(pages);
      } catch {
        pages = Math.floor(pages / 2);
      }
    }
    return memory.buffer.byteLength;
  };`;

/** Collects garbage at each question to OPFS, while it is not answered yet. */
export const COLLECTING = `
  // In a turn of its own: what is on the stack is not collected.
  const collect = new MessageChannel();
  collect.port1.onmessage = () => gc();
  const asked = ({ prototype }, names) =>
    names.forEach((name) => {
      const original = prototype[name];
      prototype[name] = function (...given) {
        collect.port2.postMessage(name);
        return original.apply(this, given);
      };
    });
  asked(FileSystemFileHandle, ["createSyncAccessHandle", "getFile"]);
  asked(FileSystemDirectoryHandle, ["entries", "getDirectoryHandle", "getFileHandle", "removeEntry"]);`;
