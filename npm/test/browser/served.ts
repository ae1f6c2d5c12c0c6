// A small server for the pages: the package as it is built, the tests' own scripts, and what a test adds.

import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

const ROOT = new URL("..", import.meta.url).pathname;
const TYPES: Record<string, string> = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const PAGE = '<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,"><script type="module" src="/build/page.js"></script>';

export interface Served {
  origin: string;
  /** Answers requests before the files do. */
  routes: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  close(): Promise<void>;
}

export async function serve(): Promise<Served> {
  const routes: Served["routes"] = new Map();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://localhost");
    const route = [...routes].find(([prefix]) => pathname.startsWith(prefix))?.[1];
    if (route) return route(request, response);
    if (pathname === "/") return response.setHeader("Content-Type", "text/html").end(PAGE);
    try {
      const bytes = readFileSync(path.join(ROOT, path.normalize(pathname)));
      response.setHeader("Content-Type", TYPES[path.extname(pathname)] ?? "application/octet-stream").end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((closed) => server.close(() => closed()));
  };
  return { origin: `http://localhost:${port}`, routes, close };
}
