// A static host for one folder, as plain as they come: no headers but the type, and a content security policy if there is one.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import path from "node:path";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

export async function serve(root, policy) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (policy) response.setHeader("Content-Security-Policy", policy);
    const file = path.join(root, path.normalize(decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname)));
    try {
      response.setHeader("Content-Type", TYPES[path.extname(file)] ?? "application/octet-stream").end(readFileSync(file));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const close = () => new Promise((closed) => (server.closeAllConnections(), server.close(closed)));
  return { origin: `http://localhost:${server.address().port}`, close };
}
