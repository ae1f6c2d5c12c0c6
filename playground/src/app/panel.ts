// What a panel is to the shell. A panel is a folder below `panels/` and one line in `registry.ts`.

import type { IconName } from "../ui/icon.js";
import type { Route, Router } from "./router.js";
import type { Session } from "./session.js";
import type { Store } from "./store.js";

/** What every panel is given. */
export interface Context {
  session: Session;
  store: Store;
  router: Router;
  /** Says a sentence to screen readers, and shows it for some seconds. */
  announce(text: string, kind?: "info" | "error"): void;
  /** Opens the console and runs a line there. */
  runInConsole(line: string): void;
}

/** A panel that is shown. */
export interface Mounted {
  /** The address changed within the panel. */
  route?(route: Route): void;
  /** The panel goes: end subscriptions and whatever still runs. */
  unmount?(): void;
}

export interface PanelModule {
  mount(host: HTMLElement, context: Context, route: Route): Mounted;
}

export interface PanelEntry {
  /** The first part of its address. */
  id: string;
  title: string;
  icon: IconName;
  /** Its code, loaded when it is first shown. */
  load(): Promise<PanelModule>;
}
