// Fetching and compiling the engine's module.

import { KoruError } from "../error.js";

/** Compiles while the bytes come; where the host sends another type than `application/wasm`, after they came. */
export async function compileFrom(url: URL): Promise<WebAssembly.Module> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const type = response.headers.get("Content-Type") ?? "";
    if (type.startsWith("application/wasm")) return await WebAssembly.compileStreaming(response);
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (cause) {
    throw new KoruError("IO", `the engine's module ${url.href} cannot be loaded: ${(cause as Error).message}`, { cause });
  }
}
