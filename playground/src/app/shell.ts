// The frame around every panel: header, navigation, the panel, and a bar that says where the data is and how safe.

import { bytes, count } from "../ui/format.js";
import { append, fill, h } from "../ui/dom.js";
import { icon, mark } from "../ui/icon.js";
import type { Context, Mounted, PanelEntry } from "./panel.js";
import { format, type Route } from "./router.js";
import type { State, Store } from "./store.js";
import { setTheme, theme, THEMES, type Theme } from "./theme.js";

const TOAST_MS = 6000;
const THEME_ICONS = { system: "system", light: "sun", dark: "moon" } as const;

export class Shell {
  readonly main = h("main", { id: "main", tabIndex: -1 });
  readonly #live = h("div", { class: "toast", role: "status", "aria-live": "polite" });
  readonly #alerts = h("div", { class: "toast error", role: "alert" });
  readonly #links = new Map<string, HTMLAnchorElement>();
  readonly #status = h("footer", { class: "status", "aria-label": "State of the database" });
  readonly #name = h("span", { class: "database-name" });
  #shown: { id: string; mounted: Mounted } | undefined;
  #showing = 0;

  constructor(host: HTMLElement, readonly panels: readonly PanelEntry[], store: Store, name: string) {
    for (const panel of panels) {
      this.#links.set(panel.id, h("a", { href: format(panel.id) }, icon(panel.icon), h("span", {}, panel.title)));
    }
    this.#name.textContent = name;
    append(host, [
      h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); this.main.focus(); } }, "Skip to the content"),
      h("header", { class: "top" },
        h("a", { class: "home", href: format("start") }, mark(), h("strong", {}, "koru-delta"), h("span", { class: "soft" }, "playground")),
        h("span", { class: "grow" }), this.#name, themeButton()),
      h("nav", { class: "side", "aria-label": "Panels" }, h("ul", {}, panels.map((panel) => h("li", {}, this.#links.get(panel.id)!)))),
      this.main, this.#status, this.#live, this.#alerts,
    ]);
    store.subscribe((state) => this.#tell(state));
  }

  /** Shows the panel of a route. The last call counts. */
  async show(context: Context, route: Route): Promise<void> {
    const entry = this.panels.find((panel) => panel.id === route.panel) ?? this.panels[0]!;
    if (this.#shown?.id === entry.id) return this.#shown.mounted.route?.(route);
    const showing = ++this.#showing;
    const module = await entry.load();
    if (showing !== this.#showing) return;
    const first = this.#shown === undefined;
    this.#shown?.mounted.unmount?.();
    for (const [id, link] of this.#links) {
      if (id === entry.id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${entry.title} · koru-delta playground`;
    const host = h("div", { class: `panel ${entry.id}` });
    fill(this.main, host);
    this.#shown = { id: entry.id, mounted: module.mount(host, context, context.router.route) };
    this.#links.get(entry.id)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    // A new panel is read from its beginning, but the first one does not take the focus from where the page put it.
    if (!first && !host.contains(document.activeElement)) this.main.focus({ preventScroll: true });
    this.main.scrollTop = 0;
  }

  announce(text: string, kind: "info" | "error" = "info"): void {
    const region = kind === "error" ? this.#alerts : this.#live;
    region.textContent = text;
    setTimeout(() => region.textContent === text && (region.textContent = ""), TOAST_MS);
  }

  #tell({ status, failure, info, tabs }: State): void {
    this.#status.dataset["status"] = status;
    if (failure) return fill(this.#status, h("span", {}, h("i", { class: "dot bad" }), `${failure.code}: ${failure.message}`));
    if (!info) return fill(this.#status, h("span", {}, h("i", { class: "dot" }), "opening ..."));
    const { storage, durability, persisted, quota } = info;
    const kept = persisted === undefined ? undefined : persisted ? "persistent" : "may be evicted";
    fill(this.#status,
      h("span", { class: "first" }, h("i", { class: "dot good" }), STORAGE_NAMES[storage] ?? storage),
      h("span", {}, `${durability} durability`),
      kept && h("span", {}, kept),
      h("span", {}, count(info.commits, "commit")),
      h("span", {}, bytes(info.totalBytes)),
      quota && h("span", { class: "quota" }, `${bytes(quota.usage)} of ${bytes(quota.available)} used`),
      h("span", { class: "grow" }),
      h("span", { class: "tabs" }, icon("tabs"), count(tabs, "tab")));
  }
}

const STORAGE_NAMES: Record<string, string> = { opfs: "OPFS", idb: "IndexedDB", memory: "memory only", http: "read-only over HTTP" };

function themeButton(): HTMLElement {
  const button = h("button", { class: "quiet", type: "button" });
  const show = (now: Theme) => {
    fill(button, icon(THEME_ICONS[now]), h("span", { class: "wide" }, now));
    button.setAttribute("aria-label", `Theme: ${now}`);
    button.title = `Theme: ${now}`;
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]!;
    setTheme(next);
    show(next);
  });
  show(theme());
  return button;
}
