// The lines that were run, the last one last, kept from one visit to the next.

const KEY = "koru-playground console";
const LINES_MAX = 200;

export class Past {
  #lines: string[] = read();
  /** Where Up and Down are: behind the last line at first. */
  #at = this.#lines.length;
  #draft = "";

  add(line: string): void {
    this.#lines = [...this.#lines.filter((other) => other !== line), line].slice(-LINES_MAX);
    this.#at = this.#lines.length;
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#lines));
    } catch {
      // It lasts until the page goes.
    }
  }

  /** The line a step back or forward; what was being typed lies behind the last one. */
  step(by: -1 | 1, typed: string): string | undefined {
    if (this.#at === this.#lines.length) this.#draft = typed;
    const to = this.#at + by;
    if (to < 0 || to > this.#lines.length) return undefined;
    this.#at = to;
    return this.#lines[to] ?? this.#draft;
  }
}

function read(): string[] {
  try {
    const lines: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(lines) ? lines.filter((line) => typeof line === "string") : [];
  } catch {
    return [];
  }
}
