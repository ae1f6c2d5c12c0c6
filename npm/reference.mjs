// Prints docs/reference/typescript.md from the declarations in `dist/types`, which have to be built. Whatever an entry
// point exports is on the page, and what has no comment is refused. `cargo xtask docs` keeps what it prints.

import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  isClassDeclaration, isComputedPropertyName, isConstructorDeclaration, isExportDeclaration, isFunctionDeclaration,
  isInterfaceDeclaration, isMethodDeclaration, isNamedExports, isPrivateIdentifier, isTypeAliasDeclaration,
} from "typescript/unstable/ast/is";
import { API } from "typescript/unstable/sync";

const TYPES = fileURLToPath(new URL("dist/types", import.meta.url));
const ENTRIES = [
  { file: "index.d.ts", title: "In a browser", name: "koru-delta" },
  { file: "node.d.ts", title: "In Node", name: "koru-delta" },
  { file: "slim.d.ts", title: "With a module of your own", name: "koru-delta/slim" },
];

const api = new API();
const undocumented = [];

/** A declaration file. Nothing is resolved, so any project will do. */
function read(file) {
  const snapshot = api.updateSnapshot({ openFiles: [file] });
  const source = snapshot.getDefaultProjectForFile(file)?.program.getSourceFile(file);
  if (!source) throw new Error(`${file} is missing: build the package first`);
  return source;
}

/** What a file exports, by name, followed to where it is declared. */
function exportsOf(file, found = new Map()) {
  const source = read(file);
  for (const statement of source.statements) {
    if (isExportDeclaration(statement)) {
      // `export {}` only says that this is a module.
      if (!statement.moduleSpecifier) continue;
      const from = path.resolve(path.dirname(file), statement.moduleSpecifier.text.replace(/\.js$/, ".d.ts"));
      const clause = statement.exportClause;
      const names = clause && isNamedExports(clause) ? new Set(clause.elements.map((element) => element.name.text)) : undefined;
      for (const [name, declaration] of exportsOf(from)) if (!names || names.has(name)) found.set(name, declaration);
    } else if (statement.name && statement.getText(source).startsWith("export ")) {
      found.set(statement.name.text, { file, source, node: statement });
    }
  }
  return found;
}

/** The comment of a declaration as a paragraph of Markdown. */
function comment({ source, node }) {
  const [doc] = node.jsDoc ?? [];
  if (!doc) return undefined;
  const text = doc.getText(source).replace(/^\/\*\*|\*\/$/g, "");
  return text.split("\n").map((line) => line.replace(/^\s*\* ?/, "").trim()).join("\n").trim();
}

const code = (text) => `\`\`\`ts\n${text}\n\`\`\``;
const signature = ({ source, node }) => node.getText(source).replace(/^export (declare )?/, "");

function documented(name, item) {
  const text = comment(item);
  if (text === undefined) undocumented.push(`${name} in ${path.relative(TYPES, item.source.fileName ?? item.file)}`);
  return text ?? "";
}

function classSection(name, item) {
  const { source, node } = item;
  const head = signature(item).slice(0, signature(item).indexOf("{")).trim();
  const parts = [`### ${name}`, documented(name, item), code(head)];
  const seen = new Set();
  for (const member of node.members) {
    if (!member.name && !isConstructorDeclaration(member)) continue;
    if (member.name && isPrivateIdentifier(member.name)) continue;
    const label = isConstructorDeclaration(member) ? `new ${name}` : member.name.getText(source);
    const text = comment({ source, node: member });
    // What a language feature calls is told by its name, and the other forms of a method by the first one.
    const plain = isMethodDeclaration(member) && !isComputedPropertyName(member.name) && !seen.has(label);
    if (plain && text === undefined) undocumented.push(`${name}.${label}`);
    if (!seen.has(label)) parts.push(`#### ${name}: ${label}`);
    seen.add(label);
    parts.push(code(member.getText(source).replace(/\n {4}/g, "\n")), text ?? "");
  }
  return parts;
}

const otherSection = (name, item) => [`### ${name}`, documented(name, item), code(signature(item))];

function sections(title, names, items, section) {
  if (names.length === 0) return [];
  return [`## ${title}`, ...names.flatMap((name) => section(name, items.get(name)))];
}

const shared = exportsOf(path.join(TYPES, "api.d.ts"));
const parts = [
  "# TypeScript",
  "What the package `koru-delta` exports, from its own declarations. The same words mean the same in every entry point; " +
    "only how a database is opened differs. Codes of errors are explained in [errors](errors.md), bounds in [limits](limits.md).",
];
for (const { file, title, name } of ENTRIES) {
  const own = exportsOf(path.join(TYPES, file));
  for (const inherited of shared.keys()) own.delete(inherited);
  parts.push(`## ${title}: \`${name}\``);
  const functions = [...own].filter(([, { node }]) => isFunctionDeclaration(node));
  const rest = [...own].filter(([, { node }]) => !isFunctionDeclaration(node));
  for (const [name, item] of [...functions, ...rest]) parts.push(...otherSection(name, item));
}
const named = (is) => [...shared].filter(([, { node }]) => is(node)).map(([name]) => name);
// The database first, because everything begins there, and then what it is itself.
const first = ["Workspace", "Database"];
const classes = named(isClassDeclaration).sort((a, b) => first.indexOf(b) - first.indexOf(a));
parts.push(...sections("Classes", classes, shared, classSection));
parts.push(...sections("Functions", named(isFunctionDeclaration), shared, otherSection));
const types = named((node) => isInterfaceDeclaration(node) || isTypeAliasDeclaration(node)).sort((a, b) => a.localeCompare(b, "en"));
parts.push(...sections("Options and results", types, shared, otherSection));
parts.push("<!-- Generated from the code by `cargo xtask docs`: change the code, not this page. -->");
api.close();

if (undocumented.length > 0) {
  console.error(`without a comment: ${undocumented.join(", ")}`);
  process.exit(1);
}
console.log(parts.filter((part) => part !== "").join("\n\n"));
