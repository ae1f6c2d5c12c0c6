// What a connection does with long calls, and with those under way when the other side vanishes: against an other side made
// by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Collection } from "../src/collection.js";
import { Reader } from "../src/protocol/reader.js";
import { Writer } from "../src/protocol/writer.js";
import { Connection } from "../src/transport/connection.js";
import type { Connector, TransportEvents } from "../src/transport/transport.js";
import { codeOf } from "./assert.js";

const FIRST = 0x85, NEXT = 0xc5, LAST = 0x45, CANCEL = 32, GET_MANY = 2;
const DONE = 0, PART = 2;

/** One message that was sent: the bytes behind its operation are the arguments. */
interface Message {
  call: number;
  operation: number;
  arguments: Uint8Array;
}

/** The other side: what was sent on each line, and the lines' ends. */
class OtherSide implements Connector {
  readonly mayVanish = true;
  readonly lines: { sent: Message[]; events: TransportEvents }[] = [];

  async connect(events: TransportEvents) {
    const sent: Message[] = [];
    this.lines.push({ sent, events });
    const send = (batch: Uint8Array) => {
      for (const reader = new Reader(batch); !reader.done; ) {
        const end = reader.u32() + reader.at;
        sent.push({ call: reader.u32(), operation: reader.u8(), arguments: batch.slice(reader.at, end) });
        reader.at = end;
      }
    };
    return { send, poisoned() {}, close: async () => {} };
  }

  get last() {
    return this.lines.at(-1)!;
  }

  reply(call: number, status: number, write: (writer: Writer) => void): void {
    const writer = new Writer();
    writer.u32(0);
    writer.u32(call);
    writer.u8(status);
    write(writer);
    writer.patchU32(0, writer.length - 4);
    this.last.events.batch(writer.slice());
  }

  async describe() {
    return { shared: false };
  }
  async dispose() {}
}

async function rig() {
  const other = new OtherSide();
  const connection = await Connection.open(other);
  return { other, collection: new Collection<unknown>(connection, "c") };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
const documents = Array.from({ length: 300 }, (_, n) => [`k${n}`, { n, text: "x".repeat(1000) }] as const);
const written = (writer: Writer) => {
  writer.string("1@00000000000000000000000000000001");
  writer.integer(1);
};

/** The keys that messages of a put of many have, and what their info says of a sequence that was seen. */
function read(messages: Message[]): { keys: string[]; after: number | undefined } {
  const keys: string[] = [];
  let after: number | undefined;
  for (const [index, message] of messages.entries()) {
    const reader = new Reader(message.arguments);
    if (index === 0) {
      assert.equal(reader.string(), "c");
      after = (reader.value() as { after?: number }).after;
    }
    while (!reader.done) {
      keys.push(reader.string());
      reader.value();
    }
  }
  return { keys, after };
}

const all = documents.map(([key]) => key);

test("a long put of many is sent in parts while it is written, and is one call", async () => {
  const { other, collection } = await rig();
  const done = collection.putMany(documents);
  const early = other.last.sent.length;
  assert.ok(early >= 4, `${early} parts were sent before the call returned`);
  await turn();
  const { sent } = other.last;
  assert.deepEqual(sent.map((message) => message.operation), [FIRST, ...Array<number>(early - 1).fill(NEXT), LAST]);
  assert.equal(new Set(sent.map((message) => message.call)).size, 1);
  assert.deepEqual(read(sent), { keys: all, after: undefined });
  other.reply(sent[0]!.call, DONE, written);
  assert.equal(await done, "1@00000000000000000000000000000001");
});

test("what went to a line that ended goes to the next one as a whole", async () => {
  const { other, collection } = await rig();
  // The line ends between the parts and the rest, which is not sent yet.
  const done = collection.putMany(documents);
  other.last.events.gone();
  await turn();
  assert.equal(other.lines.length, 2);
  assert.deepEqual(read(other.last.sent), { keys: all, after: undefined });
  // And once more when all of it was sent: now it may have had its effect, and says since when.
  other.last.events.gone();
  await turn();
  assert.deepEqual(read(other.last.sent), { keys: all, after: 0 });
  assert.equal(other.last.sent.at(-1)!.operation, LAST);
  other.reply(other.last.sent[0]!.call, DONE, written);
  assert.equal(await done, "1@00000000000000000000000000000001");
});

test("a put of many that cannot be written is taken back", async () => {
  const { other, collection } = await rig();
  const bad = [...documents, ["bad", () => {}] as const];
  assert.equal(await codeOf(() => collection.putMany(bad)), "INVALID_ARGUMENT");
  await turn();
  const { sent } = other.last;
  assert.ok(sent.length > 4 && sent.at(-1)!.operation === CANCEL);
  assert.equal(new Reader(sent.at(-1)!.arguments).number(), sent[0]!.call);
});

test("results that were sent ahead are taken once, whoever sends the rest", async () => {
  const { other, collection } = await rig();
  const found = (...values: number[]) => (writer: Writer) => {
    for (const value of values) {
      writer.array(4);
      written(writer);
      writer.null();
      writer.integer(value);
    }
  };
  const keys = ["a", "b", "c", "d"];
  const done = collection.getMany(keys);
  keys.length = 0;
  await turn();
  const { call, operation } = other.last.sent[0]!;
  assert.equal(operation, GET_MANY);
  other.reply(call, PART, found(1, 2));
  other.last.events.gone();
  await turn();
  assert.equal(other.last.sent[0]!.call, call);
  other.reply(call, PART, found(1));
  other.reply(call, PART, found(2, 3));
  other.reply(call, DONE, found(4));
  assert.deepEqual(await done, [1, 2, 3, 4]);
});
