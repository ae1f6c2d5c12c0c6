// WebKitGTK's MiniBrowser on a display of its own, by the few WebDriver calls that a page needs.
//
// There is one session, whose calls are about the window that was chosen last: so there is one call at a time.

import { existsSync, readdirSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { START_MS, type Driver, type Start, type Tab } from "./driver.js";
import { kill, start, type Group } from "./group.js";

/** How long a call may take, in milliseconds: that of a test that runs in a page. */
const CALL_MS = 120_000;

class WebKitTab implements Tab {
  constructor(
    readonly driver: WebKit,
    readonly window: string,
  ) {}

  async goto(url: string): Promise<void> {
    await this.driver.inWindow(this.window, "POST", "/url", { url });
  }

  async evaluate(expression: string): Promise<string> {
    const script = `const done = arguments[0]; (${expression}).then(done);`;
    return (await this.driver.inWindow(this.window, "POST", "/execute/async", { script, args: [] })) as string;
  }

  async reload(): Promise<void> {
    await this.driver.inWindow(this.window, "POST", "/refresh", {});
  }

  async close(): Promise<void> {
    await this.driver.inWindow(this.window, "DELETE", "/window");
  }
}

class WebKit implements Driver {
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly group: Group,
    readonly session: string,
    /** The window that is there from the start, and stays. */
    readonly first: string,
  ) {}

  async newTab(): Promise<WebKitTab> {
    const { handle } = (await this.inWindow(this.first, "POST", "/window/new", { type: "tab" })) as { handle: string };
    return new WebKitTab(this, handle);
  }

  /** Asks for something of a window. */
  inWindow(handle: string, method: string, path: string, body?: object): Promise<unknown> {
    return this.#inTurn(async () => {
      await ask(this.session, "POST", "/window", { handle });
      return ask(this.session, method, path, body);
    });
  }

  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const done = this.#last.then(call);
    this.#last = done.catch(() => {});
    return done;
  }

  kill(): Promise<void> {
    return end(this.group);
  }
}

async function ask(base: string, method: string, path: string, body?: object): Promise<unknown> {
  const request = { method, ...(body && { body: JSON.stringify(body) }), signal: AbortSignal.timeout(CALL_MS) };
  const response = await fetch(base + path, request).catch((error: Error) => {
    throw new Error(`WebKit: ${path}: ${error.message}`);
  });
  const { value } = (await response.json()) as { value: unknown };
  const { error, message } = (value ?? {}) as { error?: string; message?: string };
  if (!response.ok) throw new Error(`WebKit: ${path}: ${error}: ${message}`);
  return value;
}

/** MiniBrowser lives in a folder that no PATH names. */
function miniBrowser(): string {
  const folders = ["/usr/lib", "/usr/libexec", ...readdirSync("/usr/lib").map((name) => `/usr/lib/${name}`)];
  const names = ["webkit2gtk-4.1", "webkitgtk-6.0", "webkit2gtk-4.0"];
  const found = folders.flatMap((folder) => names.map((name) => path.join(folder, name, "MiniBrowser"))).find((file) => existsSync(file));
  if (!found) throw new Error("no MiniBrowser of WebKitGTK was found: install webkit2gtk-driver and xvfb");
  return found;
}

export async function startWebKit({ profile }: Start): Promise<WebKit> {
  const binary = miniBrowser();
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  // Its profile is what the home directory holds, and what it leaves in the temporary folder goes with that.
  const [XDG_CACHE_HOME, XDG_CONFIG_HOME, XDG_DATA_HOME] = ["cache", "config", "data"].map((name) => path.join(profile, name));
  const home = { HOME: profile, TMPDIR: profile, XDG_CACHE_HOME, XDG_CONFIG_HOME, XDG_DATA_HOME };
  const group = start(process.env["KORU_XVFB"] ?? "xvfb-run", ["-a", process.env["KORU_WEBKIT"] ?? "WebKitWebDriver", `--port=${port}`], home);
  const failed = new Promise<never>((_, reject) => {
    group.leader.once("error", reject);
    group.leader.once("exit", (code) => reject(new Error(`WebKitWebDriver ended with ${code} before it listened`)));
  });
  failed.catch(() => {});
  try {
    await Promise.race([failed, listening(base)]);
    const alwaysMatch = { "webkitgtk:browserOptions": { binary, args: ["--automation"] }, timeouts: { script: CALL_MS } };
    const { sessionId } = (await ask(base, "POST", "/session", { capabilities: { alwaysMatch } })) as { sessionId: string };
    const session = `${base}/session/${sessionId}`;
    return new WebKit(group, session, (await ask(session, "GET", "/window")) as string);
  } catch (error) {
    await end(group);
    throw error;
  }
}

/** A display that is killed leaves the number taken that it had. */
function end(group: Group): Promise<void> {
  return kill(group, "SIGTERM");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function listening(base: string): Promise<void> {
  for (const until = Date.now() + START_MS; Date.now() < until; ) {
    if (await fetch(`${base}/status`).then((response) => response.ok, () => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("WebKitWebDriver did not begin to listen");
}
