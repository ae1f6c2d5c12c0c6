// Writing a document by hand: JSON or plain text, in a dialog. It says which version it builds on, so that what someone else
// wrote in the meantime is not overwritten unseen.

import type { Document, Value } from "koru-delta";
import type { Context } from "../../app/panel.js";
import { append, fill, h, uniqueId } from "../../ui/dom.js";
import { failure } from "../../ui/failure.js";
import { parseJson, toJson } from "../../ui/pretty.js";

export interface Edited {
  collection: string;
  key?: string;
  document?: Document;
}

export function editDocument(context: Context, { collection, key, document }: Edited): void {
  const { db } = context.session;
  const known = document?.value;
  const asText = typeof known === "string";
  const initial = known === undefined ? "{\n  \n}" : asText ? known : toJson(known);
  if (initial === undefined) return context.announce("It holds bytes, which text cannot show: write it in the console", "error");

  const field = (label: string, input: HTMLElement) => h("div", { class: "field" }, h("label", { htmlFor: input.id }, label), input);
  const where = h("input", { type: "text", id: uniqueId("field"), value: collection, required: true, disabled: key !== undefined });
  const which = h("input", { type: "text", id: uniqueId("field"), value: key ?? "", required: true, disabled: key !== undefined });
  const format = h("select", { id: uniqueId("field") }, h("option", { value: "json" }, "JSON"), h("option", { value: "text", selected: asText }, "Text"));
  const value = h("textarea", { id: uniqueId("field"), rows: 14, value: initial, spellcheck: false });
  const message = h("input", { type: "text", id: uniqueId("field"), placeholder: "why (optional)" });
  const problem = h("div", { role: "alert" });
  const dialog = h("dialog", { "aria-label": key === undefined ? "New document" : `Edit ${key}`, onclose: () => dialog.remove() });

  const save = async (event: Event) => {
    event.preventDefault();
    try {
      const written = format.value === "text" ? value.value : parseJson(value.value);
      await db.collection<Value>(where.value).put(which.value, written, { expected: document?.version ?? null, ...(message.value && { message: message.value }) });
      dialog.close();
      context.announce(`${which.value} is written`);
      context.router.go("documents", [where.value, which.value]);
    } catch (error) {
      fill(problem, failure(error));
    }
  };
  append(dialog, [h("form", { onsubmit: (event) => void save(event) },
    h("h2", {}, key === undefined ? "New document" : `Edit ${collection} / ${key}`),
    key === undefined && h("div", { class: "fields" }, field("Collection", where), field("Key", which)),
    h("div", { class: "fields" }, field("Value as", format)), field("Value", value), field("Message", message), problem,
    h("div", { class: "bar" }, h("span", { class: "grow" }), h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { type: "submit", class: "main" }, "Save")))]);
  document$().append(dialog);
  dialog.showModal();
  (key !== undefined ? value : collection === "" ? where : which).focus();
}

/** `document` is a word of ours here. */
const document$ = () => globalThis.document.body;

export async function deleteDocument(context: Context, collection: string, key: string): Promise<void> {
  try {
    await context.session.db.collection(collection).delete(key);
    context.announce(`${key} is deleted; its history stays`);
  } catch (error) {
    context.announce((error as Error).message, "error");
  }
}
