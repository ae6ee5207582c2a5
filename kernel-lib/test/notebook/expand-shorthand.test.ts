import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { expandShorthand, type SyntaxTree } from "../../src/notebook/expand-shorthand";

const { resolve } = createRequire(import.meta.filename);
const compiler = createRequire(resolve("tslab/package.json"))("@tslab/typescript-for-tslab") as SyntaxTree;

it.each([
  ["f({ seed, profile })", "f({ seed: seed, profile: profile })"],
  ["const a = { b: { c }, d: 1, e };", "const a = { b: { c: c }, d: 1, e: e };"],
  ["({ a, b = 2 } = value);", "({ a: a, b: b = 2 } = value);"],
  ["const { a, b } = value; // { c }", "const { a, b } = value; // { c }"],
  ["import { a } from 'b'; export { a };", "import { a } from 'b'; export { a };"],
  [`\`\${f({ a })} { b }\``, `\`\${f({ a: a })} { b }\``],
  ["const broken = {", "const broken = {"],
])("expandShorthand writes %s as %s", (source, expected) => {
  expect(expandShorthand(compiler, source)).toBe(expected);
});
