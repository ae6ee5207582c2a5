import type { AnyNode, Node, Pattern, Program } from "acorn";

/** Which identifiers of a cell mean something outside of its functions and blocks. */

/** An identifier that is used, not declared, where it stands. */
export interface Reference {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly parent: AnyNode;
  /** Whether it stands in a function that has its own `arguments`. */
  readonly insideFunction: "yes" | "no";
}

type Scope = Set<string>;

/** The names a pattern declares. */
export function patternNames(pattern: Pattern): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((p) => patternNames(p.type === "RestElement" ? p.argument : p.value));
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element === null ? [] : patternNames(element)));
    case "RestElement":
      return patternNames(pattern.argument);
    case "AssignmentPattern":
      return patternNames(pattern.left);
    default:
      return [];
  }
}

function isNode(value: unknown): value is AnyNode {
  return value !== null && typeof value === "object" && typeof (value as Node).type === "string";
}

/** The nodes directly inside a node, in order. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node) as unknown[]) {
    if (Array.isArray(value)) children.push(...value.filter(isNode));
    else if (isNode(value)) children.push(value);
  }
  return children;
}

function isFunction(node: AnyNode): boolean {
  return /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression|StaticBlock)$/.test(node.type);
}

/** Names of `var` declarations below a node that belong to its function. */
export function varNames(node: AnyNode): string[] {
  if (isFunction(node)) return [];
  const own =
    node.type === "VariableDeclaration" && node.kind === "var"
      ? node.declarations.flatMap((d) => patternNames(d.id))
      : [];
  return [...own, ...childrenOf(node).flatMap(varNames)];
}

/** Names that a list of statements declares for its own block. */
export function blockNames(statements: readonly AnyNode[]): string[] {
  return statements.flatMap((statement) => {
    if (statement.type === "VariableDeclaration" && statement.kind !== "var")
      return statement.declarations.flatMap((d) => patternNames(d.id));
    if (statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration")
      return statement.id ? [statement.id.name] : [];
    return [];
  });
}

/** Names a node declares for what is inside it. */
function scopeOf(node: AnyNode): Scope | null {
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression": {
      const own = node.type === "FunctionExpression" && node.id ? [node.id.name] : [];
      return new Set([...own, ...node.params.flatMap(patternNames), ...varNames(node.body)]);
    }
    case "StaticBlock":
      return new Set([...blockNames(node.body), ...node.body.flatMap(varNames)]);
    case "ClassDeclaration":
    case "ClassExpression":
      return new Set(node.id ? [node.id.name] : []);
    case "BlockStatement":
      return new Set(blockNames(node.body));
    case "SwitchStatement":
      return new Set(blockNames(node.cases.flatMap((one) => one.consequent)));
    case "ForStatement":
      return new Set(node.init ? blockNames([node.init]) : []);
    case "ForInStatement":
    case "ForOfStatement":
      return new Set(blockNames([node.left]));
    case "CatchClause":
      return new Set(node.param ? patternNames(node.param) : []);
    default:
      return null;
  }
}

/** The parts of a node where names are used; where a name only labels something is left out. */
function usingParts(node: AnyNode): AnyNode[] {
  switch (node.type) {
    case "MemberExpression":
      return node.computed ? [node.object, node.property] : [node.object];
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
      return [...(node.computed ? [node.key] : []), ...(node.value ? [node.value] : [])];
    case "LabeledStatement":
      return [node.body];
    case "BreakStatement":
    case "ContinueStatement":
    case "MetaProperty":
    case "ImportDeclaration":
    case "ExportAllDeclaration":
      return [];
    case "ExportNamedDeclaration":
      return node.declaration ? [node.declaration] : [];
    case "FunctionDeclaration":
    case "FunctionExpression":
      return [...node.params, node.body];
    case "ClassDeclaration":
    case "ClassExpression":
      return [...(node.superClass ? [node.superClass] : []), node.body];
    default:
      return childrenOf(node);
  }
}

/**
 * All uses of names that no function or block of the program declares. Declarations count as local names, so a reference to a
 * name that the program itself declares at its top is among them, and so are the assignment targets of top-level patterns.
 */
export function outerReferences(program: Program): Reference[] {
  const found: Reference[] = [];
  const visit = (node: AnyNode, parent: AnyNode, scopes: readonly Scope[], insideFunction: "yes" | "no"): void => {
    if (node.type === "Identifier") {
      if (!scopes.some((scope) => scope.has(node.name)))
        found.push({ name: node.name, start: node.start, end: node.end, parent, insideFunction });
      return;
    }
    const own = scopeOf(node);
    const inner = own === null ? scopes : [...scopes, own];
    const isOwn = isFunction(node) && node.type !== "ArrowFunctionExpression";
    for (const part of usingParts(node)) visit(part, node, inner, isOwn ? "yes" : insideFunction);
  };
  for (const statement of program.body) visit(statement, program, [], "no");
  return found;
}
