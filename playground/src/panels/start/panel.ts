// Where a first visit begins: what this is in two sentences, and lines to try that really run.

import type { PanelModule } from "../../app/panel.js";
import { addressOf } from "../../app/session.js";
import { format } from "../../app/router.js";
import { append, h } from "../../ui/dom.js";
import { icon } from "../../ui/icon.js";

const TRY = [
  { title: "Write a document", line: 'await db.collection("people").put("ada", { name: "Ada Lovelace", born: 1815 }, { message: "First!" })' },
  { title: "Change it", line: 'await db.collection("people").put("ada", { name: "Ada Lovelace", born: 1815, knows: ["Babbage"] })' },
  { title: "See all that it ever was", line: 'db.collection("people").history("ada")' },
] as const;

/** A name of its own for the history of each build of the app's archive is the server's business: it names it in the address. */
const DEMO = "repository";

export const mount: PanelModule["mount"] = (host, context) => {
  const demo = h("a", { class: "card act", href: addressOf(DEMO, "#/log", "demo.tar"), hidden: true }, icon("log"), h("strong", {}, "Open the repository's history"), h("span", { class: "soft" }, "Every commit of koru-delta's own git repository, as a database: read it, search it, drag through it."));
  append(host, [
    h("h1", {}, "A database that forgets nothing, in this tab"),
    h("p", { class: "lead" }, "koru-delta keeps every version of every document, durably, in your browser's own storage. Nothing leaves this machine. Write something, then go back in time."),
    h("h2", {}, "Try this"),
    h("ol", { class: "try" }, TRY.map(({ title, line }) => h("li", {}, h("button", { type: "button", class: "card act", onclick: () => context.runInConsole(line) }, h("strong", {}, title), h("code", {}, line))))),
    h("h2", {}, "Or"),
    h("div", { class: "acts" }, demo,
      h("a", { class: "card act", href: format("import", [], { sample: "people" }) }, icon("import"), h("strong", {}, "Import a sample"), h("span", { class: "soft" }, "500 people as JSON Lines. Your own files can be dropped there, too.")),
      h("a", { class: "card act", href: format("timeline") }, icon("timeline"), h("strong", {}, "Drag through time"), h("span", { class: "soft" }, "Watch documents change, and compare two moments.")),
      h("a", { class: "card act", href: format("crash") }, icon("crash"), h("strong", {}, "Crash it"), h("span", { class: "soft" }, "Kill the engine in the middle of a write, and count what is lost.")),
      h("a", { class: "card act", href: location.href.replace(/#.*/, "#/documents"), target: "_blank" }, icon("tabs"), h("strong", {}, "Open a second tab"), h("span", { class: "soft" }, "Both see what the other writes, at once."))),
  ]);
  return { unmount: context.store.subscribe(({ demo: there }) => void (demo.hidden = !there)) };
};
