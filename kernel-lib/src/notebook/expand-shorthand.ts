/** What expandShorthand uses of the TypeScript compiler; the kernel brings its own copy. */
export interface SyntaxTree {
  readonly ScriptTarget: { readonly Latest: number };
  createSourceFile(name: string, text: string, target: number, setParentNodes: false): unknown;
  forEachChild(node: unknown, visit: (node: unknown) => void): void;
  isShorthandPropertyAssignment(
    node: unknown,
  ): node is { readonly name: { readonly text: string; readonly end: number } };
}

/**
 * Writes `{ seed }` out as `{ seed: seed }`, which means the same. tslab 1.0.22 finds the variables of earlier cells
 * everywhere but in this short form: there it would end in a ReferenceError.
 */
export function expandShorthand(compiler: SyntaxTree, source: string): string {
  const names: { text: string; end: number }[] = [];
  const visit = (node: unknown): void => {
    if (compiler.isShorthandPropertyAssignment(node)) names.push(node.name);
    compiler.forEachChild(node, visit);
  };
  visit(compiler.createSourceFile("cell.ts", source, compiler.ScriptTarget.Latest, false));
  let expanded = source;
  for (const { text, end } of names.sort((a, b) => b.end - a.end))
    expanded = `${expanded.slice(0, end)}: ${text}${expanded.slice(end)}`;
  return expanded;
}
