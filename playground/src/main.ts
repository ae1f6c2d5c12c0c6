// Starts the app: paints the frame, opens the database that the address names, and shows the panel that the hash names.

import "./style/base.css";
import "./style/shell.css";
import "./style/ui.css";
import "./style/panels.css";
import { Router } from "./app/router.js";
import { PANELS } from "./app/registry.js";
import { Session } from "./app/session.js";
import { Shell } from "./app/shell.js";
import { Store } from "./app/store.js";
import { trackWorkers } from "./app/workers.js";
import { showFailure } from "./ui/failure.js";
import type { Context } from "./app/panel.js";

trackWorkers();
const address = new URLSearchParams(location.search);
const name = address.get("db") ?? "playground";
const store = new Store();
const router = new Router();
const shell = new Shell(document.querySelector("#app")!, PANELS, store, name);
// The first panel is loaded while the database opens; if it cannot be, showing it says so.
(PANELS.find((panel) => panel.id === router.route.panel) ?? PANELS[0]!).load().catch(() => {});

try {
  const session = await Session.open(name, store, address.get("from") ?? undefined);
  const context: Context = {
    session,
    store,
    router,
    announce: (text, kind) => shell.announce(text, kind),
    runInConsole: (line) => router.go("console", [], { run: line, n: String(Date.now()) }),
  };
  if (!router.route.panel) router.note(store.state.info?.commits === 0 ? "start" : "documents");
  let shown: Promise<void> | undefined;
  router.start((route) => (shown = shell.show(context, route).catch((error: unknown) => showFailure(shell.main, error))));
  await shown;
  performance.mark("koru-playground usable");
  document.documentElement.dataset["ready"] = "true";
} catch (error) {
  const { code = "IO", message } = error as { code?: string; message: string };
  store.set({ status: "failed", failure: { code, message } });
  showFailure(shell.main, error);
}

// Looked for after the first view is there: a repository's history that was put beside the app.
fetch("demo.tar", { method: "HEAD" }).then(
  (response) => store.set({ demo: response.ok && !response.headers.get("Content-Type")?.startsWith("text/html") }),
  () => {},
);
