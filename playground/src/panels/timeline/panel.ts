// The timeline: a slider over the moments of the log. Dragging it shows documents as they were; a second one compares.

import type { Commit, DocumentChange, Moment, Value } from "koru-delta";
import type { PanelModule } from "../../app/panel.js";
import type { Route } from "../../app/router.js";
import { Commits } from "../../app/commits.js";
import { append, fill, h, uniqueId } from "../../ui/dom.js";
import { rowsOf } from "../../ui/diff-rows.js";
import { diffView, summary } from "../../ui/diff-view.js";
import { failure } from "../../ui/failure.js";
import { ago, count, dateOf, headline, time } from "../../ui/format.js";
import { icon } from "../../ui/icon.js";
import { Latest } from "../../ui/latest.js";
import { histogram } from "./histogram.js";
import { Side } from "./side.js";

const PLAY_MS = 500;

export const mount: PanelModule["mount"] = (host, context, first) => {
  const { router, session: { db } } = context;
  const problem = h("div", { role: "alert" });
  const latest = new Latest((error) => fill(problem, failure(error)));
  const commits = new Commits(context.session, () => sync());
  let chosen: [collection: string, key: string] | undefined = pathOf(first);
  let at = -1;
  let from: number | undefined;
  let follow = first.query["at"] === undefined;
  let playing: ReturnType<typeof setInterval> | undefined;

  const range = (label: string, input: () => void) => h("input", { type: "range", id: uniqueId("moment"), min: "0", step: "1", "aria-label": label, oninput: input });
  const slider = range("Moment", () => { follow = Number(slider.value) === commits.list.length - 1; move(Number(slider.value)); });
  const other = range("Moment to compare with", () => { from = Number(other.value); draw(); });
  const bars = h("div", { class: "bars", "aria-hidden": "true" });
  const told = h("div", { class: "told" });
  const otherTold = h("div", { class: "told soft" });
  const doc = h("section", { class: "pane document", "aria-label": "The document at this moment" });
  const side = new Side(context, (collection, key) => { chosen = [collection, key]; draw(); });
  const step = (by: number) => { stop(); move(Math.max(0, Math.min(commits.list.length - 1, at + by))); };
  const button = (label: string, name: Parameters<typeof icon>[0], click: () => void) => h("button", { type: "button", "aria-label": label, title: label, onclick: click }, icon(name));
  const play = button("Play", "play", () => (playing === undefined ? start() : stop()));
  const compare = h("button", { type: "button", "aria-pressed": "false", onclick: () => { from = from === undefined ? Math.max(0, at - 1) : undefined; draw(); } }, icon("compare"), "Compare two moments");
  const second = h("div", { class: "line second", hidden: true }, h("label", { htmlFor: other.id, class: "soft" }, "before"), other);
  append(host, [h("h1", { class: "hidden" }, "Timeline"),
    h("section", { class: "moments", "aria-label": "Moments" }, bars, h("div", { class: "line" }, h("label", { htmlFor: slider.id, class: "soft" }, "moment"), slider), second,
      h("div", { class: "line" }, button("The commit before", "back", () => step(-1)), play, button("The next commit", "forward", () => step(1)), told, h("span", { class: "grow" }), compare), otherTold),
    problem, h("div", { class: "split" }, side.element, doc)]);

  const stop = () => { clearInterval(playing); playing = undefined; play.replaceChildren(icon("play")); play.setAttribute("aria-label", "Play"); };
  const start = () => {
    if (at >= commits.list.length - 1) move(0);
    play.replaceChildren(icon("pause"));
    play.setAttribute("aria-label", "Pause");
    playing = setInterval(() => (at < commits.list.length - 1 ? move(at + 1) : stop()), PLAY_MS);
  };
  const move = (to: number) => { at = to; slider.value = String(to); draw(); };

  /** Commits came: a slider at its end stays there, any other stays at its commit. */
  const sync = () => {
    const { list } = commits;
    const place = (index: number, of: Commit | undefined) => (of ? commits.at(of.timestamp) : index);
    const [was, wasFrom] = [shownAt, shownFrom];
    for (const input of [slider, other]) input.max = String(Math.max(0, list.length - 1));
    at = follow ? list.length - 1 : place(at, was);
    if (from !== undefined) from = place(from, wasFrom);
    slider.value = String(at);
    fill(bars, histogram(list));
    draw();
  };
  let shownAt: Commit | undefined;
  let shownFrom: Commit | undefined;

  const draw = () => {
    const commit = (shownAt = commits.list[at]);
    shownFrom = from === undefined ? undefined : commits.list[from];
    compare.setAttribute("aria-pressed", String(from !== undefined));
    second.hidden = from === undefined;
    if (from !== undefined) other.value = String(from);
    if (!commit) return fill(told, h("span", { class: "soft" }, "Nothing was written yet."));
    tell(told, slider, commit, `${at + 1} of ${count(commits.list.length, "commit")}${commits.truncated ? " (older ones are not shown)" : ""}`);
    otherTold.hidden = !shownFrom;
    if (shownFrom) tell(otherTold, other, shownFrom, "compared with");
    // The address keeps what is seen, so that it can be linked to.
    router.note("timeline", chosen ?? [], { at: follow ? undefined : String(commit.timestamp), from: shownFrom && String(shownFrom.timestamp) });
    const before = from === undefined ? commits.list[at - 1] : shownFrom;
    const comparing = from !== undefined;
    latest.run(async () => {
      problem.replaceChildren();
      const changes = await side.show(before?.timestamp, commit.timestamp, chosen);
      if (!chosen && changes[0]) chosen = [changes[0].collection, changes[0].key];
      await showDocument(before?.timestamp, commit.timestamp, comparing, changes);
    });
  };

  const showDocument = async (before: bigint | undefined, now: bigint, comparing: boolean, changes: DocumentChange[]) => {
    if (!chosen) return fill(doc, h("p", { class: "empty soft" }, "Choose a document, and drag."));
    const [collection, key] = chosen;
    side.mark(collection, key);
    const changed = changes.find((change) => change.collection === collection && change.key === key);
    const read = async (moment: Moment | undefined) => (moment === undefined ? undefined : db.asOf(moment).collection(collection).get(key));
    const after: Value | undefined = changed ? changed.after?.value : await read(now);
    const older: Value | undefined = changed ? changed.before?.value : after;
    const rows = rowsOf(older, after);
    const absent = after === undefined && older === undefined;
    const scroll = doc.scrollTop;
    fill(doc, h("div", { class: "bar" }, h("h2", { class: "path" }, h("span", { class: "soft" }, `${collection} / `), key), h("span", { class: "grow" }), h("span", { class: "soft", role: "status" }, absent ? "not there at this moment" : before === undefined && !comparing ? "the first commit" : summary(rows))),
      absent ? h("p", { class: "empty soft" }, "This document was not there yet, or not any more.") : diffView(rows, { label: `${key} at this moment`, side: comparing, fold: comparing }));
    doc.scrollTop = scroll;
  };

  const onRoute = (route: Route) => {
    chosen = pathOf(route) ?? chosen;
    const moment = (name: string) => (/^-?\d+$/.test(route.query[name] ?? "") ? commits.at(BigInt(route.query[name]!)) : undefined);
    const wanted = moment("at");
    follow = wanted === undefined;
    at = wanted ?? commits.list.length - 1;
    from = moment("from");
    slider.value = String(at);
    draw();
  };
  commits.load().then(() => onRoute(first), (error: unknown) => fill(problem, failure(error)));
  return { route: onRoute, unmount: () => { stop(); commits.end(); side.destroy(); } };
};

function pathOf({ path }: Route): [string, string] | undefined {
  return path[0] !== undefined && path[1] !== undefined ? [path[0], path[1]] : undefined;
}

function tell(where: HTMLElement, slider: HTMLInputElement, commit: Commit, place: string): void {
  const when = dateOf(commit.timestamp);
  const why = headline(commit.message) || count(commit.changes.length, "change");
  slider.setAttribute("aria-valuetext", `${time(when)}, ${why}`);
  fill(where, h("strong", {}, time(when)), h("span", { class: "soft" }, ago(when)), h("span", { class: "why" }, why), commit.author && h("span", { class: "soft" }, commit.author.replace(/ <.*/, "")), h("span", { class: "soft" }, place));
}
