// The database as a whole: where it is, how safe, checking it, and taking it out of the browser and back in.

import { persist, type Info, type VerifyReport } from "koru-delta";
import type { Context, PanelModule } from "../../app/panel.js";
import { addressOf, importArchive, knownDatabases, removeDatabase } from "../../app/session.js";
import { append, fill, h, uniqueId } from "../../ui/dom.js";
import { failure } from "../../ui/failure.js";
import { ago, bytes, count, dateOf, number, time } from "../../ui/format.js";
import { icon } from "../../ui/icon.js";

export const mount: PanelModule["mount"] = (host, context) => {
  const { store, session } = context;
  const facts = h("tbody", {});
  const result = h("div", { role: "status" });
  const act = (work: () => Promise<unknown>) => () => {
    work().then((shown) => shown instanceof HTMLElement && fill(result, shown), (error: unknown) => fill(result, failure(error)));
  };
  const file = h("input", { type: "file", id: uniqueId("archive"), accept: ".tar", hidden: true, onchange: () => file.files?.[0] && act(() => importFrom(file.files![0]!, into.value))() });
  const into = h("input", { type: "text", id: uniqueId("into"), value: freeName(session.name) });
  append(host, [h("h1", {}, "Database"),
    h("div", { class: "card" }, h("table", { class: "facts" }, facts),
      h("div", { class: "line wrap" },
        h("button", { type: "button", class: "main", onclick: act(() => save(context)) }, icon("export"), "Export as an archive"),
        h("button", { type: "button", onclick: act(async () => verified(await session.db.verify())) }, "Verify"),
        h("button", { type: "button", onclick: act(async () => { await session.db.checkpoint(); await session.refresh(); context.announce("The index is written"); }) }, "Checkpoint"),
        h("button", { type: "button", onclick: act(() => compact(context)) }, "Compact"),
        h("button", { type: "button", onclick: act(async () => { const kept = await persist(); await session.refresh(); context.announce(kept ? "The browser will keep it" : "The browser did not promise to keep it"); }) }, "Ask the browser to keep it"))),
    result,
    h("div", { class: "card" }, h("h2", {}, "Import an archive"), h("p", { class: "soft" }, "A file that was exported here, or written by `koru export --archive`. It becomes a database of its own."),
      h("div", { class: "fields" }, h("div", { class: "field" }, h("label", { htmlFor: into.id }, "Name of the new database"), into), file, h("button", { type: "button", onclick: () => file.click() }, icon("import"), "Choose an archive"))),
    h("div", { class: "card" }, h("h2", {}, "Databases in this browser"), h("ul", { class: "databases" }, knownDatabases().map((name) => databaseRow(name, name === session.name, act))))]);
  const end = store.subscribe(({ info, tabs }) => info && fill(facts, rows(info, tabs)));
  return { unmount: end };
};

async function compact(context: Context): Promise<void> {
  const { session } = context;
  await session.db.compact();
  await session.refresh();
  const { packedSegments } = await session.db.info();
  context.announce(packedSegments > 0 ? "The log is compressed" : "The log is below 1 MiB: there is nothing to compress yet");
}

function rows(info: Info, tabs: number): HTMLElement[] {
  const row = (name: string, ...value: (Node | string | false | undefined)[]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value));
  const { quota, persisted, passedOver } = info;
  return [
    row("Storage", `${info.storage}, ${info.location}`),
    ...(passedOver ?? []).map((why) => row("Passed over", why)),
    row("Durability", `${info.durability}: ${DURABILITY[info.durability]}`),
    row("Persistence", persisted === undefined ? "not asked for here" : persisted ? "the browser has promised to keep it" : "the browser may evict it when it needs room"),
    row("Quota", quota ? `${bytes(quota.usage)} used of ${bytes(quota.available)} ` : "not told", quota && h("meter", { min: 0, max: quota.available, value: quota.usage, "aria-label": "Quota used" })),
    row("Size", `${bytes(info.totalBytes)}: log ${bytes(info.logBytes)}${info.packedSegments > 0 ? ", compressed" : ""}, index ${bytes(info.indexBytes)}`),
    row("Commits", `${number(info.commits)} by ${count(info.actors, "actor")}`),
    row("Newest", info.newest === undefined ? "none" : `${time(dateOf(info.newest))} (${ago(dateOf(info.newest))})`),
    row("Tabs", info.shared ? `${tabs} open, sharing one engine` : "of this tab alone"),
    row("Chain", h("code", {}, info.chain)),
    row("Database", h("code", {}, info.database)),
    row("Writes as actor", h("code", {}, info.actor)),
  ];
}

const DURABILITY = {
  strict: "an acknowledged write survives power loss",
  relaxed: "an acknowledged write survives the end of the process",
  none: "synced at a checkpoint and at close",
};

function verified(report: VerifyReport): HTMLElement {
  const what = `${count(report.commits, "commit")}, ${count(report.versions, "version")}, ${bytes(report.logBytes)} of log read`;
  if (report.problems.length === 0) return h("p", { class: "good" }, `All is well: ${what}; every checksum and hash agrees.`);
  return h("div", {}, failure(new Error(`${count(report.problems.length + report.moreProblems, "problem")} in ${what}`)), h("ul", {}, report.problems.map((problem) => h("li", {}, problem))));
}

async function save({ session, announce }: Context): Promise<void> {
  const name = `${session.name.replace(/^\w+:/, "")}.tar`;
  const blob = await new Response(session.db.export()).blob();
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  announce(`${name}: ${bytes(blob.size)}`);
}

async function importFrom(archive: File, name: string): Promise<void> {
  await importArchive(name, archive.stream());
  location.assign(addressOf(name, "#/documents"));
}

function databaseRow(name: string, current: boolean, act: (work: () => Promise<unknown>) => () => void): HTMLElement {
  const row = h("li", {}, current ? h("strong", {}, name, " (open here)") : h("a", { href: addressOf(name, "#/documents") }, name), h("span", { class: "grow" }),
    h("a", { class: "button quiet", href: addressOf(name, "#/documents"), target: "_blank" }, icon("tabs"), "In a new tab"),
    !current && h("button", { type: "button", class: "quiet danger", onclick: act(async () => {
      if (!confirm(`Remove the database ${name} with all of its history?`)) return;
      await removeDatabase(name);
      row.remove();
    }) }, icon("trash"), "Remove"));
  return row;
}

function freeName(name: string): string {
  const known = knownDatabases();
  const base = name.replace(/^\w+:/, "");
  let i = 2;
  while (known.includes(`${base}-${i}`)) i++;
  return `${base}-${i}`;
}
