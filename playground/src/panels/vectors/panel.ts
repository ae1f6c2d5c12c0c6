// The map of vectors: the vectors of a collection as points of a plane. A search starts from one of them, and its neighbours
// follow as k, ef, the index, the filter and the moment change.

import { KoruError, type Commit, type Filter, type Moment, type Value, type VectorConfig } from "koru-delta";
import type { PanelModule } from "../../app/panel.js";
import type { Route } from "../../app/router.js";
import { Commits } from "../../app/commits.js";
import { append, fill, h, uniqueId } from "../../ui/dom.js";
import { failure } from "../../ui/failure.js";
import { count, dateOf, headline, number, time } from "../../ui/format.js";
import { icon } from "../../ui/icon.js";
import { Latest } from "../../ui/latest.js";
import { VirtualList } from "../../ui/virtual-list.js";
import { Controls } from "./controls.js";
import { kindsOf } from "./describe.js";
import { explained, neighbours, summary, told, type Found } from "./found.js";
import { legend, VectorMap } from "./map.js";
import { Points, type Point } from "./points.js";
import { LICENCE, loadSample, SAMPLE } from "./sample.js";
import { setsOf, type VectorSet } from "./sets.js";

/** How often an index that is being made is looked at, in milliseconds. */
const AGAIN_MS = 400;

export const mount: PanelModule["mount"] = (host, context, first) => {
  const { router, session } = context;
  const { db } = session;
  let over = false;
  let sets: VectorSet[] = [];
  let points: Points | undefined;
  let config: VectorConfig | undefined;
  let origin: Point | undefined;
  let wanted = first.query["like"];
  let moments: Commit[] = [];
  let at = -1;
  let shownAt: Commit | undefined;
  let follow = first.query["at"] === undefined;
  let colourBy: string | undefined;
  let listed: Point[] = [];
  let linked = -1;
  let again: ReturnType<typeof setTimeout> | undefined;

  const problem = h("div", { role: "alert" });
  const latest = new Latest((error) => { if (!over) fill(problem, failure(error)); });
  const commits = new Commits(session, () => sync());

  const which = h("select", { id: uniqueId("vectors"), onchange: () => router.go("vectors", pathOf(sets[which.selectedIndex]!)) });
  const colour = h("select", { id: uniqueId("colour"), onchange: () => { colourBy = colour.value; draw(); } });
  const sampleButtons = [sampleButton(), sampleButton()];
  const slider = h("input", { type: "range", id: uniqueId("moment"), min: "0", step: "1", "aria-label": "Moment", oninput: () => move(Number(slider.value)) });
  const moment = h("div", { class: "told" });
  const map = new VectorMap((point) => from(point));
  const legendHost = h("div", { class: "legends" });
  const find = h("input", { type: "search", id: uniqueId("find"), placeholder: "find ...", oninput: () => list() });
  const rows = new VirtualList({
    label: "Documents with a vector", rowHeight: 28,
    row: (index) => ({ content: [h("span", { class: "name" }, listed[index]!.title), h("span", { class: "soft" }, listed[index]!.key)] }),
    choose: (index) => from(listed[index]!),
  });
  const note = h("p", { class: "note soft", role: "status" });
  const controls = new Controls(first.query, () => draw(), (chosen) => configure(chosen));
  const heading = h("h2", {}, "Neighbours");
  const remove = h("button", { type: "button", class: "quiet danger", hidden: true, onclick: () => void deleteOrigin() }, icon("trash"), "Delete");
  const outcome = h("p", { class: "outcome soft", role: "status" }, "Choose a point, or a document of the list, to search from it.");
  const found = h("ol", { class: "neighbours" });
  const [how, what] = [h("tbody", {}), h("tbody", {})];
  const nothing = h("section", { class: "nothing", hidden: true }, h("p", {}, "No collection has vectors yet. Documents get them by ", h("code", {}, "put(key, value, { vector })"), ", or here:"), sampleButtons[1]!,
    h("p", { class: "soft" }, "5,000 glosses of WordNet 3.0 (Copyright 2006 by Princeton University), each with a vector of 384 numbers that a sentence encoder made of it."),
    h("details", {}, h("summary", {}, "The licence of the text"), h("pre", { class: "licence" }, LICENCE)));
  const body = h("div", { class: "split", hidden: true },
    h("section", { class: "pane keys", "aria-label": "Documents" }, h("div", { class: "bar" }, h("label", { class: "hidden", htmlFor: find.id }, "Find a document"), find), rows.element, note),
    h("section", { class: "pane map", "aria-label": "Map" }, map.element, legendHost),
    h("section", { class: "pane search", "aria-label": "Search" }, controls.element,
      h("div", { class: "line" }, heading, h("span", { class: "grow" }), remove), outcome, found,
      h("h2", {}, "How it was searched"), h("table", { class: "facts" }, how), h("h2", {}, "The index"), h("table", { class: "facts" }, what)));
  const top = h("section", { class: "moments", "aria-label": "What is shown", hidden: true },
    h("div", { class: "line wrap" }, h("label", { htmlFor: which.id, class: "soft" }, "vectors"), which, h("label", { htmlFor: colour.id, class: "soft" }, "colour by"), colour, h("span", { class: "grow" }), sampleButtons[0]!),
    h("div", { class: "line" }, h("label", { htmlFor: slider.id, class: "soft" }, "moment"), slider), moment);
  append(host, [h("h1", { class: "hidden" }, "Vectors"), top, problem, nothing, body]);

  function sampleButton(): HTMLButtonElement {
    return h("button", { type: "button", onclick: () => void sample() }, icon("import"), "Load the sample");
  }

  const sample = async () => {
    for (const button of sampleButtons) button.disabled = true;
    problem.replaceChildren();
    try {
      const documents = await loadSample(db, (text) => context.announce(text));
      context.announce(`${count(documents, "document")} with vectors are in ${SAMPLE}`);
      await offer([SAMPLE, "default"]);
    } catch (error) {
      fill(problem, failure(error));
    }
    for (const button of sampleButtons) button.disabled = false;
  };

  /** Reads which vectors there are, and shows those of a path. */
  const offer = async (path: readonly string[]) => {
    sets = await setsOf(db);
    if (over) return;
    const chosen = sets.find(({ collection, name }) => collection === path[0] && name === (path[1] ?? "default")) ?? sets[0];
    fill(which, sets.map((set) => h("option", { selected: set === chosen }, set.name === "default" ? set.collection : `${set.collection} / ${set.name}`)));
    nothing.hidden = chosen !== undefined;
    top.hidden = body.hidden = chosen === undefined;
    // The sample is not offered to those who have it.
    sampleButtons[0]!.hidden = sets.some(({ collection }) => collection === SAMPLE);
    if (!chosen || (points?.collection.name === chosen.collection && points.name === chosen.name)) return draw();
    const collection = db.collection<Value>(chosen.collection);
    config = await collection.vectorConfig(chosen.name);
    if (!config || over) return;
    [points, origin, colourBy] = [new Points(collection, chosen.name, config.dimension, config.metric), undefined, undefined];
    if (sets.length > 1 && chosen.collection !== SAMPLE && path[0] !== chosen.collection) follow = true;
    sync();
  };

  const configure = (chosen: Pick<VectorConfig, "index" | "codes">) => {
    if (!points || !config) return;
    const { collection, name, dimension, metric } = points;
    latest.run(async () => {
      problem.replaceChildren();
      try {
        await collection.configureVectors(name, { dimension, metric, ...chosen }, { message: `Vectors: ${chosen.index}, codes ${chosen.codes}` });
        config = { dimension, metric, ...chosen };
      } finally {
        if (config) controls.config = config;
      }
      await work();
    });
  };

  const deleteOrigin = async () => {
    if (!points || !origin) return;
    try {
      await points.collection.delete(origin.key, { message: `Deleted ${origin.title}` });
      context.announce(`${origin.title} is deleted: drag the moment back, and it is there`);
    } catch (error) {
      fill(problem, failure(error));
    }
  };

  const from = (point: Point) => { origin = point; draw(); };
  const move = (to: number) => { at = to; follow = at === moments.length - 1; draw(); };

  /** Commits came, or another collection is shown: a slider at its end stays there, any other stays at its commit. */
  const sync = () => {
    const name = points?.collection.name;
    if (name === undefined) return;
    moments = commits.list.filter(({ changes }) => changes.some(({ collection }) => collection === name));
    const timestamp = shownAt?.timestamp ?? (/^\d+$/.test(first.query["at"] ?? "") ? BigInt(first.query["at"]!) : undefined);
    at = follow || timestamp === undefined ? moments.length - 1 : Math.max(0, moments.filter((commit) => commit.timestamp <= timestamp).length - 1);
    slider.max = String(Math.max(0, moments.length - 1));
    draw();
  };

  const draw = () => latest.run(work);
  const work = async () => {
    if (!points || over) return;
    clearTimeout(again);
    slider.value = String(at);
    tellMoment();
    const asOf = follow ? undefined : shownAt?.timestamp;
    const now = points;
    try {
      await now.show(asOf, controls.filter);
      if (wanted !== undefined) origin = now.alive.find(({ key }) => key === wanted) ?? origin;
      wanted = undefined;
      // The version of this moment, if there is one.
      if (origin) origin = now.alive.find(({ key }) => key === origin!.key) ?? origin;
      const result = origin && (await search(now, origin, asOf));
      if (over || now !== points) return;
      problem.replaceChildren();
      show(now, result, result ? await now.add(result.hits) : []);
    } catch (error) {
      if (!(error instanceof KoruError && controls.filter !== undefined && error.code === "INVALID_ARGUMENT")) throw error;
      controls.refuse(error.message);
    }
    await look(now);
  };

  /** Like the document of the moment, or if there is none, near to the vector that it had. */
  const search = async ({ collection, name }: Points, { key, vector }: Point, asOf: Moment | undefined): Promise<Found> => {
    const asked = { name, k: controls.k, ef: Math.max(controls.ef, controls.k), filter: controls.filter as Filter | undefined, asOf };
    const near = async (target: { like: string } | { vector: Float32Array }): Promise<Found> => {
      const begin = performance.now();
      const hits = await collection.search({ ...asked, ...target, include: ["values", "vectors"] });
      const took = performance.now() - begin;
      const exact = await collection.search({ ...asked, ...target, exact: true, include: [] });
      return { hits, took, exact: exact.map((hit) => hit.key), exactTook: performance.now() - begin - took };
    };
    try {
      return await near({ like: key });
    } catch (error) {
      if (error instanceof KoruError && error.code === "NOT_FOUND") return near({ vector });
      throw error;
    }
  };

  const show = (now: Points, result: Found | undefined, near: Point[]) => {
    const there = origin && now.alive.includes(origin);
    const fields = now.fields();
    if (colourBy === undefined || (colourBy !== "" && !fields.includes(colourBy))) colourBy = fields[0] ?? "";
    fill(colour, h("option", { value: "" }, "nothing"), fields.map((field) => h("option", { value: field, selected: field === colourBy }, field)));
    colour.value = colourBy;
    const field = colourBy || undefined;
    // Of all that were seen, so that a colour means the same at each moment; counted are those that are there.
    const kinds = field === undefined ? [] : kindsOf([...now.known.values()].map(({ value }) => value), field);
    const alive = new Map(field === undefined ? [] : kindsOf(now.alive.map(({ value }) => value), field));
    fill(legendHost, legend(field, kinds.map(([kind]) => [kind, alive.get(kind) ?? 0])));
    const label = `Map of ${count(now.alive.length, "vector")}${origin ? `, and the ${near.length} nearest to ${origin.title}` : ""}. The lists beside it hold the same.`;
    map.show({ known: now.known.values(), alive: now.alive, taken: now.taken, origin, neighbours: near, field, kinds: kinds.map(([kind]) => kind) }, label);
    list();
    fill(heading, origin ? ["Neighbours of ", origin.title] : "Neighbours");
    remove.hidden = !origin || !there || !follow;
    if (result) {
      outcome.textContent = `${summary(result)}${there ? "" : ". It is not there at this moment: its vector is searched for"}`;
      const focused = found.contains(document.activeElement);
      fill(found, neighbours(result, (i) => from(near[i]!)));
      // The button that was pressed is gone: the focus goes to where its search begins.
      if (focused) (found.querySelector("button") ?? find).focus();
      explained(how, result);
    }
    router.note("vectors", pathOf({ collection: now.collection.name, name: now.name }), { like: origin?.key, at: follow || !shownAt ? undefined : String(shownAt.timestamp), ...controls.words });
  };

  /** What the index is; while it is being made, again and again. */
  const look = async (now: Points) => {
    const info = (await now.collection.vectorInfo()).find(({ name }) => name === now.name);
    if (!info || over || now !== points) return;
    config = info.config;
    controls.config = info.config;
    told(what, info);
    // The last few are scanned, not linked: a graph that stands still is made.
    const settled = info.ready && (info.index !== "hnsw" || info.linked === info.versions || info.linked === linked);
    linked = info.linked;
    if (!settled) again = setTimeout(draw, AGAIN_MS);
  };

  const list = () => {
    if (!points) return;
    const words = find.value.toLowerCase();
    const { alive, taken, documents } = points;
    listed = alive.filter(({ key, title }) => (!taken || taken.has(key)) && (title.toLowerCase().includes(words) || key.toLowerCase().includes(words)));
    listed.sort((a, b) => a.title.localeCompare(b.title) || (a.key < b.key ? -1 : 1));
    const text = `${listed.length === documents ? "" : `${number(listed.length)} of `}${count(documents, "vector")}${alive.length < documents ? `; ${number(alive.length)} are drawn` : ""}`;
    if (note.textContent !== text) note.textContent = text;
    rows.setCount(listed.length);
    rows.mark(listed.findIndex(({ key }) => key === origin?.key), !rows.element.matches(":focus-within, :hover"));
  };

  const tellMoment = () => {
    const commit = (shownAt = moments[at]);
    if (!commit) return fill(moment);
    const when = time(dateOf(commit.timestamp));
    const why = headline(commit.message) || count(commit.changes.length, "change");
    slider.setAttribute("aria-valuetext", `${when}, ${why}`);
    fill(moment, h("strong", {}, when), h("span", { class: "why" }, why), h("span", { class: "soft" }, `${at + 1} of ${count(moments.length, "commit")}`));
  };

  const failed = (error: unknown) => fill(problem, failure(error));
  const endCommits = session.onCommit(({ commit }) => {
    const touched = new Set(commit.changes.map(({ collection }) => collection));
    // The first vector of a name, or another configuration by whoever.
    if (touched.has("$vectors")) offer(router.route.path).catch(failed);
  });
  commits.load().then(() => offer(first.path)).catch(failed);
  return {
    route: (route: Route) => void offer(route.path).catch(failed),
    unmount: () => { over = true; clearTimeout(again); endCommits(); commits.end(); rows.destroy(); map.destroy(); },
  };
};

function pathOf({ collection, name }: VectorSet): string[] {
  return name === "default" ? [collection] : [collection, name];
}
