// The application that every bundler builds: the package as its README shows it, with nothing set.

import { open, persist, remove } from "koru-delta";

let db;

/** What the runner asks for, one step at a time. */
globalThis.step = async (name) => {
  if (name === "kept") return persist();
  if (name === "end") {
    await db.close();
    return remove("opfs:app");
  }
  db ??= await open("app");
  const notes = db.collection("notes");
  if (name === "write") {
    const first = await notes.put("one", { text: "first" });
    await notes.put("one", { text: "second" });
    return { before: await notes.asOf({ version: first }).get("one"), now: await notes.get("one"), ...(await state(notes)) };
  }
  if (name === "add") await notes.put("two", { text: "from the second tab" });
  return state(notes);
};

async function state(notes) {
  const history = [];
  for await (const { value } of notes.history("one")) history.push(value.text);
  return { storage: (await db.info()).storage, history, two: (await notes.get("two"))?.text ?? null };
}
