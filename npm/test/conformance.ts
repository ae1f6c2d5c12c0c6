// Runs the conformance scripts of `tests/vectors` (the format is in its README) through the facade, on any storage: in Node,
// and in a worker of a browser. The same results and the same bytes have to come of them as in every other language.

import { begin } from "../src/begin.js";
import * as api from "../src/api.js";
import type { Host } from "../src/engine/glue.js";
import { isFileName, type Storage } from "../src/storage/storage.js";
import { InProcess, type Instance } from "../src/transport/in-process.js";
import { Reader } from "../src/protocol/reader.js";
import { ok, show } from "./assert.js";
import { readAt } from "./contract.js";

/** What reads: a snapshot, or the present. */
type View = Pick<api.Snapshot, "collection" | "collections" | "log">;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
// The arguments of a step may be of any type: that the binding refuses wrong ones is part of what is tested.
type Args = Record<string, any>;
type Step = { op: string; [name: string]: Json };

export interface Script {
  clock_ms: number;
  seed: number;
  options: { cache_bytes: number; segment_bytes: number; tail_bytes: number };
  steps: Step[];
}

export type OpenStorage = (name: string, create: boolean, readOnly: boolean) => Promise<Storage> | Storage;

/** Runs all scripts. Throws at the first difference, and says where it is. */
export async function runScripts(scripts: Record<string, Script>, instance: Instance, storage: OpenStorage): Promise<void> {
  Reader.keepFloats = true;
  for (const [name, script] of Object.entries(scripts)) {
    await new Run(name, script, instance, storage).all();
  }
}

class Run {
  #now: number;
  #state: number;
  #db: api.Database | undefined;
  #hashes: Json = null;
  #open = false;
  readonly #saved = new Map<string, unknown>();
  readonly #snapshots = new Map<string, api.Snapshot>();
  readonly host: Host = {
    nowMs: () => this.#now,
    entropy: (into) => {
      for (let i = 0; i < into.length; i++) {
        this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
        into[i] = this.#state >>> 24;
      }
    },
  };

  constructor(
    readonly name: string,
    readonly script: Script,
    readonly instance: Instance,
    readonly storage: OpenStorage,
  ) {
    this.#now = script.clock_ms;
    this.#state = script.seed >>> 0;
  }

  async all(): Promise<void> {
    for (const [i, step] of this.script.steps.entries()) await this.#step(step, String(i + 1), (s) => this.#perform(s));
  }

  async #step(step: Step, place: string, perform: (step: Step) => Promise<[unknown, unknown?]>): Promise<void> {
    const where = `${this.name}, step ${place} (${step.op})`;
    let came: unknown;
    try {
      const [result, saved] = await perform(step);
      came = `result ${show(result ?? null)}`;
      if (step["save"] !== undefined) this.#saved.set(step["save"] as string, saved ?? result);
    } catch (error) {
      const { code, message } = error as api.KoruError;
      if (code === undefined) throw new Error(`${where}: ${(error as Error).stack}`);
      came = `error ${code}`;
      for (const says of (step["says"] as string[] | undefined) ?? []) {
        ok(message.includes(says), `${where}: "${message}" does not say "${says}"`);
      }
      if (step["error"] === undefined) came = `error ${code}: ${message}`;
    }
    const expected = step["error"] === undefined ? `result ${show(untag(step["result"] ?? null, this.#saved))}` : `error ${String(step["error"])}`;
    ok(came === expected, `${where}:\n  came     ${String(came).slice(0, 3000)}\n  expected ${expected.slice(0, 3000)}`);
  }

  #arguments(step: Step): Args {
    const { op: _, result: __, error: ___, says: ____, save: _____, steps, ...rest } = step;
    const args = untag(rest, this.#saved) as Record<string, unknown>;
    return { ...args, steps };
  }

  get #database(): api.Database {
    ok(this.#db, "the script opens first");
    return this.#db;
  }

  async #perform(step: Step): Promise<[unknown, unknown?]> {
    const a = this.#arguments(step) as Args;
    const collection = () => this.#database.collection(a["collection"]);
    const info = { author: a["author"], message: a["message"], causes: (a["causes"] as unknown as string[][] | undefined)?.map(cause) } as api.CommitOptions;
    switch (step.op) {
      case "clock":
        this.#now += Number(a["add_ms"]);
        return [null];
      case "open":
        return this.#openIt(a["read_only"] ?? false, a["create"] ?? true, a["cache_bytes"] ?? this.script.options.cache_bytes);
      case "close":
        if (this.#open) {
          await this.#database.close();
          this.#open = false;
          this.#hashes = await this.#hash();
        }
        return [this.#hashes];
      case "compact":
        return [await this.#database.compact()];
      case "checkpoint":
        return [await this.#database.checkpoint()];
      case "sync":
        return [await this.#database.sync()];
      case "put":
        return [await collection().put(a["key"], a["value"], { ...info, ...vectors(a), expected: expected(a["expected"]), expiresAt: a["expires_at"] })];
      case "delete":
        return [await collection().delete(a["key"], { ...info, expected: expected(a["expected"]) })];
      case "put_many":
        return [await collection().putMany(
          (a["documents"] as [string, api.Value, object?][]).map(([key, value, own]) => [key, value, own && vectors({ vectors: own })]),
          { vectors: (a["vectors"] as unknown[] | undefined)?.map(vector) },
        )];
      case "vectors": {
        const found = await this.#at(a["at"], (view) => view.collection(a["collection"]).vectors(a["key"]));
        return [found ? shownVectors(found) : null];
      }
      case "search": {
        const include = (a["include"] ?? []) as ("values" | "vectors")[];
        const query = { include, asOf: a["as_of"] === undefined ? undefined : (moment(a["as_of"]) ?? NOW), ...search(a) };
        const hits = await this.#at(a["at"], (view) => view.collection(a["collection"]).search(query));
        return [hits.map((hit) => [
          hit.key, bits(Float32Array.of(hit.score)), hit.version,
          ...(include.includes("values") ? [hit.value] : []), ...(include.includes("vectors") ? [shownVectors(hit.vectors)] : []),
        ])];
      }
      case "configure_vectors": {
        const { dimension, metric, index, codes } = a;
        return [await collection().configureVectors(a["name"], { dimension, metric, index, codes })];
      }
      case "vector_config":
        return [await collection().vectorConfig(a["name"])];
      case "get": {
        const found = await this.#at(a["at"], (view) => view.collection(a["collection"]).document(a["key"]));
        return found ? [{ value: found.value, ...stamp(found) }, found.version] : [null];
      }
      case "scan": {
        const rows = await this.#at(a["at"], (view) => take(view.collection(a["collection"]).scan(range(a)), a["limit"]));
        return [rows.map((row) => [row.key, row.value, row.version])];
      }
      case "snapshot":
        this.#snapshots.set(a["name"], await this.#database.snapshot(moment(a["moment"])));
        return [null];
      case "release":
        await this.#snapshots.get(a["name"])!.close();
        this.#snapshots.delete(a["name"]);
        return [null];
      case "collections":
        return [await this.#at(a["at"], (view) => view.collections())];
      case "transaction":
        return this.#transaction(step, info, a["rollback"] ?? false);
      case "history": {
        const before = a["before"] as string | undefined;
        const options = before === undefined ? {} : { before };
        const history = (view: View) => take(view.collection(a["collection"]).history(a["key"], options), a["limit"]);
        return [(await this.#at(a["at"], history)).map(version)];
      }
      case "version":
        return [version(await collection().version(a["key"], a["version"]))];
      case "heads":
        return [await collection().heads(a["key"])];
      case "diff":
        return [await collection().diff(a["key"] as string, a["before"], a["after"])];
      case "diff_moments":
        return [await this.#differences(a)];
      case "tag": {
        const at = moment(a["moment"]);
        return [tag(await this.#database.tag(a["name"], at === undefined ? {} : { moment: at }))];
      }
      case "untag":
        return [await this.#database.untag(a["name"])];
      case "tags":
        return [(await this.#database.tags()).map(tag)];
      case "restore": {
        const at = moment(a["moment"]) ?? NOW;
        if (a["key"] !== undefined) return [await collection().restore(a["key"], at)];
        return [await (a["collection"] !== undefined ? collection().restoreAll(at) : this.#database.restore(at))];
      }
      case "lineage": {
        const { edges, truncated } = await collection().lineage(a["key"], a["version"], { direction: a["direction"], depth: a["depth"] });
        const triple = ({ collection, key, version }: api.DocumentVersion) => [collection, key, version];
        return [{ edges: edges.map(({ cause, effect }) => [triple(cause), triple(effect)]), truncated }];
      }
      case "watch":
        return this.#watch(a);
      case "log":
        return [(await this.#at(a["at"], (view) => take(view.log(), a["limit"]))).map(commit)];
      case "commit": {
        const found = await this.#database.commit(a["version"] ?? a["id"]);
        return [commit(found), found.id];
      }
      case "import": {
        const importer = await this.#database.importer(a["name"]);
        const changes = (a["changes"] as [string, string, api.Value?, object?][]).map(([collection, key, value, own]) =>
          value === undefined ? { collection, key, deleted: true as const } : { collection, key, value, ...vectors({ vectors: own }) });
        return [await importer.commit(a["time_ms"], changes, { ...info, state: a["state"] })];
      }
      case "verify": {
        const { commits, versions, segments, tables, logBytes, chain, problems } = await this.#database.verify();
        return [{ commits, versions, segments, tables, log_bytes: logBytes, chain, problems }];
      }
      case "info": {
        const i = (await this.#database.info()) as api.Info & { segments: number; tables: number; tailBytes: number };
        const { database, actor, format, commits, actors, chain, segments, tables } = i;
        const newest = i.newest === undefined ? {} : { newest: time(i.newest) };
        return [{ database, actor, format, commits, actors, chain, segments, tables, created_ms: i.created.getTime(), read_only: i.readOnly, tail_bytes: i.tailBytes, torn_bytes: i.tornBytes, ...newest }];
      }
      case "stats": {
        const { commits, changes, bytesLogged, checkpoints, merges } = await this.#database.stats();
        return [{ commits, changes, bytes_logged: bytesLogged, checkpoints, merges }];
      }
      default:
        throw new Error(`there is no step ${step.op}`);
    }
  }

  async #openIt(readOnly: boolean, create: boolean, cacheBytes: number): Promise<[null]> {
    const { segment_bytes: segmentBytes, tail_bytes: tailBytes } = this.script.options;
    const options = { readOnly, create, cacheBytes, segmentBytes, tailBytes, maintenance: "inline" as const };
    const place = async () => this.storage(this.name, create && !readOnly, readOnly);
    const connector = new InProcess(this.instance, place, options, this.host);
    this.#db = await begin(connector, {});
    this.#open = true;
    this.#snapshots.clear();
    return [null];
  }

  async #hash(): Promise<Json> {
    const storage = await this.storage(this.name, false, true);
    const hashes: Record<string, string> = {};
    for (const [name, bytes] of await storage.list()) {
      if (!isFileName(name)) continue;
      const content = new Uint8Array(bytes);
      for (let at = 0; at < bytes; ) {
        const count = await readAt(storage, name, at, content.subarray(at));
        ok(count > 0, `${name} ends at ${at} and has ${bytes} bytes`);
        at += count;
      }
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
      hashes[name] = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    }
    await storage.close();
    return hashes;
  }

  /** Reads through a snapshot, or the present. */
  async #at<T>(at: unknown, read: (view: View) => Promise<T>): Promise<T> {
    if (at === undefined) return read(this.#database);
    const kept = at as { snapshot?: string };
    if (kept.snapshot !== undefined) return read(this.#snapshots.get(kept.snapshot)!);
    const snapshot = await this.#database.snapshot(moment(at));
    try {
      return await read(snapshot);
    } finally {
      await snapshot.close();
    }
  }

  async #transaction(step: Step, info: api.CommitOptions, rollback: boolean): Promise<[unknown]> {
    const given = new Error("rolled back");
    let before = (await this.#sequence());
    try {
      await this.#database.transaction(async (tx) => {
        Object.assign(tx, info);
        for (const [i, inner] of (step["steps"] as Step[]).entries()) {
          await this.#step(inner, `${i + 1} inside`, (s) => this.#inside(tx, s));
        }
        if (rollback) throw given;
      }, { tries: 1 });
    } catch (error) {
      if (error !== given) throw error;
    }
    for await (const { sequence, version } of this.#database.log()) return [sequence > before ? version : null];
    return [null];
  }

  async #sequence(): Promise<number> {
    return (await this.#database.info()).commits;
  }

  async #inside(tx: api.Transaction, step: Step): Promise<[unknown]> {
    const a = this.#arguments(step) as Args;
    const collection = tx.collection(a["collection"]);
    switch (step.op) {
      case "put":
        collection.put(a["key"], a["value"], { ...vectors(a), expected: expected(a["expected"]), ...(a["expires_at"] !== undefined && { expiresAt: a["expires_at"] }) });
        return [null];
      case "delete":
        collection.delete(a["key"], { expected: expected(a["expected"]) });
        return [null];
      case "get": {
        const value = await collection.get(a["key"]);
        return [value === undefined ? null : { value }];
      }
      case "keys": {
        const keys: string[] = [];
        for await (const { key } of collection.scan({ ...range(a), ...(a["limit"] !== undefined && { limit: a["limit"] }) })) keys.push(key);
        return [keys];
      }
      case "clock":
        this.#now += Number(a["add_ms"]);
        return [null];
      default:
        throw new Error(`there is no step ${step.op} in a transaction`);
    }
  }

  async #differences(a: Args): Promise<unknown> {
    const [before, after] = [moment(a["before"]) ?? NOW, moment(a["after"])];
    const rows = a["collection"] === undefined
      ? this.#database.diff(before, after)
      : this.#database.collection(a["collection"]).diff(before, after);
    const all: unknown[] = [];
    for (const { collection, key, before, after } of await rows.toArray()) {
      const versions = { before: before?.version, after: after?.version };
      const changes = before && after
        ? await this.#database.collection(collection).diff(key, before.version, after.version)
        : [{ path: "", before: before?.value, after: after?.value }];
      all.push({ collection, key, ...versions, changes });
    }
    return all;
  }

  async #watch(a: Args): Promise<[unknown, unknown]> {
    const { commits } = await this.#database.info();
    const options = { collection: a["collection"], prefix: a["prefix"], token: a["token"] } as api.WatchOptions;
    const limit = (a["limit"] as number | undefined) ?? Infinity;
    let token: number | undefined;
    const events: unknown[] = [];
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), 50);
    try {
      if (limit > 0) for await (const event of this.#database.watch({ ...options, signal: abort.signal })) {
        token = event.token;
        events.push({
          token,
          version: event.commit.version,
          changes: event.commit.changes
            .map(({ collection, key, deleted }, i) => ({ collection, key, ...(deleted ? { deleted } : { value: event.documents[i]?.value }) }))
            .filter(({ collection, key }) => (options.collection ?? collection) === collection && key.startsWith(options.prefix ?? "")),
        });
        if (events.length >= limit) break;
      }
    } catch (error) {
      if (!abort.signal.aborted) throw error;
      // It waited, so it has passed over everything that there is.
      token = commits;
    } finally {
      clearTimeout(timer);
    }
    const now = token ?? options.token ?? commits;
    return [{ events, token: now }, now];
  }
}

/** The present, where the facade wants a moment: later than everything. */
const NOW = 2n ** 62n;

export function untag(json: Json, saved: Map<string, unknown>): unknown {
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return json.map((element) => untag(element, saved));
  const [[tag, value] = ["", null]] = Object.entries(json);
  if (!tag.startsWith("$")) {
    const map: Record<string, unknown> = {};
    for (const [key, v] of Object.entries(json)) define(map, key, untag(v, saved));
    return map;
  }
  switch (tag) {
    case "$int": {
      const integer = BigInt(value as string);
      return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
    }
    case "$float": {
      const float = Number(value);
      return Number.isInteger(float) || !Number.isFinite(float) ? new api.Float(float) : float;
    }
    case "$bytes": return Uint8Array.from(atob(value as string), (c) => c.charCodeAt(0));
    case "$utf16": return String.fromCharCode(...((value as string).match(/.{4}/g) ?? []).map((unit) => parseInt(unit, 16)));
    case "$repeat": {
      const [part, times] = value as [Json, number];
      const one = untag(part, saved);
      return typeof one === "string" ? one.repeat(times) : Array.from({ length: times }, () => one as unknown[]).flat();
    }
    case "$ref":
      ok(saved.has(value as string), `nothing was saved as ${String(value)}`);
      return saved.get(value as string);
    case "$map": {
      const map: Record<string, unknown> = {};
      for (const [key, v] of value as [Json, Json][]) define(map, untag(key, saved) as string, untag(v, saved));
      return map;
    }
    default: throw new Error(`there is no tag ${tag}`);
  }
}

function define(map: object, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}

function expected(value: unknown): api.Expected {
  return value === "absent" ? null : (value as string | undefined);
}

export function cause([collection, key, version]: string[]): api.DocumentVersion {
  return { collection: collection!, key: key!, version: version! };
}

export function moment(value: unknown): api.Moment | undefined {
  if (value === "now" || value === undefined) return undefined;
  const [[kind, of] = ["", ""]] = Object.entries(value as Record<string, string>);
  if (kind === "commit_prefix") return { commit: of };
  if (kind !== "time") return { [kind]: of } as unknown as api.Moment;
  const [ms, counter = "65535"] = of.split("+");
  return (BigInt(ms!) << 16n) + BigInt(counter);
}

/** A list of numbers, or their bits. */
function vector(given: unknown): Float32Array | number[] {
  if (typeof given !== "string") return (given as (number | api.Float)[]).map(Number);
  const view = new DataView(new ArrayBuffer(given.length / 2));
  for (let at = 0; at < given.length; at += 8) view.setUint32(at / 2, parseInt(given.slice(at, at + 8), 16), true);
  return new Float32Array(view.buffer);
}

function vectors(a: Record<string, unknown>): api.PutVectors {
  if (a["vector"] !== undefined) return { vector: vector(a["vector"]) };
  if (a["vectors"] === undefined) return {};
  return { vectors: Object.fromEntries(Object.entries(a["vectors"] as object).map(([name, given]) => [name, vector(given)])) };
}

function bits(floats: Float32Array): string {
  const view = new DataView(floats.buffer, floats.byteOffset, floats.byteLength);
  return Array.from(floats, (_, i) => view.getUint32(i * 4, true).toString(16).padStart(8, "0")).join("");
}

function shownVectors(given: api.Vectors): Record<string, string> {
  return Object.fromEntries(Object.entries(given).map(([name, floats]) => [name, bits(floats)]));
}

function search(a: Args): Omit<api.SearchOptions, "include"> {
  const { like, name, k, filter, threshold, ef, exact } = a;
  const given = { like, name, k, filter, ef, exact, vector: a["vector"] && vector(a["vector"]), threshold: threshold && Number(threshold) };
  return { ...Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)), ...range(a) };
}

function range(a: Record<string, unknown>): api.KeyRange {
  const { prefix, from, after, through, before, reverse } = a;
  const all = { prefix, from, after, to: through, before, descending: reverse };
  return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined)) as api.KeyRange;
}

async function take<T>(rows: api.Rows<T>, limit: number | undefined): Promise<T[]> {
  const taken: T[] = [];
  if (limit === 0) return taken;
  for await (const row of rows) if (taken.push(row) >= (limit ?? Infinity)) break;
  return taken;
}

export function time(timestamp: bigint): string {
  return `${timestamp >> 16n}+${timestamp & 0xffffn}`;
}

function stamp({ version, timestamp, expiresAt }: { version: string; timestamp: bigint; expiresAt?: number | bigint }): object {
  return { version, timestamp: time(timestamp), expires_at: expiresAt };
}

function version(v: api.Version): object {
  return { ...stamp(v), ...(v.deleted ? { deleted: true } : { value: v.value }) };
}

function tag({ name, timestamp, commits }: api.Tag): object {
  return { name, timestamp: time(timestamp), commits };
}

function commit(c: api.Commit): object {
  const { id, version, sequence, timestamp, author, message, causes, dependencies, changes } = c;
  return {
    id, version, sequence, author, message, dependencies,
    timestamp: time(timestamp),
    causes: causes.length > 0 ? causes.map((v) => [v.collection, v.key, v.version]) : undefined,
    changes: changes.map(({ collection, key, bytes, parents, deleted, expiresAt }) => ({
      collection, key, parents, value_bytes: bytes, deleted: deleted || undefined, expires_at: expiresAt,
    })),
  };
}

