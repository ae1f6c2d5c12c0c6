// The package's own worker, with its module compiled beforehand.

const root = new URL(location.href).searchParams.get("root")!;
const module = await WebAssembly.compileStreaming(fetch(`${root}/koru.wasm`));
globalThis.fetch = async () => new Response(null, { headers: { "Content-Type": "application/wasm" } });
WebAssembly.compileStreaming = async () => module;
await import(`${root}/worker.js`);
postMessage({ ready: true });

export {};
