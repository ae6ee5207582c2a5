import { parseSync } from "@swc/core";
import { Edits, type PositionMap } from "./edits";

/** What a cell declares as the type checker sees it: types as well as values. */

/** How a later cell may speak of a name: `let` can be assigned to, `type` has no value. */
export type NameKind = "let" | "other" | "type";

/** The names a cell declares at its top. */
export interface Declarations {
  readonly names: ReadonlyMap<string, NameKind>;
  /** Names that the cell itself exports. */
  readonly exported: ReadonlySet<string>;
}

/** As much of swc's tree as is read here; it names its fields as ESTree does not. */
interface Tree {
  readonly type: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly kind?: string;
  readonly value?: unknown;
  readonly id?: Tree;
  readonly identifier?: Tree;
  readonly declaration?: Tree;
  readonly declarations?: readonly Tree[];
  readonly decls?: readonly Tree[];
  readonly isAwait?: boolean;
  readonly declare?: boolean;
  readonly init?: Tree | null;
  readonly specifiers?: readonly Tree[];
  readonly local?: Tree;
  readonly orig?: Tree;
  readonly exported?: Tree | null;
  readonly properties?: readonly Tree[];
  readonly elements?: readonly (Tree | null)[];
  readonly key?: Tree;
  readonly left?: Tree;
  readonly argument?: Tree;
}

function namesOfPattern(pattern: Tree | undefined | null): string[] {
  switch (pattern?.type) {
    case "Identifier":
      return [String(pattern.value)];
    case "ObjectPattern":
      return pattern.properties!.flatMap(namesOfPattern);
    case "KeyValuePatternProperty":
      return namesOfPattern(pattern.value as Tree);
    case "AssignmentPatternProperty":
      return namesOfPattern(pattern.key);
    case "ArrayPattern":
      return pattern.elements!.flatMap(namesOfPattern);
    case "RestElement":
      return namesOfPattern(pattern.argument);
    case "AssignmentPattern":
      return namesOfPattern(pattern.left);
    default:
      return [];
  }
}

function namesOf(node: Tree): [string, NameKind][] {
  const other = (names: readonly string[]): [string, NameKind][] => names.map((name) => [name, "other"]);
  switch (node.type) {
    case "VariableDeclaration":
      return node
        .declarations!.flatMap((d) => namesOfPattern(d.id))
        .map((n) => [n, node.kind === "const" ? "other" : "let"]);
    case "UsingDeclaration":
      return other(node.decls!.flatMap((d) => namesOfPattern(d.id)));
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return other(namesOfPattern(node.identifier));
    case "TsInterfaceDeclaration":
    case "TsTypeAliasDeclaration":
      return namesOfPattern(node.id).map((name) => [name, "type"]);
    case "TsEnumDeclaration":
    case "TsModuleDeclaration":
      return other(namesOfPattern(node.id));
    case "ImportDeclaration":
      return other(node.specifiers!.flatMap((one) => namesOfPattern(one.local)));
    case "ExportDeclaration":
      return namesOf(node.declaration!);
    default:
      return [];
  }
}

function parseTree(source: string): readonly Tree[] {
  return parseSync(source, { syntax: "typescript", decorators: true }).body as unknown as Tree[];
}

/** What the source declares at its top; nothing where it cannot be read. */
export function declarationsOf(source: string): Declarations {
  let body: readonly Tree[] = [];
  try {
    body = parseTree(source);
  } catch {
    // told by the compiler
  }
  const exported = body.flatMap((node) => {
    if (node.type === "ExportDeclaration") return namesOf(node).map(([name]) => name);
    if (node.type !== "ExportNamedDeclaration") return [];
    return node.specifiers!.map((one) => String((one.exported ?? one.orig)?.value));
  });
  return { names: new Map(body.flatMap(namesOf)), exported: new Set(exported) };
}

/**
 * Names of the enums and namespaces a source declares at its top. Their code adds members to what has the name already: within
 * one cell that is meant, but what an earlier cell called so is another thing.
 */
export function extendedNames(source: string): Set<string> {
  if (!/\b(?:enum|namespace|module)\b/.test(source)) return new Set();
  const declared = parseTree(source).map((node) => (node.type === "ExportDeclaration" ? node.declaration! : node));
  const found = declared.filter(({ type, declare }) => /^Ts(?:Enum|Module)Declaration$/.test(type) && declare !== true);
  return new Set(found.flatMap(({ id }) => namesOfPattern(id)));
}

/** swc counts in bytes of UTF-8, from 1. */
function offsetOf(bytes: Buffer, position: number): number {
  return bytes.subarray(0, position - 1).toString("utf8").length;
}

/**
 * `using x = …` at the top of a cell as a constant that is disposed of when the cell ends; inside of functions and blocks the
 * compiler knows what to do.
 */
export function rewriteTopUsing(source: string): { text: string; map: PositionMap } | null {
  if (!/\busing\b/.test(source)) return null;
  const found = parseTree(source).filter((node) => node.type === "UsingDeclaration");
  if (found.length === 0) return null;
  const bytes = Buffer.from(source, "utf8");
  const edits = new Edits();
  for (const node of found) {
    edits.replace(offsetOf(bytes, node.span!.start), offsetOf(bytes, node.decls![0]!.span!.start), "const ");
    for (const { init } of node.decls!) {
      edits.insert(offsetOf(bytes, init!.span!.start), "$cell.use(");
      edits.insert(offsetOf(bytes, init!.span!.end), `, "${node.isAwait ? "await using" : "using"}")`);
    }
  }
  return edits.apply(source, "", "");
}
