// Vectors through the facade, the same in Node and in a page, on every storage: what is written comes back, searches say what
// they found and how, and wrong arguments are refused before anything happens.

import type * as Api from "../src/api.js";
import { codeOf, equal, ok } from "./assert.js";

interface Note {
  topic: string;
  n?: number;
}

const floats = (...numbers: number[]) => new Float32Array(numbers);
const plain = (vectors: Api.Vectors | undefined) => vectors && Object.fromEntries(Object.entries(vectors).map(([name, v]) => [name, [...v]]));

export async function everythingOfVectors(db: Api.Database): Promise<void> {
  const notes = db.collection<Note>("notes");
  equal(await notes.vectors("a"), undefined, "there is no document");
  equal(await notes.vectorConfig(), undefined);

  // Every form of a vector, and a view into a larger array.
  const all = floats(9, 1, 0, 9);
  const first = await notes.put("a", { topic: "sea" }, { vector: all.subarray(1, 3) });
  ok((await notes.vectors("a"))!["default"] instanceof Float32Array, "vectors are read as arrays of floats");
  equal(plain(await notes.vectors("a")), { default: [1, 0] });
  await notes.put("b", { topic: "sky" }, { vectors: { default: [0.8, 0.6], title: new Float64Array([0.1]) } });
  equal(plain(await notes.vectors("b")), { default: [Math.fround(0.8), Math.fround(0.6)], title: [Math.fround(0.1)] });
  await notes.put("plain", { topic: "sea" });
  equal(await notes.vectors("plain"), {});
  equal(await notes.vectorConfig(), { dimension: 2, metric: "cosine", index: "auto", codes: "auto" });
  equal((await notes.vectorConfig("title"))?.dimension, 1);

  // Many: a matrix, a list, and each with its own.
  const items: [string, Note][] = [["m1", { topic: "land", n: 1 }], ["m2", { topic: "land", n: 2 }]];
  await notes.putMany(items, { vectors: floats(0, 1, -1, 0) });
  equal([plain(await notes.vectors("m1")), plain(await notes.vectors("m2"))], [{ default: [0, 1] }, { default: [-1, 0] }]);
  await notes.putMany(new Map(items), { vectors: [[0, 2], floats(-2, 0)] });
  equal(plain(await notes.vectors("m2")), { default: [-2, 0] });
  await notes.putMany(items, { vectors: { default: floats(0, 2, -2, 0), title: [[1], [2]] } });
  equal(plain(await notes.vectors("m2")), { default: [-2, 0], title: [2] });
  const before = await db.snapshot();
  await notes.putMany([["m1", items[0]![1], { vector: [0, 3] }], ["m2", items[1]![1]]]);
  equal([plain(await notes.vectors("m1")), plain(await notes.vectors("m2"))], [{ default: [0, 3] }, {}], "a write replaces vectors too");
  equal(plain(await before.collection("notes").vectors("m2")), { default: [-2, 0], title: [2] });
  equal(await notes.putMany([], { vectors: floats() }), undefined);

  // Searches.
  const hits = await notes.search({ vector: [2, 0], k: 3 });
  equal(hits.map(({ key, score, value }) => [key, score, value.topic]), [["a", 1, "sea"], ["b", Math.fround(0.8), "sky"], ["m1", 0, "land"]]);
  equal([hits[0]!.version, hits[0]!.timestamp], [first, (await notes.document("a"))!.timestamp]);
  ok(!("vectors" in hits[0]!) && hits.explain.reason !== "", "only what was asked for, and why");
  equal([typeof hits.explain.plan, hits.explain.taken, hits.explain.degraded], ["string", 3, false]);
  equal(Object.keys(hits), ["0", "1", "2"], "hits are an array");
  const bare = await notes.search({ vector: floats(2, 0), k: 1, include: ["vectors"] });
  equal(bare.map((hit) => [hit.key, plain(hit.vectors), "value" in hit]), [["a", { default: [1, 0] }, false]]);
  // @ts-expect-error values were not asked for
  void bare[0]!.value;
  const whole = await notes.search({ vector: floats(2, 0), k: 1, include: ["values", "vectors"] });
  equal(whole.map((hit) => [hit.value.topic, [...hit.vectors["default"]!]]), [["sea", [1, 0]]]);
  const keys = async (options: Api.SearchOptions) => (await notes.search(options)).map((hit) => hit.key);
  equal(await keys({ like: "a" }), ["b", "m1"]);
  equal(await keys({ like: "b", name: "title" }), []);
  equal(await keys({ vector: [1, 0], filter: { topic: { $in: ["land", "sky"] } } }), ["b", "m1"]);
  equal(await keys({ vector: [1, 0], filter: { $or: [{ n: { $gte: 1 } }, { $not: { topic: "sky" } }] } }), ["a", "m1"]);
  equal(await keys({ vector: [1, 0], prefix: "m" }), ["m1"]);
  equal(await keys({ vector: [1, 0], after: "a", before: "m" }), ["b"]);
  equal(await keys({ vector: [1, 0], threshold: 0.5, exact: true, ef: 100 }), ["a", "b"]);
  equal(await keys({ vector: [1, 0], threshold: -Infinity, k: 2 }), ["a", "b"]);
  // Then and now, in four ways.
  equal(await keys({ vector: [-1, 0], k: 1 }), ["m1"]);
  equal(await keys({ vector: [-1, 0], k: 1, asOf: { version: first } }), ["a"]);
  equal((await notes.asOf({ version: first }).search({ vector: [-1, 0] })).map((hit) => hit.key), ["a"]);
  equal((await before.collection("notes").search({ vector: [-1, 0], k: 1 })).map((hit) => hit.key), ["m2"]);
  // At once, in one batch.
  const many = await Promise.all([0, 1, 2].map((turn) => notes.search({ vector: [Math.cos(turn), Math.sin(turn)], k: 1, include: [] })));
  equal(many.map(([hit]) => hit!.key), ["a", "b", "m1"]);

  // Transactions take what was there when they were told, and commit it with everything else.
  const given = floats(3, 4);
  await db.transaction((tx) => {
    const mine = tx.collection<Note>("notes");
    mine.put("t1", { topic: "sea" }, { vector: given });
    mine.put("t2", { topic: "sea" }, { vectors: { default: [0, 1], title: [7] } });
    mine.put("b", { topic: "sky" });
    given.fill(0);
  });
  equal(plain(await notes.vectors("t1")), { default: [3, 4] });
  equal(plain(await notes.vectors("t2")), { default: [0, 1], title: [7] });
  equal(await notes.vectors("b"), {});
  await notes.restore("b", { version: (await before.collection("notes").document("b"))!.version });
  equal(Object.keys((await notes.vectors("b"))!), ["default", "title"]);
  await before.close();

  // Configurations.
  ok(await notes.configureVectors("default", { dimension: 2, metric: "euclidean" }, { author: "me" }), "a change has a version");
  equal(await notes.configureVectors("default", { dimension: 2, metric: "euclidean" }), undefined, "it is so already");
  equal((await notes.search({ vector: [3, 3], k: 1 })).map((hit) => [hit.key, hit.score]), [["t1", 1]]);
  equal((await notes.search({ vector: [3, 3], threshold: 3 })).map((hit) => hit.key).sort(), ["m1", "t1"]);

  const [info, title] = await notes.vectorInfo();
  equal([info!.name, info!.config.metric, info!.index, info!.memoryBytes > 0, title!.name], ["default", "euclidean", "flat", true, "title"]);
  equal(info!.documents, 5, "a, b, m1, t1, t2");

  await refusals(db, first);
}

async function refusals(db: Api.Database, version: string): Promise<void> {
  const notes = db.collection<Api.Value>("notes");
  type Any = never;
  const refused: [string, () => unknown][] = [
    ["DIMENSION_MISMATCH", () => notes.put("x", 1, { vector: [1] })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vector: [1, NaN] })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vector: [1, null] as Any })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vector: [1, "2"] as Any })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vector: [1, ,] as Any })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vector: "1,2" as Any })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vector: new Uint8Array(8) as Any })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vector: null as Any })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vector: [1, 2], vectors: { title: [1] } })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vectors: [1, 2] as Any })],
    ["INVALID_ARGUMENT", () => notes.put("x", 1, { vectors: { "\ud800": [1] } })],
    ["LIMIT_EXCEEDED", () => notes.put("x", 1, { vectors: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`v${i}`, [1]])) })],
    ["INVALID_ARGUMENT", () => notes.putMany([["x", 1], ["y", 2]], { vectors: new Float32Array(3) })],
    ["INVALID_ARGUMENT", () => notes.putMany([["x", 1], ["y", 2]], { vectors: [[1, 2]] })],
    ["INVALID_ARGUMENT", () => notes.putMany([["x", 1]], { vectors: { default: 1 as Any } })],
    ["INVALID_ARGUMENT", () => notes.putMany([["x", 1]], { vectors: 1 as Any })],
    ["INVALID_ARGUMENT", () => notes.putMany([], { vectors: new Float32Array(2) })],
    ["INVALID_ARGUMENT", () => notes.putMany({ x: 1 }, { vectors: new Float32Array(2) })],
    ["INVALID_ARGUMENT", () => notes.putMany([["x", 1, { vector: [1, 2] }]], { vectors: new Float32Array(2) })],
    ["DIMENSION_MISMATCH", () => notes.putMany([["x", 1], ["y", 2]], { vectors: [[1, 2], [1, 2, 3]] })],
    ["INVALID_ARGUMENT", () => db.transaction((tx) => tx.collection("notes").put("x", 1, { vector: [Infinity, 1] }))],
    ["INVALID_ARGUMENT", () => db.transaction((tx) => tx.collection("notes").put("x", 1, { vectors: { "a/b": [1] } }))],
    ["LIMIT_EXCEEDED", () => db.transaction((tx) => tx.collection("notes").put("x", 1, { vector: new Float32Array(4097) }))],
    ["DIMENSION_MISMATCH", () => db.transaction((tx) => tx.collection("notes").put("x", 1, { vector: [1] }))],
    ["INVALID_ARGUMENT", () => notes.search({})],
    ["INVALID_ARGUMENT", () => notes.search({ vector: [1, 2], like: "a" })],
    ["INVALID_ARGUMENT", () => notes.search({ vector: [1, 2], k: 0 })],
    ["INVALID_ARGUMENT", () => notes.search({ vector: [1, 2], k: 1.5 })],
    ["LIMIT_EXCEEDED", () => notes.search({ vector: [1, 2], k: 10_001 })],
    ["INVALID_ARGUMENT", () => notes.search({ vector: [1, 2], threshold: NaN })],
    ["INVALID_ARGUMENT", () => notes.search({ vector: [1, 2], include: ["value"] as Any })],
    ["INVALID_ARGUMENT", () => notes.search({ vector: [1, 2], filter: { topic: { $above: 1 } } })],
    ["INVALID_ARGUMENT", () => notes.search({ vector: [1, 2], filter: { topic: new Date() as Any } })],
    ["INVALID_ARGUMENT", () => notes.asOf({ version }).search({ vector: [1, 2], asOf: { version } })],
    ["DIMENSION_MISMATCH", () => notes.search({ vector: [1, 2, 3] })],
    ["NOT_FOUND", () => notes.search({ vector: [1, 2], name: "none" })],
    ["NOT_FOUND", () => notes.search({ like: "nobody" })],
    ["ABORTED", () => notes.search({ vector: [1, 2], signal: AbortSignal.abort() })],
    ["DIMENSION_MISMATCH", () => notes.configureVectors("default", { dimension: 3 })],
    ["INVALID_ARGUMENT", () => notes.configureVectors("other", { dimension: 2.5 })],
    ["INVALID_ARGUMENT", () => notes.configureVectors("other", { dimension: 2, metric: "manhattan" as Any })],
  ];
  for (const [code, call] of refused) equal(await codeOf(call), code, String(call));
  equal([await notes.get("x"), await notes.vectorConfig("other")], [undefined, undefined], "nothing of it was written");
}
