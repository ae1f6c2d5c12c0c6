// esbuild leaves `new URL("./file", import.meta.url)` as it stands, so the files that the package names that way have to
// lie beside the output.
import { build } from "esbuild";
import { copyFile } from "node:fs/promises";

await build({ entryPoints: ["app.js"], bundle: true, format: "esm", outdir: "dist" });
for (const file of ["worker.js", "broker.js", "koru.wasm"]) {
  await copyFile(`node_modules/koru-delta/dist/${file}`, `dist/${file}`);
}
