// The sample: glosses of WordNet with their embeddings, files of the app that are loaded when someone asks for them.

import type { Collection, Database, Value } from "koru-delta";
import licence from "../../../../docs/examples/data/wordnet-5k/LICENSE-WordNet?raw";
import glosses from "../../../../docs/examples/data/wordnet-5k/glosses.jsonl?url";
import vectors from "../../../../docs/examples/data/wordnet-5k/vectors.f16.npy?url";
import { readNpy } from "./npy.js";

export const SAMPLE = "glosses";
/** That of the text, which stays with every copy. */
export const LICENCE = licence;

interface Gloss {
  key: string;
  words: string[];
  gloss: string;
  topic: string;
}

/** Puts it into its collection, a commit for each topic, so that there is a past to drag through. Resolves with how many. */
export async function loadSample(db: Database, progress: (text: string) => void): Promise<number> {
  progress("loading 5 MB ...");
  const [lines, file] = await Promise.all([read(glosses).then((response) => response.text()), read(vectors).then((response) => response.arrayBuffer())]);
  const all = lines.trimEnd().split("\n").map((line) => JSON.parse(line) as Gloss);
  const { rows, columns, numbers } = readNpy(file);
  if (rows !== all.length) throw new SyntaxError(`the sample has ${all.length} texts and ${rows} vectors`);
  const into: Collection<Value> = db.collection(SAMPLE);
  const places = new Map<string, number[]>();
  all.forEach(({ topic }, i) => places.set(topic, [...(places.get(topic) ?? []), i]));
  let done = 0;
  for (const [topic, rows] of places) {
    progress(`${done} of ${all.length} documents: ${topic} ...`);
    const documents = rows.map((i) => [all[i]!.key, { words: all[i]!.words, gloss: all[i]!.gloss, topic }] as const);
    await into.putMany(documents, { vectors: rows.map((i) => numbers.subarray(i * columns, (i + 1) * columns)), message: `WordNet: ${topic}` });
    done += rows.length;
  }
  return done;
}

async function read(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the sample cannot be loaded: status ${response.status}`);
  return response;
}
