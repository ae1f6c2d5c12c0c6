// Every operation of the facade once, the same in Node and in a page, on every storage. It begins with an empty database.

import type * as Api from "../src/api.js";
import { codeOf, equal, ok, pause } from "./assert.js";
import { everythingOfVectors } from "./vectors.js";

type Database = Api.Database;

export async function everything(api: typeof Api, db: Database): Promise<void> {
  const users = db.collection<Api.Value>("users");
  equal(await users.get("ada"), undefined, "nothing is there yet");

  const ada = { born: 1815, half: 0.5, big: 2n ** 60n, bytes: new Uint8Array([1, 255]), none: null, list: [true, "é", -0] };
  const first = await users.put("ada", ada);
  equal(await users.get("ada"), ada);
  const second = await users.put("ada", { born: 1816 }, { author: "me", message: "why", causes: [users.at("ada", first)] });
  const document = await users.document("ada");
  equal([document?.version, document?.value], [second, { born: 1816 }]);

  // Time travel.
  equal(await users.asOf({ version: first }).get("ada"), ada);
  equal(await users.asOf(document!.timestamp).get("ada"), { born: 1816 });
  equal(await db.asOf(document!.timestamp - 1n).collection("users").get("ada"), ada);
  equal(await users.asOf(new Date(0)).get("ada"), undefined);
  const versions = await users.history("ada").toArray();
  equal(versions.map(({ version, deleted, value }) => [version, deleted, value]), [[second, false, { born: 1816 }], [first, false, ada]]);
  equal((await users.history("ada", { before: second, values: false }).toArray()).map((v) => "value" in v), [false]);
  equal(await users.diff("ada", first, second).then((all) => all.find(({ path }) => path === "/born")), { path: "/born", before: 1815, after: 1816 });
  equal((await users.version("ada", first)).value, ada);
  equal(await users.heads("ada"), [second]);

  // The workspace that a database is itself.
  const main = db.workspace("main");
  equal([main.name, db.name, await main.collection("users").get("ada")], ["main", "main", { born: 1816 }]);
  equal([await main.collections(), (await main.log().toArray()).length], [["users"], 2]);
  equal(await codeOf(() => db.workspace("draft")), "NOT_FOUND");
  for (const name of ["", "a/b", "a\0b", 7 as unknown as string]) equal(await codeOf(() => db.workspace(name)), "INVALID_ARGUMENT");
  equal(await codeOf(() => db.workspace("n".repeat(129))), "LIMIT_EXCEEDED");

  // Many, and pages.
  await users.putMany(Array.from({ length: 1000 }, (_, i) => [`k${i}`, { i }] as const));
  await users.putMany(new Map([["m1", 1]]));
  await users.putMany({ m2: 2 });
  equal((await users.scan().toArray()).length, 1003);
  equal((await users.scan({ prefix: "k9", descending: true, limit: 3 }).toArray()).map((row) => row.key), ["k999", "k998", "k997"]);
  equal((await users.keys({ from: "k998", before: "m" }).toArray()), ["k998", "k999"]);
  const seen: string[] = [];
  for await (const row of users.scan()) {
    seen.push(row.key);
    if (seen.length === 300) break;
  }
  equal(seen.length, 300);
  equal(await users.getMany(["m1", "nobody", "m2"]), [1, undefined, 2]);

  // So many that they go over in parts, and come back in parts.
  const long = Array.from({ length: 600 }, (_, i) => [`p${i}`, { i, text: `${i} `.repeat(200) }] as const);
  const calling = function* () {
    for (const document of long) {
      if (document[0] === "p300") void users.put("while", "iterating");
      yield document;
    }
  };
  const parts = await users.putMany(calling());
  equal(await users.getMany(["nobody", ...long.map(([key]) => key)]), [undefined, ...long.map(([, value]) => value)]);
  equal((await db.commit(parts!)).changes.length, 600);
  equal(await codeOf(() => users.putMany([...long.map(([key]) => [key, 0] as const), ["bad", undefined as unknown as Api.Value]])), "INVALID_ARGUMENT");
  equal([await users.get("p0"), await users.get("while")], [long[0]![1], "iterating"]);
  await users.putMany(long.map(([key]) => [key, 1] as const));
  for (const key of ["while", ...long.map(([key]) => key)]) await users.delete(key);

  // Snapshots.
  const snapshot = await db.snapshot();
  await users.put("late", 1);
  equal([await snapshot.collection("users").get("late"), await users.get("late")], [undefined, 1]);
  await snapshot.close();
  equal(await codeOf(() => snapshot.collection("users").get("late")), "CLOSED");

  // Transactions see their own writes and roll nothing but whole commits.
  const keys = await db.transaction(async (tx) => {
    const mine = tx.collection<Api.Value>("users");
    const was = (await mine.get("ada")) as { born: number };
    mine.put("ada", { born: was.born + 1 });
    mine.put("k5a", 1);
    mine.delete("k50");
    equal(await mine.get("ada"), { born: 1817 });
    const found: string[] = [];
    for await (const row of mine.scan({ prefix: "k5", limit: 3 })) found.push(row.key);
    return found;
  });
  equal(keys, ["k5", "k500", "k501"]);
  equal([await users.get("ada"), await users.get("k5a"), await users.get("k50")], [{ born: 1817 }, 1, undefined]);
  equal(await codeOf(() => db.transaction(() => Promise.reject(new api.KoruError("NOT_FOUND", "given up")))), "NOT_FOUND");
  await users.put("counter", 0);
  await Promise.all(
    Array.from({ length: 8 }, () =>
      db.transaction(async (tx) => {
        const mine = tx.collection<number>("users");
        mine.put("counter", (await mine.get("counter"))! + 1);
      }, { tries: 100 }),
    ),
  );
  equal(await users.get("counter"), 8, "no increment is lost");
  let runs = 0;
  equal(await codeOf(() => db.transaction(async (tx) => {
    runs++;
    const mine = tx.collection<Api.Value>("users");
    for await (const _ of mine.scan({ prefix: "phantom" })) void _;
    await users.put(`phantom${runs}`, 1);
    mine.put("result", runs);
  }, { tries: 3 })), "CONFLICT");
  equal(runs, 3, "a conflict runs the callback again, with a bound");

  // Expected versions, expiry, deletion.
  equal(await codeOf(() => users.put("ada", 1, { expected: first })), "CONFLICT");
  equal(await codeOf(() => users.put("ada", 1, { expected: null })), "CONFLICT");
  await users.put("new", 1, { expected: null });
  await users.put("gone", 1, { expiresAt: new Date(Date.now() - 1000) });
  equal(await users.get("gone"), undefined);
  equal(await users.delete("nobody"), undefined);
  ok(await users.delete("new"), "a deletion has a version");

  // Tags, restore, lineage, log, changes.
  const tag = await db.tag("before");
  equal((await db.tags()).map(({ name, commits }) => [name, commits]), [["before", tag.commits]]);
  await users.put("ada", "spoiled");
  equal((await db.diff({ tag: "before" }).toArray()).map(({ key, before, after }) => [key, before?.value, after?.value]), [["ada", { born: 1817 }, "spoiled"]]);
  ok(await users.restore("ada", { tag: "before" }), "something is restored");
  equal(await users.restoreAll({ tag: "before" }), undefined, "nothing differs any more");
  equal(await db.restore({ tag: "before" }), undefined);
  await db.untag("before");
  equal(await db.tags(), []);
  const { edges } = await users.lineage("ada", second);
  equal(edges.map(({ cause, effect }) => [cause.version, effect.version]), [[first, second]]);
  const commit = await db.commit(second);
  equal([commit.author, commit.message, commit.changes.map((c) => [c.key, c.parents])], ["me", "why", [["ada", [first]]]]);
  equal((await db.commit(commit.id.slice(0, 16))).version, second);
  const newest = (await db.log().toArray())[0]!;
  equal(newest.sequence, (await db.info()).commits);
  equal(await db.collections(), ["users"]);

  // Watches.
  const abort = new AbortController();
  const events: Api.WatchEvent[] = [];
  const watching = codeOf(async () => {
    for await (const event of users.watch({ signal: abort.signal })) {
      events.push(event);
      if (events.length === 2) abort.abort();
    }
  });
  await pause(20);
  await users.put("w", 1);
  await users.delete("w");
  equal(await watching, "ABORTED");
  equal(events.map(({ documents }) => documents.map((d) => d?.value)), [[1], [undefined]]);
  for await (const { token, commit } of db.watch({ token: events[0]!.token })) {
    equal([token, commit.version], [events[1]!.token, events[1]!.commit.version], "a watch goes on behind its token");
    break;
  }

  // What is refused names the place.
  const refusals: [unknown, string][] = [
    [NaN, "users/x: NaN"],
    [{ a: [{ b: new Date() }] }, "at /a/0/b: a Date"],
    [{ "a/b~": undefined, list: [undefined] }, "at /list/0: undefined"],
    [new Map(), "a Map"],
    [() => 1, "a function"],
    ["\ud800", "surrogate"],
    [2n ** 63n, "64 bits"],
  ];
  for (const [value, says] of refusals) {
    try {
      await users.put("x", value as Api.Value);
      ok(false, `${says} must be refused`);
    } catch (error) {
      const { code, message } = error as Api.KoruError;
      equal(code, "INVALID_ARGUMENT", message);
      ok(message.includes(says), `"${message}" does not say "${says}"`);
    }
  }
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  equal(await codeOf(() => users.put("x", cycle as Api.Value)), "INVALID_ARGUMENT");
  equal(await codeOf(() => users.put("", 1)), "INVALID_ARGUMENT");
  equal(await codeOf(() => users.put(7 as unknown as string, 1)), "INVALID_ARGUMENT");
  equal(await codeOf(() => users.get("ada", { signal: AbortSignal.abort() })), "ABORTED");
  const proto = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as Api.Value;
  await users.put("proto", proto);
  const back = (await users.get("proto")) as Record<string, unknown>;
  equal(Object.keys(back), ["__proto__", "constructor"]);
  equal(({} as { polluted?: boolean }).polluted ?? back["polluted"], undefined, "no prototype is polluted");

  // History from elsewhere keeps its times.
  const importer = await db.importer("old system");
  equal([importer.name, importer.state], ["old system", undefined]);
  const day = new Date("2001-02-03T04:05:06.789Z");
  const brought = await importer.commit(day, [
    { collection: "old", key: "a", value: 1 }, { collection: "old", key: "b", value: { x: [1] }, vector: [1, 0] }, { collection: "users", key: "grace", value: "then" },
  ], { author: "them", message: "first", state: { line: 3 } });
  const { timestamp, author, message } = await db.commit(brought!);
  equal([api.dateOf(timestamp), author, message], [day, "them", "first"]);
  equal(await db.collection("old").asOf(day).get("b"), { x: [1] });
  equal(await db.collection("old").asOf(new Date(day.getTime() - 1)).get("b"), undefined);
  equal((await db.collection("old").search({ vector: [1, 0] })).map(({ key }) => key), ["b"]);
  const further = await db.importer("old system");
  equal(further.state, { line: 3 });
  const reading = function* () {
    // A generator may make calls itself.
    void users.put("while importing", 1);
    yield { collection: "old", key: "a", deleted: true } as const;
  };
  await further.commit(day.getTime() + 1000, reading());
  equal([further.state, await db.collection("old").get("a"), await users.get("while importing")], [null, undefined, 1]);
  for (const time of [NaN, 0.5, new Date(NaN), Date.now() + 3_600_000, "now" as unknown as number]) {
    equal(await codeOf(() => further.commit(time, [{ collection: "old", key: "c", value: 1 }])), "INVALID_ARGUMENT");
  }
  equal(await codeOf(() => further.commit(day, [{ collection: "$tags", key: "c", value: 1 }])), "INVALID_ARGUMENT");
  equal(await codeOf(() => further.commit(day, [{ collection: "old", key: "c", value: undefined as unknown as number }])), "INVALID_ARGUMENT");
  equal(await codeOf(() => db.importer("")), "INVALID_ARGUMENT");
  equal(await db.collection("old").get("c"), undefined);

  await everythingOfVectors(db);

  await db.sync();
  await db.checkpoint();
  const report = await db.verify();
  equal(report.problems, []);
  ok((await db.stats())["commits"]! > 0, "stats count");
}
