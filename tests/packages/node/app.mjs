// Node: a database in a folder, closed and opened again; and the entry that is given its module.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { open, remove } from "koru-delta";
import { open as openSlim } from "koru-delta/slim";

let db = await open("db");
const first = await db.collection("notes").put("one", { text: "first" });
await db.collection("notes").put("one", { text: "second" });
await db.close();
db = await open("db");
const notes = db.collection("notes");
assert.deepEqual(await notes.get("one"), { text: "second" });
assert.deepEqual(await notes.asOf({ version: first }).get("one"), { text: "first" });
const history = [];
for await (const { value } of notes.history("one")) history.push(value.text);
assert.deepEqual(history, ["second", "first"]);
await db.close();
await remove("db");

const module = await readFile(new URL(import.meta.resolve("koru-delta/koru.wasm")));
const slim = await openSlim("memory:", { module });
await slim.collection("notes").put("one", { text: "slim" });
assert.deepEqual(await slim.collection("notes").get("one"), { text: "slim" });
await slim.close();
