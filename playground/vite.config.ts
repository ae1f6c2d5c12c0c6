// The build: relative paths, so that the app can be put into any folder of any static host.

import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  // The package and the sample of vectors lie beside the app in the repository.
  server: { fs: { allow: [".."] } },
  worker: { format: "es" },
  // The package finds its worker and its module beside itself, so it is left as it is while developing.
  optimizeDeps: { exclude: ["koru-delta"] },
});
