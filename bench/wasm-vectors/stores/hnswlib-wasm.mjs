// hnswlib, compiled for pages only: it takes whatever has a `window` for one. Its file system, which needs IndexedDB, is
// left out. Besides graphs it scans rows as they are.

export const inPages = true;
export const packages = [["node_modules/hnswlib-wasm", "hnswlib-wasm"]];

async function library() {
  globalThis.window ??= globalThis;
  const { default: load } = await import("../node_modules/hnswlib-wasm/lib/hnswlib.mjs");
  return await load();
}

export async function graph(base) {
  const { HierarchicalNSW } = await library();
  const index = new HierarchicalNSW("ip", base[0].length, "");
  index.initIndex(base.length, 16, 200, 100);
  base.forEach((row, id) => index.addPoint(row, id, false));
  return {
    search(query, ef) {
      index.setEfSearch(ef);
      return index.searchKnn(query, 10, undefined).neighbors;
    },
  };
}

export async function codes(base) {
  const { BruteforceSearch } = await library();
  const index = new BruteforceSearch("ip", base[0].length);
  index.initIndex(base.length);
  base.forEach((row, id) => index.addPoint(row, id));
  return { fixed: true, search: (query) => index.searchKnn(query, 10, undefined).neighbors };
}
