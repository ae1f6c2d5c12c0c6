// Pages of documentation as programs: their blocks of code, in order, and what is to be done with each.
//
// The words behind the language of a block say where it belongs: nothing is the console of a browser, `node` a module that
// Node runs, `file=NAME` a file of the page's application, `same=PATH` a file of `tests/packages`, `screen` what the page shows,
// `quoted` only has to be syntax. A comment `<!-- run: … -->` is an action of the reader: `reload`, `tab NAME`, `close NAME`.
//
// A statement with a comment behind it that is a literal, as in `await notes.get("a"); // { b: 1 }`, is a promise: it is checked.

import { transformSync } from "esbuild";

export interface Block {
  line: number;
  language: string;
  words: string[];
  code: string;
}

/** A block, or an action of the reader. */
export type Step = Block | { line: number; action: string };

export function stepsOf(page: string): Step[] {
  const steps: Step[] = [];
  let block: Block | undefined;
  for (const [index, text] of page.split("\n").entries()) {
    const fence = /^```(\w*)\s*(.*)$/.exec(text);
    const action = /^<!-- run: (.*) -->$/.exec(text)?.[1];
    if (block && text === "```") {
      steps.push(block);
      block = undefined;
    } else if (block) block.code += `${text}\n`;
    else if (fence) block = { line: index + 1, language: fence[1]!, words: fence[2]!.split(" ").filter(Boolean), code: "" };
    else if (action) steps.push({ line: index + 1, action });
  }
  if (block) throw new Error(`the block of line ${block.line} does not end`);
  return steps;
}

const PROMISE = /^(\s*)(?!const |let |return |\/\/)(\S.*);\s+\/\/ (([{["\d-]|(?:true|false|null|undefined)$).*)$/;

/** The code with its promises checked, by the number of their line, and those numbers. */
export function checked({ line, code }: Block): { code: string; promises: number[] } {
  const promises: number[] = [];
  const lines = code.split("\n").map((text, index) => {
    const [, indent, expression, literal] = PROMISE.exec(text) ?? [];
    if (expression === undefined) return text;
    promises.push(line + index + 1);
    return `${indent}__check(${expression}, ${literal}, ${line + index + 1});`;
  });
  return { code: lines.join("\n"), promises };
}

/** As a console takes it: without types, and a console has no `import` declarations. */
export function forConsole(code: string): string {
  const javascript = withoutTypes(code, "ts");
  return javascript.replace(/^import \{(.*)\} from "koru-delta";$/gm, (_, names: string) => {
    return `const {${names.replace(/ as /g, ": ")}} = await import("koru-delta");`;
  });
}

export function withoutTypes(code: string, loader: "ts" | "tsx"): string {
  const { code: javascript } = transformSync(code, {
    loader,
    format: "esm",
    target: "esnext",
    jsx: "preserve",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  return javascript;
}

/** What `__check` is, for a browser and for Node. `told` learns the line of each promise that was kept. */
export const CHECK = `
  function __check(value, promised, line) {
    const text = (value) => JSON.stringify(value, (_, v) => {
      if (v === undefined) return "undefined";
      if (typeof v === "bigint") return v + "n";
      return v && v.constructor === Object ? Object.fromEntries(Object.entries(v).sort()) : v;
    });
    if (text(value) !== text(promised)) throw new Error("line " + line + " is " + text(value) + ", and the page says " + text(promised));
    __told(line);
  }`;
