// Assertions that run in a page as well as in Node.

/** Text in which two values are equal exactly if they are the same: kinds, -0, bytes and the order of arrays count. */
export function show(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes(${[...value].join(" ")})`;
  if (value instanceof Float32Array) return `floats(${[...value].map(show).join(" ")})`;
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}: ${show(v)}`).join(", ")}}`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

export function equal(actual: unknown, expected: unknown, what = ""): void {
  const [a, e] = [show(actual), show(expected)];
  if (a !== e) throw new Error(`${what}: ${a.slice(0, 2000)} came, and ${e.slice(0, 2000)} was expected`);
}

export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** The code that a call fails with, or `undefined` if it does not. */
export async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? `no code: ${String(error)}`;
  }
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
