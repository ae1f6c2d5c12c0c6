// The contract of a storage, sentence by sentence: what `tests/src/contract.rs` checks, in TypeScript and for both flavours.

import type { Storage } from "../src/storage/storage.js";
import { codeOf, equal, ok } from "./assert.js";

const LOG = "00000001.log";
const OTHER = "00000007.index";

/** Reads, whatever the flavour, into `into`. */
export async function readAt(storage: Storage, name: string, offset: number, into: Uint8Array): Promise<number> {
  if (!storage.asynchronous) return storage.readAt(name, offset, into);
  const bytes = await storage.readAt(name, offset, into.length);
  ok(bytes.length <= into.length, "a read gives at most what was asked for");
  into.set(bytes);
  return bytes.length;
}

/** The whole of a file. */
export async function content(storage: Storage, name: string): Promise<Uint8Array> {
  const parts: number[] = [];
  const buffer = new Uint8Array(1000);
  for (;;) {
    const count = await readAt(storage, name, parts.length, buffer);
    if (count === 0) return Uint8Array.from(parts);
    for (let i = 0; i < count; i++) parts.push(buffer[i]!);
  }
}

const text = (value: string) => new TextEncoder().encode(value);
const bytes = (value: string) => Uint8Array.from(text(value));

async function create(storage: Storage, name: string, data: string): Promise<void> {
  await storage.create(name);
  await storage.writeAt(name, 0, text(data));
}

async function lengths(storage: Storage): Promise<[string, number][]> {
  return [...(await storage.list())].sort(([a], [b]) => (a < b ? -1 : 1));
}

type Check = (storage: Storage) => Promise<void>;

export const CHECKS: Record<string, Check> = {
  async "create makes an empty file once"(storage) {
    await storage.create(LOG);
    equal(await lengths(storage), [[LOG, 0]]);
    await storage.writeAt(LOG, 0, text("kept"));
    equal(await codeOf(() => storage.create(LOG)), "ALREADY_EXISTS");
    equal(await content(storage, LOG), bytes("kept"), "a second create must not empty the file");
  },
  async "every kind of file is its own"(storage) {
    const names = ["root", "00000001.manifest", "00000001.log", "00000001.packed", "00000001.index", "100000000.index", "4294967295.log"];
    for (const name of names) await create(storage, name, name);
    for (const name of names) equal(await content(storage, name), bytes(name));
    equal((await lengths(storage)).length, names.length);
  },
  async "reads that are under way at once do not disturb each other"(storage) {
    // More files than a storage keeps open, so that some have to be opened first, and each of them asked twice.
    const names = Array.from({ length: 40 }, (_, n) => `${String(n + 1).padStart(8, "0")}.index`);
    for (const name of names) await create(storage, name, `content of ${name}`);
    if (!storage.asynchronous) return;
    const twice = [...names, ...names];
    const reads = twice.map((name) => {
      const read = storage.readAt(name, 0, 100);
      return read instanceof Promise ? read : Promise.resolve(read.slice());
    });
    // All have arrived before the first is looked at.
    const found = await Promise.all(reads);
    equal(found.map((bytes) => new TextDecoder().decode(bytes)), twice.map((name) => `content of ${name}`));
  },
  async "list names what there is"(storage) {
    equal(await lengths(storage), []);
    await create(storage, LOG, "12345");
    await create(storage, OTHER, "");
    equal(await lengths(storage), [[LOG, 5], [OTHER, 0]]);
    await storage.writeAt(OTHER, 9, text("0"));
    await storage.remove(LOG);
    equal(await lengths(storage), [[OTHER, 10]]);
  },
  async "reads return what was written"(storage) {
    const data = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
    await create(storage, LOG, "");
    for (let at = 0; at < data.length; at += 9_999) await storage.writeAt(LOG, at, data.subarray(at, at + 9_999));
    ok((await content(storage, LOG)).every((byte, i) => byte === data[i]), "what was read is not what was written");
    const buffer = new Uint8Array(100_000);
    const count = await readAt(storage, LOG, 65_000, buffer);
    ok(count >= 1, "something is there");
    equal(buffer.slice(0, count), data.slice(65_000, 65_000 + count));
    ok(buffer.subarray(count).every((byte) => byte === 0), "a short read must leave the rest of the buffer alone");
  },
  async "what is handed over is not kept"(storage) {
    await create(storage, LOG, "");
    const data = bytes("0123456789");
    const writing = storage.writeAt(LOG, 0, data);
    data.fill(0);
    await writing;
    equal(await content(storage, LOG), bytes("0123456789"));
  },
  async "reads end with the file"(storage) {
    await create(storage, LOG, "0123456789");
    const buffer = new Uint8Array(100);
    const count = await readAt(storage, LOG, 6, buffer);
    ok(count >= 1 && count <= 4, String(count));
    for (const past of [10, 11, 2 ** 20, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      equal(await readAt(storage, LOG, past, buffer), 0, `read at ${past}`);
    }
    equal(await readAt(storage, LOG, 3, new Uint8Array(0)), 0);
  },
  async "gaps read as zeros"(storage) {
    await create(storage, LOG, "ab");
    await storage.writeAt(LOG, 150_000, text("yz"));
    const expected = new Uint8Array(150_002);
    expected.set(text("ab"));
    expected.set(text("yz"), 150_000);
    equal(await content(storage, LOG), expected);
  },
  async "overwriting changes only its range"(storage) {
    await create(storage, LOG, "0123456789");
    await create(storage, OTHER, "0123456789");
    await storage.writeAt(LOG, 3, text("abc"));
    equal(await content(storage, LOG), bytes("012abc6789"));
    await storage.writeAt(LOG, 8, text("long"));
    equal(await content(storage, LOG), bytes("012abc67long"));
    equal(await content(storage, OTHER), bytes("0123456789"));
  },
  async "empty writes change nothing"(storage) {
    await create(storage, LOG, "0123");
    for (const offset of [0, 4, 4_000, Number.MAX_SAFE_INTEGER]) await storage.writeAt(LOG, offset, text(""));
    equal(await content(storage, LOG), bytes("0123"));
  },
  async "truncation cuts and fills with zeros"(storage) {
    await create(storage, LOG, "0123456789");
    await storage.truncate(LOG, 10);
    equal(await content(storage, LOG), bytes("0123456789"));
    await storage.truncate(LOG, 4);
    equal(await content(storage, LOG), bytes("0123"));
    await storage.truncate(LOG, 7);
    equal(await content(storage, LOG), bytes("0123\0\0\0"), "what was cut off must not come back");
    await storage.truncate(LOG, 2);
    await storage.writeAt(LOG, 4, text("z"));
    equal(await content(storage, LOG), bytes("01\0\0z"));
    await storage.truncate(LOG, 0);
    equal(await lengths(storage), [[LOG, 0]]);
    await storage.writeAt(LOG, 0, new Uint8Array(140_000).fill(7));
    await storage.truncate(LOG, 70_000);
    await storage.truncate(LOG, 140_000);
    const all = await content(storage, LOG);
    ok(all.length === 140_000 && all.every((byte, i) => byte === (i < 70_000 ? 7 : 0)), "cut across chunks");
  },
  async "removed files are gone and come back empty"(storage) {
    await create(storage, LOG, "old");
    await create(storage, OTHER, "stays");
    equal(await content(storage, LOG), bytes("old"));
    await storage.remove(LOG);
    equal(await codeOf(() => readAt(storage, LOG, 0, new Uint8Array(9))), "NOT_FOUND");
    equal(await codeOf(() => storage.remove(LOG)), "NOT_FOUND");
    await storage.create(LOG);
    equal(await content(storage, LOG), new Uint8Array(0));
    await storage.writeAt(LOG, 0, text("new"));
    equal(await content(storage, LOG), bytes("new"));
    equal(await content(storage, OTHER), bytes("stays"));
  },
  async "missing files are not found"(storage) {
    await create(storage, OTHER, "");
    equal(await codeOf(() => readAt(storage, LOG, 0, new Uint8Array(9))), "NOT_FOUND");
    equal(await codeOf(() => storage.writeAt(LOG, 0, text("x"))), "NOT_FOUND");
    equal(await codeOf(() => storage.writeAt(LOG, 0, text(""))), "NOT_FOUND");
    equal(await codeOf(() => storage.sync(LOG)), "NOT_FOUND");
    equal(await codeOf(() => storage.truncate(LOG, 0)), "NOT_FOUND");
    equal(await codeOf(() => storage.remove(LOG)), "NOT_FOUND");
    equal(await lengths(storage), [[OTHER, 0]], "a refused call must not make a file");
  },
  async "offsets out of reach are refused"(storage) {
    await create(storage, LOG, "kept");
    for (const offset of [Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 63]) {
      equal(await codeOf(() => storage.writeAt(LOG, offset, text("xyz"))), "INVALID_ARGUMENT", `write at ${offset}`);
      if (offset > Number.MAX_SAFE_INTEGER) equal(await codeOf(() => storage.truncate(LOG, offset)), "INVALID_ARGUMENT");
    }
    equal(await content(storage, LOG), bytes("kept"));
    // Far, but not absurd: whether there is room depends on the medium, which loses nothing either way.
    const refusal = await codeOf(() => storage.writeAt(LOG, 2 ** 40, text("far")));
    if (refusal === undefined) equal(await lengths(storage), [[LOG, 2 ** 40 + 3]]);
    else ok(["STORAGE_FULL", "IO"].includes(refusal), refusal);
    const first = new Uint8Array(1);
    equal(await readAt(storage, LOG, 0, first), 1);
    equal(first, bytes("k"));
    await storage.truncate(LOG, 4);
    equal(await content(storage, LOG), bytes("kept"));
  },
  async "synced files stay as they are"(storage) {
    await create(storage, LOG, "0123");
    await storage.sync(LOG);
    await storage.sync(LOG);
    await storage.truncate(LOG, 2);
    await storage.sync(LOG);
    equal(await content(storage, LOG), bytes("01"));
  },
  async "more files are used than handles are kept"(storage) {
    const names = Array.from({ length: 20 }, (_, i) => `${String(i + 1).padStart(8, "0")}.log`);
    for (const name of names) await create(storage, name, name);
    for (const name of names) await storage.writeAt(name, 3, text("!"));
    await Promise.all(names.map(async (name) => equal((await content(storage, name))[3], 33, name)));
    for (const name of names) await storage.sync(name);
  },
  async "nothing works after close"(storage) {
    await create(storage, LOG, "kept");
    await storage.close();
    await storage.close();
    equal(await codeOf(() => storage.list()), "CLOSED");
    equal(await codeOf(() => storage.create(OTHER)), "CLOSED");
    equal(await codeOf(() => readAt(storage, LOG, 0, new Uint8Array(9))), "CLOSED");
    equal(await codeOf(() => storage.writeAt(LOG, 0, text("x"))), "CLOSED");
    equal(await codeOf(() => storage.writeAt(LOG, 0, text(""))), "CLOSED");
    equal(await codeOf(() => storage.sync(LOG)), "CLOSED");
    equal(await codeOf(() => storage.truncate(LOG, 0)), "CLOSED");
    equal(await codeOf(() => storage.remove(LOG)), "CLOSED");
  },
};

/** Runs every check on a storage of its own, empty, open and writable. Where files last, they are read again at the end. */
export async function checkContract(make: (number: number) => Promise<Storage> | Storage, lasting: boolean): Promise<void> {
  let number = 0;
  for (const [name, check] of Object.entries(CHECKS)) {
    const storage = await make(number++);
    ok(storage.kind !== "" && storage.location !== "", "a storage says what and where it is");
    try {
      await check(storage);
    } catch (error) {
      throw new Error(`${storage.kind}: ${name}: ${(error as Error).message}`, { cause: error });
    } finally {
      await storage.close();
    }
  }
  if (!lasting) return;
  const before = await make(number);
  await create(before, LOG, "kept");
  await before.truncate(LOG, 3);
  await before.sync(LOG);
  equal(await codeOf(() => make(number)), "LOCKED", "a second one while the first is open");
  await before.close();
  const after = await make(number);
  equal(await lengths(after), [[LOG, 3]]);
  equal(await content(after, LOG), bytes("kep"));
  await after.close();
}
