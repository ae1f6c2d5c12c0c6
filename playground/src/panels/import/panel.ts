// Import: a file is dropped or chosen, its key is chosen, and it goes in with its progress in sight.

import type { PanelModule } from "../../app/panel.js";
import { format } from "../../app/router.js";
import { append, fill, h, uniqueId } from "../../ui/dom.js";
import { failure } from "../../ui/failure.js";
import { bytes, count } from "../../ui/format.js";
import { icon } from "../../ui/icon.js";
import { collectionFrom, importFile, preview } from "./import.js";
import { formatOf } from "./records.js";

export const mount: PanelModule["mount"] = (host, context, route) => {
  const work = h("div", { class: "work" });
  const over = new AbortController();
  const file = h("input", { type: "file", id: uniqueId("file"), accept: ".jsonl,.ndjson,.csv,.tsv", class: "hidden", onchange: () => file.files?.[0] && void offer(file.files[0]) });
  const drop = h("label", {
    class: "drop", htmlFor: file.id,
    ondragover: (event) => { event.preventDefault(); drop.classList.add("over"); },
    ondragleave: () => drop.classList.remove("over"),
    ondrop: (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const dropped = event.dataTransfer?.files[0];
      if (dropped) void offer(dropped);
    },
  }, icon("import"), h("strong", {}, "Drop a file here, or choose one"), h("span", { class: "soft" }, "JSON Lines (.jsonl, .ndjson) or CSV with a header (.csv, .tsv)"));
  const sample = h("button", { type: "button", onclick: () => void loadSample() }, "Import a sample of 500 people");
  append(host, [h("h1", {}, "Import"), h("p", { class: "soft" }, "Each record becomes a document. A thousand of them are one commit, so an import that is stopped leaves whole batches, and every step of it is on the timeline."), file, drop, h("p", {}, sample), work]);

  const loadSample = async () => {
    try {
      const response = await fetch("people.jsonl");
      if (!response.ok) throw new Error(`the sample cannot be loaded: status ${response.status}`);
      await offer(new File([await response.blob()], "people.jsonl"), true);
    } catch (error) {
      fill(work, failure(error));
    }
  };

  const offer = async (chosen: File, atOnce = false) => {
    const kind = formatOf(chosen.name);
    if (!kind) return fill(work, failure(new Error(`${chosen.name} is neither JSON Lines nor CSV: its name should end in .jsonl or .csv`)));
    try {
      const { fields, key } = await preview(chosen, kind);
      const into = h("input", { type: "text", id: uniqueId("into"), value: collectionFrom(chosen.name), required: true });
      const field = h("select", { id: uniqueId("key") }, h("option", { value: "" }, "numbered in order"), fields.map((name) => h("option", { value: name, selected: name === key }, name)));
      const form = h("form", { class: "card", onsubmit: (event) => { event.preventDefault(); void run(chosen, kind, into.value, field.value || undefined); } },
        h("h2", {}, chosen.name, " ", h("span", { class: "soft" }, bytes(chosen.size))),
        h("div", { class: "fields" }, h("div", { class: "field" }, h("label", { htmlFor: into.id }, "Collection"), into), h("div", { class: "field" }, h("label", { htmlFor: field.id }, "Key"), field), h("button", { type: "submit", class: "main" }, "Import")));
      fill(work, form);
      if (atOnce) await run(chosen, kind, into.value, field.value || undefined);
      else form.querySelector<HTMLElement>("button")!.focus();
    } catch (error) {
      fill(work, failure(error));
    }
  };

  const run = async (chosen: File, kind: "jsonl" | "csv", collection: string, keyField: string | undefined) => {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, over.signal]);
    const bar = h("progress", { max: 1, value: 0, "aria-label": `Import of ${chosen.name}` });
    const told = h("p", { class: "soft", role: "status" });
    const button = h("button", { type: "button", onclick: () => stop.abort(new Error("stopped: what was written stays")) }, "Stop");
    fill(work, h("div", { class: "card" }, h("h2", {}, chosen.name), bar, told, button));
    const start = performance.now();
    let done = 0;
    try {
      await importFile(context.session.db, chosen, {
        collection, format: kind, keyField, signal,
        progress: ({ documents, read, of }) => {
          done = documents;
          bar.value = of === 0 ? 1 : read / of;
          told.textContent = `${count(documents, "document")}, ${Math.round(bar.value * 100)} %`;
        },
      });
      const seconds = (performance.now() - start) / 1000;
      bar.value = 1;
      told.textContent = `${count(done, "document")} imported in ${seconds.toFixed(2)} s`;
      append(work.firstElementChild!, [h("p", {}, h("a", { class: "button", href: format("documents", [collection]) }, icon("documents"), `Look at ${collection}`))]);
    } catch (error) {
      append(work.firstElementChild!, [failure(error), h("p", { class: "soft" }, `${count(done, "document")} were written before that.`)]);
    }
    button.remove();
  };

  if (route.query["sample"] !== undefined) {
    context.router.note("import");
    void loadSample();
  }
  return { unmount: () => over.abort(new Error("the panel was left")) };
};
