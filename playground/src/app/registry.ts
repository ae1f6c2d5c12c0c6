// The panels, in the order of the navigation.

import type { PanelEntry } from "./panel.js";

export const PANELS: readonly PanelEntry[] = [
  { id: "start", title: "Start", icon: "start", load: () => import("../panels/start/panel.js") },
  { id: "console", title: "Console", icon: "console", load: () => import("../panels/console/panel.js") },
  { id: "documents", title: "Documents", icon: "documents", load: () => import("../panels/documents/panel.js") },
  { id: "timeline", title: "Timeline", icon: "timeline", load: () => import("../panels/timeline/panel.js") },
  { id: "vectors", title: "Vectors", icon: "vectors", load: () => import("../panels/vectors/panel.js") },
  { id: "log", title: "Log", icon: "log", load: () => import("../panels/log/panel.js") },
  { id: "import", title: "Import", icon: "import", load: () => import("../panels/import/panel.js") },
  { id: "crash", title: "Crash", icon: "crash", load: () => import("../panels/crash/panel.js") },
  { id: "database", title: "Database", icon: "database", load: () => import("../panels/database/panel.js") },
];
