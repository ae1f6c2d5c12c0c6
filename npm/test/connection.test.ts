// What a connection does with the first results of a long call when the other side vanishes: against an other side made by
// hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Collection } from "../src/collection.js";
import { Reader } from "../src/protocol/reader.js";
import { Writer } from "../src/protocol/writer.js";
import { Connection } from "../src/transport/connection.js";
import type { Connector, TransportEvents } from "../src/transport/transport.js";

const GET_MANY = 2;
const DONE = 0, PART = 2;

/** One message that was sent, without its arguments. */
interface Message {
  call: number;
  operation: number;
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
        sent.push({ call: reader.u32(), operation: reader.u8() });
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
const written = (writer: Writer) => {
  writer.string("1@00000000000000000000000000000001");
  writer.integer(1);
};

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
