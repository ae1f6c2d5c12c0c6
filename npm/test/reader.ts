// Who follows a page of the documentation: serves its application, types into the console of its tabs, runs its commands.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BrowserContext, CDPSession, Page } from "playwright-core";
import { equal } from "./assert.js";
import type { Served } from "./browser/served.js";
import { CHECK, checked, forConsole, withoutTypes, type Block } from "./pages.js";

export const ROOT = new URL("../../", import.meta.url).pathname;
const KORU = process.env["KORU_BIN"] ?? path.join(ROOT, "target/debug/koru");
const IMPORT_MAP = `<link rel="icon" href="data:," /><script type="importmap">{"imports":{"koru-delta":"/dist/index.js"}}</script>`;
/** How long a page may take to show what it shall, in milliseconds. */
const SHOWN_MS = 10_000;

/** A tab, with a console in which names stay. */
interface Tab {
  page: Page;
  console: CDPSession;
}

/** One page while it is followed: an origin, a folder and tabs of its own. */
export class Reader {
  readonly folder = mkdtempSync(path.join(tmpdir(), "koru-page-"));
  readonly kept = new Set<number>();
  readonly promised: number[] = [];
  readonly #files = new Map<string, string>();
  readonly #tabs = new Map<string, Tab>();
  readonly #exported: Record<string, string> = {};
  #current = "first";
  #modules = "";
  #typed = true;

  constructor(
    readonly name: string,
    readonly served: Served,
    readonly context: BrowserContext,
  ) {
    this.#files.set("index.html", `<!doctype html><title>${name}</title>${IMPORT_MAP}`);
    served.routes.set("/app/", (request, response) => this.#application(request, response));
    served.routes.set("/koru/", (request, response) => {
      response.setHeader("Content-Type", request.url!.endsWith(".wasm") ? "application/wasm" : "text/javascript");
      response.end(readFileSync(path.join(ROOT, "npm/dist", path.basename(request.url!))));
    });
    served.routes.set("/people/", (request, response) => this.#published(request, response));
  }

  #application(request: IncomingMessage, response: ServerResponse): void {
    const file = request.url!.slice("/app/".length) || "index.html";
    const text = this.#files.get(file);
    if (text === undefined) return void response.writeHead(404).end();
    response.setHeader("Content-Type", file.endsWith(".html") ? "text/html" : "text/javascript").end(text);
  }

  /** What a static host does. */
  #published(request: IncomingMessage, response: ServerResponse): void {
    const file = path.join(this.folder, "site", request.url!);
    if (!statSync(file, { throwIfNoEntry: false })) return void response.writeHead(404).end();
    const bytes = readFileSync(file);
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    if (from === undefined) return void response.end(bytes);
    response.writeHead(206, { "Content-Range": `bytes ${from}-${to}/${bytes.length}` }).end(bytes.subarray(Number(from), Number(to) + 1));
  }

  async #tab(name: string): Promise<Tab> {
    const known = this.#tabs.get(name);
    if (known) return known;
    const page = await this.context.newPage();
    await page.exposeFunction("__told", (line: number) => void this.kept.add(line));
    await page.addInitScript(`${CHECK}\nglobalThis.__check = __check;`);
    await page.goto(`${this.served.origin}/app/`);
    const tab = { page, console: await this.context.newCDPSession(page) };
    this.#tabs.set(name, tab);
    return tab;
  }

  async act(action: string): Promise<void> {
    const [verb, name = ""] = action.split(" ");
    if (verb === "reload") await (await this.#tab(this.#current)).page.reload();
    else if (verb === "tab") await this.#tab((this.#current = name));
    else if (verb === "close") {
      await (await this.#tab(name)).page.close();
      this.#tabs.delete(name);
    } else throw new Error(`nobody knows how to ${action}`);
  }

  /** Does with a block what its words say. */
  async take(block: Block): Promise<void> {
    const { language, words: [word = ""] } = block;
    const [, file] = /^file=(.*)$/.exec(word) ?? [];
    const [, same] = /^same=(.*)$/.exec(word) ?? [];
    const script = language === "js" || language === "ts";
    if (file) this.#files.set(file, block.code.replace("</title>", `</title>${IMPORT_MAP}`));
    else if (same) equal(block.code, readFileSync(path.join(ROOT, "tests/packages", same), "utf8"), same);
    else if (word === "screen") await this.#shown(block.code.trim());
    else if (language === "console") this.#shell(block.code);
    else if (word === "quoted") withoutTypes(block.code, "tsx");
    else if (script && word === "node") this.#module(block);
    else if (script && word === "") await this.#type(block);
    else if (word !== "") throw new Error(`nobody knows what \`${language} ${word}\` is`);
  }

  #example(code: string): string {
    return code.replaceAll("https://example.org", this.served.origin);
  }

  /** Types the block into the console of the current tab. */
  async #type(block: Block): Promise<void> {
    const { page, console } = await this.#tab(this.#current);
    await page.waitForLoadState();
    const { code, promises } = checked(block);
    this.promised.push(...promises);
    // An application that has names for the console is waited for.
    if (this.#files.has("main.js")) await page.waitForFunction("globalThis.db !== undefined");
    const { exceptionDetails } = await console.send("Runtime.evaluate", {
      expression: forConsole(this.#example(code)),
      replMode: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }

  /** In every tab: what one writes the others show. */
  async #shown(text: string): Promise<void> {
    await this.#tab(this.#current);
    for (const { page } of this.#tabs.values()) {
      const there = (text: string) => document.body.innerText.trim().endsWith(text);
      await page.waitForFunction(there, text, { timeout: SHOWN_MS }).catch(async () => {
        throw new Error(`the page shows ${await page.evaluate(() => document.body.innerText)}`);
      });
    }
  }

  #shell(code: string): void {
    for (const line of code.split("\n").filter((line) => line.startsWith("$ "))) {
      const [, name, value] = /^\$ export (\w+)=(.*)$/.exec(line) ?? [];
      if (name) {
        this.#exported[name] = value!;
        continue;
      }
      const env = { ...process.env, ...this.#exported, PATH: `${path.dirname(KORU)}:${process.env["PATH"]}` };
      const { status, stderr } = spawnSync("sh", ["-c", line.slice(2)], { cwd: this.folder, env, encoding: "utf8" });
      equal(status, 0, `${line}: ${stderr}`);
    }
  }

  #module(block: Block): void {
    const { code, promises } = checked(block);
    this.promised.push(...promises);
    this.#typed &&= block.language === "ts";
    this.#modules += this.#example(code);
  }

  /** Runs what is for Node as one module, and has the compiler look at it if it is TypeScript. */
  async finish(): Promise<void> {
    if (this.#modules === "") return;
    const file = path.join(ROOT, "npm/build/pages", this.name.replace(/\W/g, "-"));
    mkdirSync(path.dirname(file), { recursive: true });
    if (this.#typed) {
      writeFileSync(`${file}.ts`, `declare function __check(value: unknown, promised: unknown, line: number): void;\n${this.#modules}`);
      const options = ["--ignoreConfig", "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];
      const tsc = path.join(ROOT, "npm/node_modules/typescript/bin/tsc");
      const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, `${file}.ts`], { encoding: "utf8" });
      equal(status, 0, stdout);
    }
    writeFileSync(`${file}.mjs`, `${withoutTypes(this.#modules, "ts")}\nfunction __told(line) { console.log("kept", line); }\n${CHECK}`);
    const child = spawn(process.execPath, [`${file}.mjs`], { cwd: this.folder });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
    const status = await new Promise((ended) => child.on("close", ended));
    equal(status, 0, said);
    for (const [, line] of said.matchAll(/^kept (\d+)$/gm)) this.kept.add(Number(line));
  }

  async close(): Promise<void> {
    for (const { page } of this.#tabs.values()) await page.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
