// Voy: a tree of k dimensions, with nothing to choose.

import { readFile } from "node:fs/promises";

export const packages = [["node_modules/voy-search", "voy-search"]];

export async function codes(base) {
  // The package is for bundlers, which import the module of wasm as a module of JavaScript.
  const folder = new URL("../node_modules/voy-search/", import.meta.url);
  const glue = await import(new URL("voy_search_bg.js", folder));
  const bytes = await readFile(new URL("voy_search_bg.wasm", folder));
  const { instance } = await WebAssembly.instantiate(bytes, { "./voy_search_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  const index = new glue.Voy({ embeddings: [] });
  for (let first = 0; first < base.length; first += 1000) {
    const some = base.slice(first, first + 1000);
    index.add({ embeddings: some.map((row, at) => ({ id: String(first + at), title: "", url: "", embeddings: [...row] })) });
  }
  return { fixed: true, search: (query) => index.search(query, 10).neighbors.map(({ id }) => Number(id)) };
}
