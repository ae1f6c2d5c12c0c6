// EdgeVec, by Euclidean distance, which ranks rows of unit length as the cosine does (by the cosine it finds the furthest).
// Its ef is said when an index is made, so that more hits are asked for instead, of which the first are taken. A scan it
// has only of vectors that are bits.

import { readFile } from "node:fs/promises";
import init, { EdgeVec, EdgeVecConfig, MetricType } from "edgevec";

export const packages = [["node_modules/edgevec", "edgevec"]];

export async function graph(base) {
  await init({ module_or_path: await readFile(new URL("../node_modules/edgevec/edgevec_bg.wasm", import.meta.url)) });
  const config = new EdgeVecConfig(base[0].length);
  config.setMetricType(MetricType.L2);
  [config.m, config.m0, config.ef_construction, config.ef_search] = [16, 32, 200, 10];
  const index = new EdgeVec(config);
  const ids = new Map(base.map((row, at) => [index.insert(row), at]));
  const rows = (hits) => hits.slice(0, 10).map(({ id }) => ids.get(id));
  return { search: (query, ef) => rows(index.search(query, ef)) };
}
