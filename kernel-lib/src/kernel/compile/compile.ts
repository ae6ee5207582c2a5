import { transformSync } from "@swc/core";
import { type AnyNode, type ImportDeclaration, Parser, type Program, type VariableDeclaration } from "acorn";
import { chainMaps, Edits, mapOf, type PositionMap } from "./edits";
import { extendedNames, rewriteTopUsing } from "./names";
import { blockNames, childrenOf, outerReferences, patternNames, type Reference, varNames } from "./scope";

/**
 * TypeScript to a JavaScript function that runs as one cell of many. What a cell declares at its top lives in an object that all
 * cells share: `const x = 1` becomes `$cells.x = 1` and every use of x becomes `$cells.x`. So a later cell (and a function of an
 * earlier one) sees the newest x, a name may be declared again, and what a failing cell had declared stays.
 */

/** The names the generated function takes. */
export const CELLS = "$cells";
const CELL = "$cell";
/** What loops and calls do first: look at a flag (of the cell, of what runs now, of all that ever ran) whether they are to stop. */
const look = (flag: "stop" | "now" | "ever"): string => `${CELL}.${flag}[0] && ${CELL}.interrupt()`;

/** A compiled cell or local module. */
export interface Compiled {
  /** An expression: an async function of `$cells` and `$cell`; its result is `{ value }` when the last statement is an expression. */
  readonly code: string;
  /** Names declared at the top. */
  readonly names: readonly string[];
  /** What `export` lists: exported name and the name it has inside. */
  readonly exports: readonly (readonly [string, string])[];
  readonly map: PositionMap;
}

export interface CompileOptions {
  /** Names that earlier cells declared. */
  readonly known: ReadonlySet<string>;
  /** Whether this is a name of the language or of Node, to be left alone unless some cell declares it. */
  readonly isGlobal: (name: string) => boolean;
}

/** The source is not TypeScript. Line and column count from 1. */
export class CellSyntaxError extends SyntaxError {
  readonly line: number | undefined;
  readonly column: number | undefined;
  constructor(message: string, line?: number, column?: number) {
    super(message);
    this.name = "SyntaxError";
    this.line = line;
    this.column = column;
  }
}

function toJavaScript(source: string): { code: string; map: PositionMap } {
  try {
    const result = transformSync(source, {
      filename: "cell.ts",
      swcrc: false,
      configFile: false,
      isModule: true,
      sourceMaps: true,
      inlineSourcesContent: false,
      module: { type: "es6" },
      jsc: {
        parser: { syntax: "typescript", decorators: true },
        target: "es2022",
        transform: { decoratorVersion: "2022-03", verbatimModuleSyntax: true },
        keepClassNames: true,
      },
    });
    return { code: result.code, map: mapOf(result.map ?? '{"version":3,"sources":[],"mappings":""}') };
  } catch (error) {
    throw asSyntaxError(error);
  }
}

const SWC_MESSAGE = /x (.*)/;
const SWC_PLACE = /\[cell\.ts:(\d+):\d+\][^\n]*\n(?:[^\n]*\n)*?\s*:(\s*)\^/;

function asSyntaxError(error: unknown): CellSyntaxError {
  const text = (error as Error).message;
  const message = SWC_MESSAGE.exec(text)?.[1] ?? text.split("\n")[0]!;
  const line = /\n\s*(\d+) \|[^\n]*\n\s*:\s*\^/.exec(text)?.[1] ?? SWC_PLACE.exec(text)?.[1];
  const column = /\n\s*:( *)\^/.exec(text)?.[1]?.length;
  return new CellSyntaxError(message, line === undefined ? undefined : Number(line), column);
}

/** A parser for cells: an exported name may be one that an earlier cell declared. */
const CellParser = Parser.extend(
  (Base) =>
    class extends (Base as unknown as new (...all: unknown[]) => Parser) {
      checkLocalExport(): void {}
    } as unknown as typeof Parser,
);

function parseProgram(code: string): Program {
  try {
    return CellParser.parse(code, { ecmaVersion: "latest", sourceType: "module", allowAwaitOutsideFunction: true });
  } catch (error) {
    throw new CellSyntaxError((error as Error).message.replace(/ \(\d+:\d+\)$/, ""));
  }
}

/** What one compilation knows and collects. */
interface Draft {
  readonly code: string;
  readonly edits: Edits;
  readonly names: ReadonlySet<string>;
  readonly exports: [string, string][];
  readonly prologue: string[];
}

const quote = (text: string): string => JSON.stringify(text);

/** An anonymous function gets the name of its variable, as it would without the shared object. */
function isAnonymous(node: AnyNode): boolean {
  if (node.type === "ArrowFunctionExpression") return true;
  return (node.type === "FunctionExpression" || node.type === "ClassExpression") && !node.id;
}

function nameValue(draft: Draft, name: string, value: AnyNode): void {
  draft.edits.insert(value.start, `({ ${quote(name)}: `);
  draft.edits.insert(value.end, ` })[${quote(name)}]`);
}

/** `const x = 1, { y } = z;` as assignments: the keyword goes, patterns get brackets, a name without value becomes undefined. */
function assignDeclaration(draft: Draft, node: VariableDeclaration, place: "statement" | "loop"): void {
  draft.edits.replace(node.start, node.declarations[0]!.start, place === "statement" ? ";" : "");
  for (const { id, init, start, end } of node.declarations) {
    if (id.type === "ObjectPattern" && place === "statement") draft.edits.insert(start, "(");
    if (!init && place === "statement") draft.edits.insert(end, node.kind === "var" ? "" : " = undefined");
    if (init && id.type === "Identifier" && isAnonymous(init)) nameValue(draft, id.name, init);
    if (id.type === "ObjectPattern" && place === "statement") draft.edits.insert(end, ")");
  }
}

/** `var` inside of blocks and loops at the top of a cell. */
function assignNested(draft: Draft, node: AnyNode): void {
  if (/Function|Class/.test(node.type)) return;
  for (const child of childrenOf(node)) {
    if (child.type === "VariableDeclaration" && child.kind === "var") {
      const isHead = /^For/.test(node.type);
      assignDeclaration(draft, child, isHead ? "loop" : "statement");
    }
    assignNested(draft, child);
  }
}

function importCall(node: ImportDeclaration): string {
  const wanted = node.specifiers.map((one): [string, string] => {
    if (one.type === "ImportDefaultSpecifier") return [one.local.name, "default"];
    if (one.type === "ImportNamespaceSpecifier") return [one.local.name, "*"];
    return [one.local.name, one.imported.type === "Identifier" ? one.imported.name : String(one.imported.value)];
  });
  return `await ${CELL}.load(${quote(String(node.source.value))}, ${JSON.stringify(wanted)});`;
}

function exportedName(node: { type: string; name?: string; value?: unknown }): string {
  return node.type === "Identifier" ? node.name! : String(node.value);
}

function rewriteExport(draft: Draft, node: AnyNode): void {
  const { edits } = draft;
  if (node.type === "ExportAllDeclaration") {
    const name = node.exported ? quote(exportedName(node.exported)) : "null";
    edits.replace(node.start, node.end, `await ${CELL}.exportAll(${quote(String(node.source.value))}, ${name});`);
  } else if (node.type === "ExportDefaultDeclaration") {
    const { declaration } = node;
    const named = /Declaration$/.test(declaration.type)
      ? (declaration as { id?: { name: string } }).id?.name
      : undefined;
    if (named !== undefined) {
      edits.replace(node.start, declaration.start, "");
      draft.exports.push(["default", named]);
      rewriteStatement(draft, declaration as AnyNode);
    } else {
      edits.replace(node.start, node.start + "export default".length, `${CELLS}.default =`);
      if (/Declaration$/.test(declaration.type)) edits.insert(declaration.end, ";");
      draft.exports.push(["default", "default"]);
    }
  } else if (node.type === "ExportNamedDeclaration") rewriteNamedExport(draft, node);
}

function rewriteNamedExport(draft: Draft, node: AnyNode & { type: "ExportNamedDeclaration" }): void {
  const { edits } = draft;
  if (node.declaration) {
    edits.replace(node.start, node.declaration.start, "");
    const names =
      node.declaration.type === "VariableDeclaration"
        ? node.declaration.declarations.flatMap((d) => patternNames(d.id))
        : [node.declaration.id.name];
    draft.exports.push(...names.map((name): [string, string] => [name, name]));
    rewriteStatement(draft, node.declaration);
    return;
  }
  const pairs = node.specifiers.map((one): [string, string] => [exportedName(one.exported), exportedName(one.local)]);
  if (node.source)
    edits.replace(
      node.start,
      node.end,
      `await ${CELL}.exportFrom(${quote(String(node.source.value))}, ${JSON.stringify(pairs)});`,
    );
  else {
    edits.replace(node.start, node.end, "");
    draft.exports.push(...pairs);
  }
}

/** A statement at the top of the cell. */
function rewriteStatement(draft: Draft, node: AnyNode): void {
  if (node.type === "ImportDeclaration") draft.edits.replace(node.start, node.end, importCall(node));
  else if (/^Export/.test(node.type)) rewriteExport(draft, node);
  else if (node.type === "VariableDeclaration") assignDeclaration(draft, node, "statement");
  else if (node.type === "FunctionDeclaration") draft.prologue.push(`${CELLS}.${node.id!.name} = ${node.id!.name};`);
  else if (node.type === "ClassDeclaration") {
    draft.edits.insert(node.start, `${CELLS}.${node.id!.name} = `);
    draft.edits.insert(node.end, ";");
  } else assignNested(draft, node);
}

function rewriteReference(draft: Draft, reference: Reference, shorthand: ReadonlySet<number>): void {
  const { name, start, end, parent } = reference;
  const shared = `${CELLS}.${name}`;
  if (shorthand.has(start)) draft.edits.replace(start, end, `${name}: ${shared}`);
  else if (
    (parent.type === "CallExpression" && parent.callee.start === start) ||
    parent.type === "TaggedTemplateExpression"
  )
    // a function that calls itself without end may hold no loop
    draft.edits.replace(start, end, `(${look("now")}, ${shared})`);
  else if (parent.type === "UnaryExpression" && parent.operator === "typeof")
    draft.edits.replace(start, end, `(${quote(name)} in ${CELLS} ? ${shared} : undefined)`);
  else draft.edits.replace(start, end, shared);
  if (parent.type === "AssignmentExpression" && parent.left.start === start && parent.operator === "=")
    if (isAnonymous(parent.right)) nameValue(draft, name, parent.right);
}

/** Where properties are written in short (`{ x }`, `{ x = 1 }`), what is imported, and what may run forever. */
function rewriteInside(draft: Draft, program: Program): Set<number> {
  const shorthand = new Set<number>();
  const visit = (node: AnyNode, place: "top" | "function"): void => {
    if (node.type === "Property" && node.shorthand) shorthand.add(node.start);
    if (node.type === "MetaProperty" && node.meta.name === "import")
      draft.edits.replace(node.start, node.end, `${CELL}.meta`);
    if (node.type === "ImportExpression")
      draft.edits.replace(node.start, node.start + "import".length, `${CELL}.import`);
    if (LOOP.test(node.type)) guardLoop(draft, node as Loop, place);
    const inside = FUNCTION.test(node.type) ? "function" : place;
    for (const child of childrenOf(node)) visit(child, inside);
  };
  visit(program, "top");
  return shorthand;
}

const LOOP = /^(?:While|DoWhile|For|ForIn|ForOf)Statement$/;
const FUNCTION = /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/;
type Loop = AnyNode & { readonly body: AnyNode };

/** Whether a turn of a loop waits for something. */
function waits(node: AnyNode): boolean {
  if (node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await)) return true;
  return !FUNCTION.test(node.type) && childrenOf(node).some(waits);
}

/** A loop looks at every turn whether it is to stop. */
function guardLoop(draft: Draft, loop: Loop, place: "top" | "function"): void {
  const check = look(place === "top" ? "stop" : waits(loop) ? "ever" : "now");
  const { body } = loop;
  if (body.type === "BlockStatement") draft.edits.insert(body.start + 1, `${check};`);
  else {
    draft.edits.insert(body.start, `{ ${check}; `);
    draft.edits.insert(body.end, " }");
  }
}

/**
 * A statement that does nothing where it stands and has not been written by the user there: `var x;`, which the compiler puts
 * behind everything for each namespace, and `export {};`, which it puts there when all imports were types.
 */
function isBare(node: AnyNode): boolean {
  if (node.type === "VariableDeclaration") return node.kind === "var" && node.declarations.every(({ init }) => !init);
  return node.type === "ExportNamedDeclaration" && !node.declaration && node.specifiers.length === 0;
}

/** The last statement's value is the cell's. */
function returnLast(draft: Draft, program: Program): void {
  const last = program.body.findLast((statement) => !isBare(statement));
  if (last?.type !== "ExpressionStatement") return;
  // behind a comma a function without a name stays without one
  const comma = isAnonymous(last.expression as AnyNode) ? "0, " : "";
  draft.edits.insert(last.start, `return { value: (${comma}`);
  if (draft.code[last.end - 1] === ";") draft.edits.replace(last.end - 1, last.end, ") };");
  else draft.edits.insert(last.end, ") };");
}

function declaredNames(program: Program): string[] {
  const statements = program.body.flatMap((statement): AnyNode[] => {
    if (statement.type === "ExportNamedDeclaration") return statement.declaration ? [statement.declaration] : [];
    if (statement.type === "ExportDefaultDeclaration") return [statement.declaration as AnyNode];
    return [statement];
  });
  const imported = program.body.flatMap((statement) =>
    statement.type === "ImportDeclaration" ? statement.specifiers.map((one) => one.local.name) : [],
  );
  return [...new Set([...imported, ...blockNames(statements), ...statements.flatMap(varNames)])];
}

/**
 * Compiles one cell, or one local module that is imported by cells.
 *
 * @throws CellSyntaxError when the source is not TypeScript.
 */
export function compile(source: string, options: CompileOptions): Compiled {
  const disposing = topUsing(source);
  const stripped = toJavaScript(disposing?.text ?? source);
  const program = parseProgram(stripped.code);
  const names = declaredNames(program);
  const draft: Draft = { code: stripped.code, edits: new Edits(), names: new Set(names), exports: [], prologue: [] };
  returnLast(draft, program);
  const extended = extendedNames(source);
  for (const name of program.body.flatMap(varNames)) {
    const kept = extended.has(name) ? "" : `${quote(name)} in ${CELLS} || `;
    draft.prologue.push(`${kept}(${CELLS}.${name} = undefined);`);
  }
  for (const statement of program.body) rewriteStatement(draft, statement);
  const shorthand = rewriteInside(draft, program);
  for (const reference of outerReferences(program)) {
    const { name, insideFunction } = reference;
    const isShared = draft.names.has(name) || options.known.has(name);
    if (name === CELL || (name === "arguments" && insideFunction === "yes")) continue;
    if (isShared || !options.isGlobal(name)) rewriteReference(draft, reference, shorthand);
  }
  const head = `(async function (${CELLS}, ${CELL}) {"use strict";${draft.prologue.join("")}`;
  const { text, map } = draft.edits.apply(stripped.code, head, "\n})");
  const toSource = chainMaps(map, stripped.map);
  return { code: text, names, exports: draft.exports, map: disposing ? chainMaps(toSource, disposing.map) : toSource };
}

function topUsing(source: string): ReturnType<typeof rewriteTopUsing> {
  try {
    return rewriteTopUsing(source);
  } catch (error) {
    throw asSyntaxError(error);
  }
}
