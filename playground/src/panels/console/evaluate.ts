// Running a line of the console in the page: an expression or statements, with `await`, and names that stay for the next
// line.

type Compiled = (scope: object) => Promise<unknown>;

const AsyncFunction = (async () => {}).constructor as new (parameter: string, body: string) => Compiled;

export class Evaluator {
  /** What lines have named, beside what was given. */
  readonly scope: Record<string, unknown>;
  readonly #lookup: object;

  constructor(given: Record<string, unknown>) {
    this.scope = Object.assign(Object.create(null) as Record<string, unknown>, given);
    // A name that nothing else has is ours, so that an assignment makes it and it stays.
    this.#lookup = new Proxy(this.scope, {
      has: (scope, name) => typeof name === "string" && (name in scope || !(name in globalThis)),
      get: (scope, name) => {
        if (typeof name !== "string") return undefined;
        if (!(name in scope)) throw new ReferenceError(`${name} is not defined`);
        return scope[name];
      },
    });
  }

  /** The value of the code: of its last line if that is an expression. Throws whatever it throws. */
  async run(code: string): Promise<unknown> {
    return compile(keepNames(code))(this.#lookup);
  }
}

function compile(code: string): Compiled {
  const body = code.replace(/[;\s]+$/, "");
  const at = Math.max(body.lastIndexOf("\n"), body.lastIndexOf(";")) + 1;
  const forms = [`return (${body}\n)`, `${body.slice(0, at)}\nreturn (${body.slice(at)}\n)`, code];
  for (const form of forms.slice(0, 2)) {
    try {
      return make(form);
    } catch {
      // Not in this form: the last one says what is wrong with it.
    }
  }
  return make(code);
}

function make(body: string): Compiled {
  return new AsyncFunction("koruScope", `with (koruScope) {\n${body}\n}`);
}

/** `const x = ...` at the beginning of a line becomes `x = ...`, so that the name outlives the line. */
export function keepNames(code: string): string {
  return code.replace(/^(?:const|let|var)\s+(?=[A-Za-z_$][\w$]*\s*=[^=])/gm, (declaration, at: number) => {
    // Within a template it is text.
    const quotes = code.slice(0, at).match(/(?<!\\)`/g)?.length ?? 0;
    return quotes % 2 === 0 ? "" : declaration;
  });
}
