// Calls of a worker's functions by messages, as small as such a thing gets: peers that need a worker are reached by it.

type Functions = Record<string, (...args: never[]) => unknown>;

/** A worker that has loaded its code, and a way to call it. */
export async function startWorker(url: string): Promise<(name: string, ...args: unknown[]) => Promise<any>> {
  const worker = new Worker(url, { type: "module" });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let number = 0;
  await new Promise<void>((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(`${url}: ${event.message}`));
    worker.onmessage = ({ data }) => {
      if (data.ready) return resolve();
      const call = waiting.get(data.number)!;
      waiting.delete(data.number);
      if (data.error === undefined) call.resolve(data.result);
      else call.reject(new Error(data.error));
    };
  });
  return (name, ...args) =>
    new Promise((resolve, reject) => {
      waiting.set(++number, { resolve, reject });
      worker.postMessage({ number, name, args });
    });
}

/** Serves calls, and says that it does. */
export function serve(functions: Functions): void {
  const answer = (number: number, result: unknown) => postMessage({ number, result });
  const fail = (number: number, error: unknown) => postMessage({ number, error: String((error as Error).stack ?? error) });
  onmessage = ({ data: { number, name, args } }) => {
    try {
      const result = functions[name]!(...(args as never[]));
      // What is there at once is answered at once.
      if (result instanceof Promise) result.then((value) => answer(number, value), (error) => fail(number, error));
      else answer(number, result);
    } catch (error) {
      fail(number, error);
    }
  };
  postMessage({ ready: true });
}
