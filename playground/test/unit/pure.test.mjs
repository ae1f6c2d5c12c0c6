// What needs no page: comparing values, JSON with large integers, completion, and the names that a console line leaves.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createServer } from "vite";

let server, load;

before(async () => {
  server = await createServer({ server: { middlewareMode: true, hmr: false, ws: false, watch: null }, appType: "custom", logLevel: "error" });
  load = (path) => server.ssrLoadModule(`/src/${path}`);
});
after(() => server?.close());

const lines = (rows) => rows.map(({ kind, left, right }) => [kind[0], left ?? "", right ?? ""].join("|"));

test("maps are compared by key, arrays by element, texts by line", async () => {
  const { rowsOf } = await load("ui/diff-rows.ts");
  assert.deepEqual(lines(rowsOf({ a: 1, b: 2 }, { b: 3, c: 4 })), ['s|{|{', 'r|  "a": 1,|', 'c|  "b": 2|  "b": 3,', 'a||  "c": 4', 's|}|}']);
  assert.deepEqual(lines(rowsOf([1, 2, 3], [1, 3])), ["s|[|[", "s|  1,|  1,", "r|  2,|", "s|  3|  3", "s|]|]"]);
  assert.deepEqual(lines(rowsOf("one\ntwo\n", "one\n2\nthree\n")), ["s|one|one", "c|two|2", "a||three"]);
  assert.deepEqual(lines(rowsOf(undefined, "x")), ["a||x"]);
  assert.ok(rowsOf({ n: 2n ** 60n }, { n: 2n ** 60n }).every(({ kind }) => kind === "same"));
});

test("numbers of lines count each side by itself", async () => {
  const { rowsOf } = await load("ui/diff-rows.ts");
  const last = rowsOf("a\nb\nc", "a\nc").at(-1);
  assert.deepEqual([last.leftNumber, last.rightNumber], [3, 2]);
});

test("a large comparison ends", async () => {
  const { rowsOf } = await load("ui/diff-rows.ts");
  const text = (seed) => Array.from({ length: 20_000 }, (_, i) => `${seed} ${i}`).join("\n");
  assert.equal(rowsOf(text("a"), text("b")).length, 20_000);
});

test("what JSON cannot hold is refused, and never changed, when a document is edited as JSON", async () => {
  const { parseJson, toJson } = await load("ui/pretty.ts");
  assert.equal(toJson({ a: new Uint8Array(2) }), undefined);
  assert.equal(toJson({ n: 9007199254740993n, s: "1n" }), '{\n  "n": 9007199254740993,\n  "s": "1n"\n}');
  // Without the source of a number, as on this Node, it is refused; with it, it is a bigint.
  try {
    assert.deepEqual(parseJson('{"n":9007199254740993}'), { n: 9007199254740993n });
  } catch (error) {
    assert.match(error.message, /exactly/);
  }
});

test("completion reads the line and offers what fits", async () => {
  const { complete } = await load("panels/console/complete.ts");
  const names = {
    scope: { db: { transaction() {}, collections() {} }, people: { name: "people", scan() {}, putMany() {} } },
    collections: async () => ["people", "pets"],
    keys: async (collection, prefix) => ["ada", "alan"].filter((key) => key.startsWith(prefix)).map((key) => `${key}`),
  };
  const offered = async (text) => (await complete(text, text.length, names))?.options.map((option) => option.text);
  assert.deepEqual(await offered('db.collection("pe'), ["people", "pets"]);
  assert.deepEqual(await offered("db.collection('people').get('al"), ["alan"]);
  assert.deepEqual(await offered('await people.get("a'), ["ada", "alan"]);
  assert.ok((await offered("people.")).includes("put"));
  assert.ok(!(await offered('db.asOf(new Date()).collection("people").')).includes("put"));
  assert.deepEqual(await offered("pe"), ["people"]);
  assert.equal(await offered('put("k", { text: "no'), undefined);
  assert.equal(await offered("unknown."), undefined);
});

test("a line's names stay for the next one, and texts are left alone", async () => {
  const { Evaluator, keepNames } = await load("panels/console/evaluate.ts");
  const evaluator = new Evaluator({ two: 2 });
  await evaluator.run("const three = two + 1");
  assert.equal(await evaluator.run("three; await three * 2"), 6);
  assert.equal(await evaluator.run("{ const hidden = 1 }\nthree"), 3);
  await assert.rejects(evaluator.run("missing"), ReferenceError);
  assert.equal(keepNames("x = `\nconst y = 1`"), "x = `\nconst y = 1`");
});

test("cells of a CSV become numbers only where nothing is lost", async () => {
  const { typed } = await load("panels/import/records.ts");
  assert.deepEqual(typed({ a: "1", b: "007", c: "1.50", d: "-2.5", e: "", f: "true", g: "9007199254740993", h: "NaN" }),
    { a: 1, b: "007", c: "1.50", d: -2.5, e: null, f: true, g: "9007199254740993", h: "NaN" });
});

test("an address is read back as it was written", async () => {
  const { format, parse } = await load("app/router.ts");
  const written = format("documents", ["files", "src/ä b?#.rs"], { at: "12", from: undefined });
  assert.deepEqual(parse(written), { panel: "documents", path: ["files", "src/ä b?#.rs"], query: { at: "12" } });
});

test("a matrix of numpy is read as it was written, and what does not fit its header is refused", async () => {
  const { fromHalf, readNpy } = await load("panels/vectors/npy.ts");
  const npy = (head, data) => {
    const text = `{'descr': '${head}, }`.padEnd(117) + "\n";
    const bytes = new Uint8Array(10 + text.length + data.byteLength);
    bytes.set([0x93, ...Buffer.from("NUMPY"), 1, 0, text.length & 255, text.length >> 8]);
    bytes.set(Buffer.from(text), 10);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + text.length);
    return bytes.buffer;
  };
  const shape = "'fortran_order': False, 'shape': (2, 2)";
  const halves = readNpy(npy(`<f2', ${shape}`, Uint16Array.of(0x3c00, 0xc000, 0x3555, 0x0001)));
  assert.deepEqual([halves.rows, halves.columns, ...halves.numbers], [2, 2, 1, -2, Math.fround(0.333251953125), 2 ** -24]);
  assert.deepEqual([...readNpy(npy(`<f4', ${shape}`, Float32Array.of(1, 2, 3, 4.5))).numbers], [1, 2, 3, 4.5]);
  assert.throws(() => readNpy(npy(`<f4', ${shape}`, Float32Array.of(1, 2, 3))), /are not 2 rows of 2/);
  assert.throws(() => readNpy(npy(`<i8', ${shape}`, new Uint8Array(32))), /only matrices/);
  assert.throws(() => readNpy(new ArrayBuffer(3)), /no \.npy/);
  assert.deepEqual([0x7c00, 0xfc00, 0x8000].map(fromHalf), [Infinity, -Infinity, -0]);
});

test("the plane of vectors is that in which they differ most, and always the same one", async () => {
  const { place, planeOf } = await load("panels/vectors/project.ts");
  let state = 7;
  const random = () => (state = (Math.imul(state, 48271) >>> 0) % 2147483647) / 2147483647 - 0.5;
  // Far apart along one direction, less along another, hardly along the rest.
  const vectors = Array.from({ length: 400 }, () => {
    const [far, near] = [10 * random(), 3 * random()];
    return Float32Array.from({ length: 20 }, (_, i) => 5 + 0.01 * random() + (i === 3 ? far : i === 11 ? -near : 0));
  });
  const plane = await planeOf(vectors);
  assert.ok(plane.axes[0][3] > 0.999 && plane.axes[1][11] > 0.999, "axes point to where their largest number is");
  assert.deepEqual(await planeOf(vectors), plane);
  const [x, y] = place(plane, vectors[0]);
  assert.ok(Math.abs(x - (vectors[0][3] - plane.mean[3])) < 0.3 && Math.abs(y - (vectors[0][11] - plane.mean[11])) < 0.3);
  assert.equal(await planeOf([]), undefined);
  for (const few of [[Float32Array.of(1, 2)], [Float32Array.of(3)], [Float32Array.of(1, 1), Float32Array.of(1, 1)]]) {
    assert.ok(place(await planeOf(few), few[0]).every((number) => number === 0), "what does not differ is in the middle");
  }
});

test("documents are named and coloured by the fields that suit", async () => {
  const { colourFields, kindsOf, titleOf } = await load("panels/vectors/describe.ts");
  assert.equal(titleOf("k", { words: ["a", "b"], gloss: "c" }), "a, b");
  assert.equal(titleOf("k", { n: 1 }), "k");
  const values = Array.from({ length: 100 }, (_, i) => ({ id: `i${i}`, topic: i % 4 === 0 ? "x" : "y", same: 1, list: [i] }));
  assert.deepEqual(colourFields(values), ["topic"]);
  assert.deepEqual(kindsOf(values, "topic"), [["y", 75], ["x", 25]]);
});
