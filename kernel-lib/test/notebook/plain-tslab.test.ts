import { readdirSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "@swc/core";
import { parse } from "acorn";
import { describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { declarationsOf } from "../../src/kernel/compile/names";
import { outerReferences } from "../../src/kernel/compile/scope";
import { readNotebook } from "../../src/notebook/notebook-file";

const folder = join(repositoryRoot(), "notebooks");
const files = ["", "solutions"].flatMap((place) =>
  readdirSync(join(folder, place)).flatMap((name) => (name.endsWith(".ipynb") ? [join(place, name)] : [])),
);

function toJavaScript(source: string): string {
  const jsc = {
    parser: { syntax: "typescript" },
    target: "es2022",
    transform: { verbatimModuleSyntax: true },
  } as const;
  return transformSync(source, { swcrc: false, configFile: false, isModule: true, module: { type: "es6" }, jsc }).code;
}

/** Names of earlier cells that a cell writes in short, as in `{ seed }`; tslab 1.0.22 says of them "seed is not defined". */
function shortNames(cells: readonly string[]): string[] {
  const known = new Set<string>();
  return cells.flatMap((source) => {
    const program = parse(toJavaScript(source), {
      ecmaVersion: "latest",
      sourceType: "module",
      allowAwaitOutsideFunction: true,
    });
    const own = declarationsOf(source).names;
    const found = outerReferences(program).flatMap(({ name, parent }) =>
      parent.type === "Property" && parent.shorthand && known.has(name) && !own.has(name) ? [name] : [],
    );
    for (const name of own.keys()) known.add(name);
    return found;
  });
}

describe("cells as plain tslab takes them", () => {
  it.each(files)("%s writes no name of an earlier cell in short", async (file) => {
    const { cells } = await readNotebook(join(folder, file));
    expect(shortNames(cells.flatMap((cell) => (cell.cell_type === "code" ? [cell.source] : [])))).toEqual([]);
  });

  it("would be refused otherwise: names of the cell itself and of its functions may be short, others not", () => {
    expect(shortNames(["let seed = 1;", "f({ seed })"])).toEqual(["seed"]);
    expect(
      shortNames(["let seed = 1;", "f({ seed: seed }); const own = 2; g({ own }); [1].map((seed) => ({ seed }))"]),
    ).toEqual([]);
  });
});
