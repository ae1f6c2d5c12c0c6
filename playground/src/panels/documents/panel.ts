// The collection browser: collections, the keys of one, and one document with its history.

import type { PanelModule } from "../../app/panel.js";
import { format, type Route } from "../../app/router.js";
import { append, fill, h, uniqueId } from "../../ui/dom.js";
import { icon } from "../../ui/icon.js";
import { DocumentView } from "./document.js";
import { editDocument } from "./editor.js";
import { Keys } from "./keys.js";

export const mount: PanelModule["mount"] = (host, context, first) => {
  const { router, store, session } = context;
  let [collection, key] = first.path as [string?, string?];
  const names = h("ul", { class: "names" });
  const keysHost = h("section", { class: "pane keys", "aria-label": "Keys" });
  const view = new DocumentView(context);
  const keys = new Keys(context, (chosen) => collection !== undefined && router.go("documents", [collection, chosen]));
  const search = h("input", { type: "search", id: uniqueId("prefix"), placeholder: "keys that begin with ...", oninput: () => keys.show(collection, search.value) });
  const create = () => editDocument(context, { collection: collection ?? "" });
  append(keysHost, [
    h("div", { class: "bar" }, h("a", { class: "button quiet up", href: format("documents"), "aria-label": "All collections" }, icon("back")), h("label", { class: "hidden", htmlFor: search.id }, "Prefix of the keys"), search,
      h("button", { type: "button", onclick: create, "aria-label": "New document", title: "New document" }, icon("plus"))),
    keys.element, keys.note]);
  append(host, [h("h1", { class: "hidden" }, "Documents"), h("section", { class: "pane collections", "aria-label": "Collections" }, h("h2", {}, "Collections"), names), keysHost, view.element]);

  const showNames = () => {
    const all = store.state.collections;
    fill(names, all.length === 0 && h("li", { class: "soft" }, "none yet: ", h("a", { href: format("start") }, "try something"), h("br"), h("button", { type: "button", onclick: create }, icon("plus"), "New document")),
      all.map((name) => h("li", {}, h("a", { href: format("documents", [name]), "aria-current": name === collection ? "true" : undefined }, name))));
  };
  const route = ({ path }: Route) => {
    const before = collection;
    [collection, key] = path as [string?, string?];
    if (collection === undefined && matchMedia("(min-width: 721px)").matches && store.state.collections[0] !== undefined) {
      return router.redirect("documents", [store.state.collections[0]]);
    }
    host.dataset["depth"] = String(path.length);
    if (before !== collection) search.value = "";
    showNames();
    keys.show(collection, search.value, key);
    view.show(collection, key);
  };
  const endCommits = session.onCommit(({ commit }) => {
    const touched = commit.changes.filter((change) => change.collection === collection);
    if (touched.length > 0) keys.touched(touched.map((change) => change.key));
    if (touched.some((change) => change.key === key)) view.show(collection, key);
  });
  const endStore = store.subscribe((state, old) => {
    if (state.collections.join("\0") === old.collections.join("\0")) return;
    if (collection === undefined) route(router.route);
    else showNames();
  });
  route(first);
  return { route, unmount: () => { endCommits(); endStore(); keys.destroy(); view.destroy(); } };
};
