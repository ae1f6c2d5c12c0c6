// The part of Node in the exchange: `node build/exchange.js write PATH` writes what `tests/exchange.json` describes into a new
// database, and `read PATH` says all that there is to know of one, as tagged JSON. Rust and Python do the same with theirs.

import { readFileSync } from "node:fs";
import { open, type Collection, type Commit, type Database, type Snapshot, type Value, type Version } from "../src/node.js";
import * as api from "../src/api.js";
import { Reader } from "../src/protocol/reader.js";
import { cause, moment, time, untag, type Json } from "./conformance.js";

type Step = { op: string; steps?: Step[]; save?: string; [name: string]: Json | Step[] | undefined };

/** What is written, and what is then there. */
export const EXCHANGE = JSON.parse(readFileSync(new URL("../../tests/exchange.json", import.meta.url), "utf8")) as {
  steps: Step[];
  content: Json;
};

export async function write(path: string): Promise<void> {
  const db = await open(path);
  const saved = new Map<string, unknown>();
  for (const { steps = [], save, ...step } of EXCHANGE.steps) {
    const version = await perform(db, untag(step as Json, saved) as Arguments, steps);
    if (save !== undefined) saved.set(save, version);
  }
  await db.close();
}

type Arguments = Record<"op" | "collection" | "key" | "name" | "author" | "message", string> & {
  value: Value;
  documents: [string, Value][];
  causes?: string[][];
  moment: unknown;
  expires_at?: number;
};

async function perform(db: Database, step: Arguments, steps: Step[]): Promise<unknown> {
  const { op, key, value, author, message, expires_at: expiresAt } = step;
  const collection = () => db.collection<Value>(step.collection);
  const info = defined({ author, message, causes: step.causes?.map(cause) });
  const at = defined({ moment: moment(step.moment) });
  switch (op) {
    case "put": return collection().put(key, value, { ...info, ...defined({ expiresAt }) });
    case "delete": return collection().delete(key, info);
    case "put_many": return collection().putMany(step.documents);
    case "tag": return db.tag(step.name, at);
    case "untag": return db.untag(step.name);
    case "restore": return collection().restore(key, at.moment!);
    case "checkpoint": return db.checkpoint();
    case "compact": return db.compact();
    case "transaction":
      return db.transaction((tx) => {
        Object.assign(tx, info);
        for (const inner of steps) {
          const { op, collection, key, value, expires_at: expiresAt } = untag(inner as Json, new Map()) as Arguments;
          if (op === "put") tx.collection(collection).put(key, value, defined({ expiresAt }));
          else tx.collection(collection).delete(key);
        }
      });
    default: throw new Error(`there is no step ${op}`);
  }
}

/** Without what is undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
}

/** All that there is to know of a database. Floats stay what they are, also whole ones. */
export async function read(path: string): Promise<Record<string, unknown>> {
  Reader.keepFloats = true;
  const db = await open(path, { readOnly: true });
  const log = await db.log().toArray();
  // Also of documents that are deleted or expired.
  const history: Record<string, Record<string, unknown>> = {};
  for (const { collection, key } of log.flatMap(({ changes }) => changes)) {
    if (collection.startsWith("$")) continue;
    const of = (history[collection] ??= {});
    of[key] ??= await versions(db.collection<Value>(collection), key);
  }
  const tags: unknown[] = [];
  for (const { name, timestamp, commits } of await db.tags()) {
    const snapshot = await db.snapshot({ tag: name });
    tags.push({ name, commits, timestamp: time(timestamp), documents: await documents(snapshot) });
    await snapshot.close();
  }
  const { commits, versions: count, chain, problems } = await db.verify();
  const all = { documents: await documents(db), history, tags, log: log.map(commit), commits, versions: count, chain, problems };
  await db.close();
  return all;
}

/** By collection, those that show. */
async function documents(view: Pick<Snapshot, "collection" | "collections">): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const name of await view.collections()) {
    const rows = await view.collection<Value>(name).scan().toArray();
    all[name] = rows.map(({ key, value, version, timestamp, expiresAt }) => ({ key, value, version, timestamp: time(timestamp), ...defined({ expires_at: expiresAt }) }));
  }
  return all;
}

/** The newest first. */
async function versions(collection: Collection<Value>, key: string): Promise<unknown> {
  const shown = (v: Version<Value>) => ({
    version: v.version,
    timestamp: time(v.timestamp),
    ...defined({ expires_at: v.expiresAt }),
    ...(v.deleted ? { deleted: true } : { value: v.value }),
  });
  return (await collection.history(key).toArray()).map(shown);
}

function commit({ id, version, timestamp, author, message, causes, changes }: Commit): unknown {
  return {
    id, version, timestamp: time(timestamp), ...defined({ author, message }),
    causes: causes.map(({ collection, key, version }) => [collection, key, version]),
    changes: changes.map(({ collection, key, parents, deleted, expiresAt }) => ({
      collection, key, parents, ...(deleted && { deleted }), ...defined({ expires_at: expiresAt }),
    })),
  };
}

/** The tagged JSON of a value that was read with `keepFloats`. */
function tagged(value: unknown): Json {
  if (value instanceof api.Float) return { $float: Object.is(value.value, -0) ? "-0.0" : String(value.value) };
  if (typeof value === "bigint") return { $int: String(value) };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(tagged);
  if (value === null || typeof value !== "object") return value as Json;
  const entries = Object.entries(value);
  if (entries.some(([key]) => key.startsWith("$") || key === "__proto__")) return { $map: entries.map(([key, value]) => [key, tagged(value)]) };
  return Object.fromEntries(entries.map(([key, value]) => [key, tagged(value)]));
}

const [, program, doing, path] = process.argv;
if (program !== undefined && new URL(import.meta.url).pathname === program && path !== undefined) {
  if (doing === "write") await write(path);
  else console.log(JSON.stringify(tagged(await read(path))));
}
