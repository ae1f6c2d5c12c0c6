// koru's npm package as it is built: in Node in files, and called there; in a page in OPFS, and asked through its worker. The
// graph is made by its maintenance, which is waited for.

const { open } = await import(globalThis.document ? "../../../npm/dist/index.js" : "../../../npm/dist/node.js");

export const inPages = true;
export const packages = [["../../npm", "koru-delta"]];

const ROWS_OF_A_COMMIT = 1000;
/** Fewer than so many new rows are scanned until there are more of them. */
const ROWS_OF_A_STEP = 256;
const key = (row) => String(row).padStart(7, "0");

async function filled(base, path, index) {
  const db = await open(path);
  const rows = db.collection("rows");
  await rows.configureVectors("default", { dimension: base[0].length, index });
  for (let first = 0; first < base.length; first += ROWS_OF_A_COMMIT) {
    const vectors = base.slice(first, first + ROWS_OF_A_COMMIT);
    await rows.putMany(vectors.map((_, at) => [key(first + at), {}]), { vectors });
  }
  const whole = async () => {
    const [info] = await rows.vectorInfo();
    return info.ready && (index !== "hnsw" || info.versions - info.linked < ROWS_OF_A_STEP);
  };
  while (!(await whole())) await new Promise((later) => setTimeout(later, 10));
  const search = async (query, ef) => {
    const hits = await rows.search({ vector: query, k: 10, ef, include: [] });
    if (hits.explain.plan !== (index === "hnsw" ? "graph" : "flat")) throw new Error(`the plan is ${hits.explain.plan}`);
    return hits.map(({ key }) => Number(key));
  };
  return { search, close: () => db.close() };
}

export const graph = (base, path) => filled(base, path, "hnsw");

export const codes = async (base, path) => ({ ...(await filled(base, path, "flat")), fixed: true });
