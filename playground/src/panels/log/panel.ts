// The log: every commit with who, when and why, and what it changed.

import type { Commit, CommitChange } from "koru-delta";
import type { PanelModule } from "../../app/panel.js";
import { Commits } from "../../app/commits.js";
import { format } from "../../app/router.js";
import { append, fill, h } from "../../ui/dom.js";
import { rowsOf } from "../../ui/diff-rows.js";
import { diffView, summary } from "../../ui/diff-view.js";
import { failure } from "../../ui/failure.js";
import { ago, bytes, count, dateOf, headline, shortVersion, time } from "../../ui/format.js";
import { icon } from "../../ui/icon.js";
import { Latest } from "../../ui/latest.js";
import { VirtualList } from "../../ui/virtual-list.js";

/** Changes of one commit that are listed. */
const CHANGES_SHOWN = 300;

export const mount: PanelModule["mount"] = (host, context) => {
  const detail = h("section", { class: "pane document", "aria-label": "Commit" }, h("p", { class: "empty soft" }, "Choose a commit to see what it changed."));
  const note = h("p", { class: "note soft" });
  let chosen: string | undefined;
  const commits = new Commits(context.session, () => {
    list.setCount(commits.list.length);
    if (chosen) list.mark(commits.list.length - 1 - commits.list.findIndex((commit) => commit.version === chosen), false);
    note.textContent = `${count(commits.list.length, "commit")}${commits.truncated ? ", the newest" : ""}`;
  });
  const commitAt = (index: number) => commits.list[commits.list.length - 1 - index]!;
  const latest = new Latest((error) => fill(detail, failure(error)));
  const list = new VirtualList({
    label: "Commits, newest first", rowHeight: 46,
    row: (index) => {
      const commit = commitAt(index);
      const when = dateOf(commit.timestamp);
      const about = [commit.author?.replace(/ <.*/, ""), ago(when), count(commit.changes.length, "change")].filter(Boolean).join(" · ");
      return { class: "two", content: [h("span", { class: "why" }, headline(commit.message) || describe(commit)), h("span", { class: "soft" }, about)] };
    },
    choose: (index) => {
      const commit = commitAt(index);
      chosen = commit.version;
      latest.run(async () => show(commit));
    },
  });

  const show = (commit: Commit) => {
    const when = dateOf(commit.timestamp);
    const rest = commit.message?.split("\n").slice(1).join("\n").trim();
    fill(detail,
      h("h2", { class: "title" }, headline(commit.message) || describe(commit)), rest && h("pre", { class: "message" }, rest),
      h("p", { class: "meta soft" }, [commit.author, `${time(when)} (${ago(when)})`].filter(Boolean).join(" · "), h("br"), h("code", {}, commit.id.slice(0, 16)), ` · version ${shortVersion(commit.version)} · number ${commit.sequence} in the log`),
      h("p", {}, h("a", { class: "button", href: format("timeline", [], { at: String(commit.timestamp) }) }, icon("timeline"), "Go to this moment")),
      h("h2", {}, count(commit.changes.length, "change")),
      commit.changes.slice(0, CHANGES_SHOWN).map((change, i) => changeView(commit, change, i === 0)),
      commit.changes.length > CHANGES_SHOWN && h("p", { class: "soft" }, `the first ${CHANGES_SHOWN}`));
    detail.scrollTop = 0;
  };

  const changeView = (commit: Commit, change: CommitChange, open: boolean) => {
    const inside = h("div", {});
    const sign = change.deleted ? "removed" : change.parents.length === 0 ? "added" : "changed";
    const details = h("details", { class: `change ${sign}`, ontoggle: () => void load() },
      h("summary", {}, h("span", { class: "sign" }, { removed: "-", added: "+", changed: "~" }[sign]), h("span", { class: "soft" }, `${change.collection}/`), change.key, h("span", { class: "soft size" }, change.deleted ? "deleted" : bytes(change.bytes))), inside);
    let loaded = false;
    const load = async () => {
      if (loaded || !details.open) return;
      loaded = true;
      try {
        const of = context.session.db.collection(change.collection);
        const value = async (version: string | undefined) => (version === undefined ? undefined : (await of.version(change.key, version)).value);
        const [before, after] = await Promise.all([value(change.parents[0]), change.deleted ? undefined : value(commit.version)]);
        const rows = rowsOf(before, after);
        fill(inside, h("p", { class: "soft" }, summary(rows), " · ", h("a", { href: format("documents", [change.collection, change.key]) }, "open the document")), diffView(rows, { label: `What changed in ${change.key}`, side: false, fold: true }));
      } catch (error) {
        loaded = false;
        fill(inside, failure(error));
      }
    };
    if (open) details.open = true;
    return details;
  };

  append(host, [h("h1", { class: "hidden" }, "Log"), h("div", { class: "split" }, h("section", { class: "pane keys", "aria-label": "Commits" }, list.element, note), detail)]);
  commits.load().catch((error: unknown) => fill(detail, failure(error)));
  return { unmount: () => { commits.end(); list.destroy(); } };
};

function describe({ changes }: Commit): string {
  const [first] = changes;
  if (!first) return "no change of a document";
  return `${first.deleted ? "delete" : "put"} ${first.collection}/${first.key}${changes.length > 1 ? ` and ${changes.length - 1} more` : ""}`;
}
