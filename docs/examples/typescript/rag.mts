// Retrieval for a language model: find the passages that a question is about, put them into a prompt, and keep which ones
// they were, so that an answer can be looked into long after the passages have changed.
//
// The passages are glosses of WordNet, from `docs/examples/data/wordnet-5k`. An embedder is a function that makes a vector of
// a text, so yours goes in the place of these two, which need neither a model nor the network:
//
// - `lookedUp` has the vectors that a sentence encoder made of the sample's 40 questions, and knows no other text. Its
//   vectors compare what is meant.
// - `countedWords` takes any text, and is no model: it counts words. A gloss is near to a question if they have words in
//   common, so it finds neither synonyms nor other languages.
//
// No language model is called: what it would be asked is printed. In Node 22.18 or newer: `node rag.mts [PATH [QUESTION]]`.

import { readFileSync } from "node:fs";
import { open, type Database, type Hits } from "koru-delta";

const SAMPLE = process.env["SAMPLE"] ?? new URL("../data/wordnet-5k/", import.meta.url).pathname;
const read = (name: string) => readFileSync(`${SAMPLE}/${name}`);

/** Makes a vector of a text. */
type Embedder = (text: string) => Float32Array | Promise<Float32Array>;

interface Passage {
  text: string;
  topic: string;
}

/** The rows of a matrix in a file of numpy, of floats of 32 or 16 bits. */
function matrix(name: string): Float32Array[] {
  const file = read(name);
  const begin = 10 + file.readUInt16LE(8);
  const head = file.toString("latin1", 10, begin);
  const [, rows, columns] = /\((\d+), (\d+)\)/.exec(head)!.map(Number) as [number, number, number];
  const half = head.includes("<f2");
  const number = (at: number) => (half ? fromHalf(file.readUInt16LE(begin + 2 * at)) : file.readFloatLE(begin + 4 * at));
  return Array.from({ length: rows }, (_, row) => Float32Array.from({ length: columns }, (_, i) => number(row * columns + i)));
}

/** The float of 16 bits that has these; none of the sample's is infinite. */
function fromHalf(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}

/** An embedder that knows the sample's questions by heart. */
function lookedUp(): Embedder {
  const questions = JSON.parse(read("queries.json").toString()) as { text: string }[];
  const vectors = matrix("queries.f32.npy");
  const known = new Map(questions.map(({ text }, i) => [text, vectors[i]!]));
  return (text) => {
    const vector = known.get(text);
    if (!vector) throw new RangeError(`no vector was made of "${text}" beforehand`);
    return vector;
  };
}

/**
 * An embedder that counts words, each at a place that a hash of it decides (feature hashing). Short words, which many texts
 * have, count for nothing.
 */
function countedWords(text: string, dimension = 512): Float32Array {
  const vector = new Float32Array(dimension);
  for (const word of text.toLowerCase().match(/\p{L}{4,}/gu) ?? []) {
    let hash = 2166136261;
    for (const char of word.slice(0, 6)) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619) >>> 0;
    vector[hash % dimension]! += 1;
  }
  return vector;
}

/** Puts in the passages, each with two vectors: of what it means, and of the words that it has. */
async function fill(db: Database, batch: number): Promise<void> {
  const lines = read("glosses.jsonl").toString().trimEnd().split("\n");
  const rows = lines.map((line) => JSON.parse(line) as { key: string; words: string[]; gloss: string; topic: string });
  // With an encoder at hand these would be what it makes of the texts.
  const meaning = matrix("vectors.f16.npy");
  const passages = rows.map(({ key, words, gloss, topic }): [string, Passage] => [key, { text: `${words.join(", ")}: ${gloss}`, topic }]);
  for (let at = 0; at < passages.length; at += batch) {
    const some = passages.slice(at, at + batch);
    // Each batch is one commit.
    await db.collection<Passage>("passages").putMany(some, {
      vectors: { meaning: meaning.slice(at, at + batch), words: some.map(([, { text }]) => countedWords(text)) },
      message: "the sample",
    });
  }
}

/** What a language model would be asked. */
function prompt(question: string, hits: Hits<Passage>): string {
  const sources = hits.map((hit, i) => `[${i + 1}] ${hit.value.text}`).join("\n");
  return `Answer from these passages, and name the ones that you used.\n\n${sources}\n\nQuestion: ${question}`;
}

async function main(path = "rag.koru", question = "food made from milk"): Promise<void> {
  const db = await open(path);
  const passages = db.collection<Passage>("passages");
  if ((await passages.keys({ limit: 1 }).toArray()).length === 0) await fill(db, 1000);

  let [name, vector]: [string, Float32Array] = ["meaning", new Float32Array()];
  try {
    const embed: Embedder = lookedUp();
    vector = await embed(question);
  } catch (unknown) {
    console.log(`${(unknown as Error).message}: words are compared, and not what they mean\n`);
    [name, vector] = ["words", countedWords(question)];
  }
  const hits = await passages.search({ vector, name, k: 3 });
  console.log(prompt(question, hits));

  // The answer knows its passages, in the versions that it was given.
  const causes = hits.map(({ key, version }) => passages.at(key, version));
  const answer = await db.collection("answers").put(question, { from: hits.map(({ key }) => key) }, { causes });

  // Only what is about food, however near anything else is.
  console.log("\nabout food:");
  for (const { score, value } of await passages.search({ vector, name, k: 3, filter: { topic: "noun.food" } })) {
    console.log(`  ${score.toFixed(2)} ${value.text.slice(0, 70)}`);
  }

  // The passages go on changing: here the nearest one is withdrawn.
  const nearest = hits[0]!;
  await passages.delete(nearest.key, { message: "the source was wrong" });
  const now = await passages.search({ vector, name, k: 3 });
  const then = await passages.search({ vector, name, k: 3, asOf: { version: answer } });
  console.log(`\nnow:       ${now.map(({ key }) => key).join(", ")}`);
  console.log(`as it was: ${then.map(({ key }) => key).join(", ")}`);

  // Which answers have to be looked at again?
  const { edges } = await passages.lineage(nearest.key, nearest.version, { direction: "effects" });
  for (const { effect } of edges) console.log(`to look at again: ${effect.collection}/${effect.key}`);
  await db.close();
}

await main(...process.argv.slice(2));
