// The open database of this tab, and one watch on it for the whole app: the store is refreshed and panels are told whenever a
// commit comes, from here or from another tab.

import { KoruError, open, remove, type Database, type WatchEvent } from "koru-delta";
import type { Store } from "./store.js";
import { TabCount } from "./tabs.js";

/** How long commits are gathered before what is shown of the whole is read again, in milliseconds. */
const REFRESH_MS = 200;
const AGAIN_MS = 500;

export class Session {
  #refreshing: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<(event: WatchEvent) => void>();
  readonly #over = new AbortController();
  readonly #tabs: TabCount;

  private constructor(
    readonly db: Database,
    /** What was given to `open`. */
    readonly name: string,
    readonly store: Store,
  ) {
    this.#tabs = new TabCount(name, (tabs) => store.set({ tabs }));
    void this.#follow();
  }

  /** Opens a database; with an archive, makes it from that first unless it is there. */
  static async open(name: string, store: Store, archive?: string): Promise<Session> {
    if (archive !== undefined && !known(name)) await importOnce(name, archive);
    const db = await open(name);
    remember(name);
    const session = new Session(db, name, store);
    await session.refresh();
    store.set({ status: "open" });
    return session;
  }

  /** Calls back for every commit. Returns how to end that. */
  onCommit(listener: (event: WatchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads again what is shown of the whole. */
  async refresh(): Promise<void> {
    const [info, collections] = await Promise.all([this.db.info(), this.db.collections()]);
    this.store.set({ info, collections });
  }

  /** Kills the worker that runs the engine, in whichever tab it is. */
  kill(): void {
    this.#tabs.kill();
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.db.close();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#over;
    let token: number | undefined;
    while (!signal.aborted) {
      try {
        for await (const event of this.db.watch({ signal, ...(token !== undefined && { token }) })) {
          token = event.token;
          for (const listener of [...this.#listeners]) listener(event);
          this.#refreshSoon();
        }
      } catch (error) {
        if (signal.aborted || (error instanceof KoruError && error.code === "CLOSED")) return;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  #refreshSoon(): void {
    this.#refreshing ??= setTimeout(() => {
      this.#refreshing = undefined;
      // The next commit asks again; and what cannot be read now is said by whoever reads it for the user.
      this.refresh().catch(() => {});
    }, REFRESH_MS);
  }
}

async function importOnce(name: string, archive: string): Promise<void> {
  // Only from beside the app: the address of the page must not make it fetch from elsewhere.
  if (!/^[\w.-]+$/.test(archive)) throw new KoruError("INVALID_ARGUMENT", `${archive} is no file beside the app`);
  const response = await fetch(archive);
  if (!response.ok || !response.body) throw new KoruError("NOT_FOUND", `${archive} cannot be loaded: status ${response.status}`);
  try {
    await importArchive(name, response.body);
  } catch (error) {
    if (!(error instanceof KoruError && error.code === "ALREADY_EXISTS")) throw error;
  }
}

/** Makes a database of an archive. `ALREADY_EXISTS` if there is one of that name. */
export async function importArchive(name: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  await (await open(name, { import: stream })).close();
  remember(name);
}

/** Removes a database of this browser. */
export async function removeDatabase(name: string): Promise<void> {
  await remove(name);
  forget(name);
}

const KNOWN = "koru-playground databases";

/** The databases that were opened here: a browser does not list them. */
export function knownDatabases(): string[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(KNOWN) ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}

const known = (name: string) => knownDatabases().includes(name);

function remember(name: string): void {
  if (!known(name)) store([...knownDatabases(), name].sort());
}

function forget(name: string): void {
  store(knownDatabases().filter((other) => other !== name));
}

function store(names: string[]): void {
  try {
    localStorage.setItem(KNOWN, JSON.stringify(names));
  } catch {
    // Without it the list is empty after a reload; the databases are there all the same.
  }
}

/** The address of the app with another database. */
export function addressOf(name: string, hash = "#/start", archive?: string): string {
  const query = new URLSearchParams({ db: name, ...(archive !== undefined && { from: archive }) });
  return `${location.pathname}?${query}${hash}`;
}
