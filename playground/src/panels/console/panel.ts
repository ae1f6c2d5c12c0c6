// The console: lines run in the page against the real database, with completion, and what they answer.

import * as koru from "koru-delta";
import type { Context, Mounted, PanelModule } from "../../app/panel.js";
import type { Route } from "../../app/router.js";
import { append, h } from "../../ui/dom.js";
import { failure } from "../../ui/failure.js";
import { icon } from "../../ui/icon.js";
import { Evaluator } from "./evaluate.js";
import { Input } from "./input.js";
import { Past } from "./past.js";
import { print } from "./print.js";

const KEYS_OFFERED = 20;
const ENTRIES_MAX = 200;

/** Names and output outlive a change of the panel. */
interface Kept {
  evaluator: Evaluator;
  past: Past;
  output: HTMLElement;
}

const kept = new WeakMap<Context, Kept>();

function keptOf(context: Context): Kept {
  const known = kept.get(context);
  if (known) return known;
  const { db } = context.session;
  const { dateOf, Float, KoruError } = koru;
  const made: Kept = {
    evaluator: new Evaluator({ db, koru, dateOf, Float, KoruError }),
    past: new Past(),
    output: h("div", { class: "output", role: "log", "aria-label": "Results", "aria-live": "polite", tabIndex: 0 }),
  };
  kept.set(context, made);
  return made;
}

export const mount: PanelModule["mount"] = (host, context, route): Mounted => {
  const { evaluator, past, output } = keptOf(context);
  const { db } = context.session;

  const run = async (code: string): Promise<void> => {
    if (code.trim() === "") return;
    past.add(code);
    const result = h("div", { class: "result" }, h("span", { class: "soft" }, "..."));
    const took = h("span", { class: "took soft" });
    append(output, [h("div", { class: "entry" }, h("div", { class: "asked" }, icon("forward"), h("pre", {}, code), took), result)]);
    while (output.children.length > ENTRIES_MAX) output.firstElementChild!.remove();
    const start = performance.now();
    try {
      result.replaceChildren(print(await evaluator.run(code)));
    } catch (error) {
      result.replaceChildren(failure(error));
    }
    took.textContent = `${(performance.now() - start).toFixed(1)} ms`;
    output.scrollTop = output.scrollHeight;
  };

  const input = new Input({
    names: {
      scope: evaluator.scope,
      collections: async () => context.store.state.collections,
      keys: (collection, prefix) => db.collection(collection).keys({ prefix, limit: KEYS_OFFERED }).toArray(),
    },
    past,
    run: (code) => void run(code),
  });
  const clear = h("button", { type: "button", class: "quiet", onclick: () => { output.replaceChildren(); input.focus(); } }, "Clear");
  append(host, [h("h1", { class: "hidden" }, "Console"), output, input.element,
    h("div", { class: "hints soft" }, h("span", {}, h("kbd", {}, "Enter"), " runs"), h("span", {}, h("kbd", {}, "Shift Enter"), " new line"), h("span", {}, h("kbd", {}, "Tab"), " completes"), h("span", {}, h("kbd", {}, "Up"), " earlier lines"), h("span", { class: "grow" }), clear)]);
  input.focus();

  const onRoute = ({ query }: Route) => {
    const { run: line } = query;
    if (line === undefined) return;
    context.router.note("console");
    void run(line);
  };
  onRoute(route);
  output.scrollTop = output.scrollHeight;
  return { route: onRoute, unmount: () => input.destroy() };
};
