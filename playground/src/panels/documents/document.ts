// One document: what it is now, its versions with who wrote them and why, and what each of them changed.

import type { Document, Value, Version } from "koru-delta";
import type { Context } from "../../app/panel.js";
import { format } from "../../app/router.js";
import { fill, h } from "../../ui/dom.js";
import { rowsOf } from "../../ui/diff-rows.js";
import { diffView, summary } from "../../ui/diff-view.js";
import { failure } from "../../ui/failure.js";
import { ago, bytes, count, dateOf, headline, shortVersion, time } from "../../ui/format.js";
import { icon } from "../../ui/icon.js";
import { Latest } from "../../ui/latest.js";
import { valueView } from "../../ui/value-view.js";
import { deleteDocument, editDocument } from "./editor.js";

/** Versions that are listed. */
const VERSIONS_SHOWN = 200;
/** Versions whose commits are asked for who and why. */
const COMMITS_ASKED = 40;

export class DocumentView {
  readonly element = h("section", { class: "pane document", "aria-label": "Document" });
  readonly #latest = new Latest((error) => fill(this.element, failure(error)));
  #shown: string | undefined;
  #gone = false;

  constructor(readonly context: Context) {}

  destroy(): void {
    this.#gone = true;
  }

  show(collection: string | undefined, key: string | undefined): void {
    if (collection === undefined || key === undefined) {
      this.#shown = undefined;
      return fill(this.element, h("p", { class: "empty soft" }, collection === undefined ? "Choose a collection." : "Choose a key to see its document and its history."));
    }
    this.#latest.run(async () => {
      const of = this.context.session.db.collection(collection);
      const [document, versions] = await Promise.all([of.document(key), firstOf(of.history(key, { values: false }), VERSIONS_SHOWN)]);
      if (!this.#gone) this.#draw(collection, key, document, versions);
    });
  }

  #draw(collection: string, key: string, document: Document | undefined, versions: Version[]): void {
    const { context } = this;
    const same = this.#shown === `${collection}\0${key}`;
    this.#shown = `${collection}\0${key}`;
    const below = h("div", { class: "below" });
    const now = () => fill(below, document === undefined ? h("p", { class: "empty soft" }, "It is not there now. Its history is.") : valueView(document.value, 3));
    const history = versionList(context, collection, key, versions, below, now);
    const scroll = same ? this.element.scrollTop : 0;
    fill(this.element,
      h("div", { class: "bar" },
        h("a", { class: "button quiet up", href: format("documents", [collection]), "aria-label": `Keys of ${collection}` }, icon("back")),
        h("h2", { class: "path" }, h("span", { class: "soft" }, `${collection} / `), key), h("span", { class: "grow" }),
        document && h("button", { type: "button", onclick: () => editDocument(context, { collection, key, document }) }, icon("edit"), "Edit"),
        document && h("button", { type: "button", class: "danger", onclick: () => deleteDocument(context, collection, key) }, icon("trash"), "Delete"),
        versions[0] && h("a", { class: "button", href: format("timeline", [collection, key]) }, icon("timeline"), "Timeline")),
      document && h("p", { class: "meta soft" }, `version ${shortVersion(document.version)} · ${time(dateOf(document.timestamp))} · ${bytes(versions[0]?.bytes ?? 0)}`,
        document.expiresAt !== undefined && ` · expires ${time(new Date(Number(document.expiresAt)))}`),
      below, history);
    now();
    this.element.scrollTop = scroll;
  }
}

function versionList(context: Context, collection: string, key: string, versions: Version[], below: HTMLElement, now: () => void): HTMLElement {
  const rows = versions.map((version, i) => {
    const [when, label] = [dateOf(version.timestamp), h("span", { class: "why" }, version.deleted ? "deleted" : "")];
    if (i < COMMITS_ASKED) {
      context.session.db.commit(version.version).then(
        ({ author, message }) => fill(label, version.deleted && "deleted ", headline(message), author && h("span", { class: "soft" }, ` ${author.replace(/ <.*/, "")}`)),
        // A commit that cannot be read is said by `verify`; the list stays readable.
        () => {},
      );
    }
    const look = h("button", { type: "button", class: "quiet", "aria-pressed": "false", onclick: () => void toggle(look, version, versions[i + 1]) }, "Compare");
    return h("li", {}, h("time", { dateTime: when.toISOString(), title: time(when) }, ago(when)), h("code", { class: "soft" }, shortVersion(version.version)), label, h("span", { class: "soft size" }, version.deleted ? "" : bytes(version.bytes)), look,
      i > 0 && !version.deleted && h("button", { type: "button", class: "quiet", onclick: () => void restore(version) }, icon("restore"), "Restore"));
  });
  const of = context.session.db.collection(collection);
  let pressed: HTMLElement | undefined;
  const toggle = async (button: HTMLElement, version: Version, before: Version | undefined) => {
    const off = pressed === button;
    pressed?.setAttribute("aria-pressed", "false");
    pressed = off ? undefined : button;
    if (off) return now();
    button.setAttribute("aria-pressed", "true");
    const value = async (which: Version | undefined) => (which && !which.deleted ? (await of.version(key, which.version)).value : undefined);
    const [older, newer] = await Promise.all([value(before), value(version)]);
    const compared = rowsOf(older as Value | undefined, newer as Value | undefined);
    fill(below, h("p", { class: "soft" }, `${shortVersion(version.version)} against ${before ? shortVersion(before.version) : "nothing"}: ${summary(compared)}`), diffView(compared, { label: "What this version changed", side: false, fold: true }));
  };
  const restore = async (version: Version) => {
    try {
      await of.restore(key, { version: version.version }, { message: `Restored from the version of ${time(dateOf(version.timestamp))}` });
      context.announce(`${key} is again what it was`);
    } catch (error) {
      context.announce((error as Error).message, "error");
    }
  };
  return h("div", { class: "history" }, h("h2", {}, "History ", h("span", { class: "soft" }, versions.length === VERSIONS_SHOWN ? `the last ${VERSIONS_SHOWN} versions` : count(versions.length, "version"))), h("ol", { class: "versions" }, rows));
}

async function firstOf<T>(rows: AsyncIterable<T>, most: number): Promise<T[]> {
  const first: T[] = [];
  for await (const row of rows) if (first.push(row) === most) break;
  return first;
}
