import { describe, expect, it } from "vitest";
import type { Cell, Notebook } from "../../src/notebook/notebook-file";
import { injectParameters, listParameters, parseParameter } from "../../src/notebook/parameters";

function code(id: string, source: string, tags: string[] = []): Cell {
  return { cell_type: "code", id, metadata: { tags }, source, execution_count: null, outputs: [] };
}

const notebook: Notebook = {
  cells: [
    code("a", "const before = 1;"),
    code("p", 'let profile = "let x = 1"; let seed: number = 7;\nlet source = "phantom"; // let hidden = 1', [
      "parameters",
    ]),
    code("z", "seed"),
  ],
  metadata: {},
  nbformat: 4,
  nbformat_minor: 5,
};

describe("parameters", () => {
  it("listParameters finds what the tagged cell declares with let, not what comments mention", () => {
    expect(listParameters(notebook)).toEqual(expect.arrayContaining(["profile", "seed", "source"]));
    expect(listParameters(notebook)).not.toContain("hidden");
    expect(listParameters({ ...notebook, cells: [] })).toEqual([]);
  });

  it("injectParameters adds one cell after the parameters cell that assigns and shows the values", () => {
    const changed = injectParameters(notebook, { seed: 9, profile: 'a"b' });
    expect(changed.cells.map((cell) => cell.id)).toEqual(["a", "p", "injected-parameters", "z"]);
    expect(changed.cells[2]).toMatchObject({
      metadata: { tags: ["injected-parameters"] },
      source: 'seed = 9;\nprofile = "a\\"b";\n({ seed: seed, profile: profile })',
    });
  });

  it("injectParameters replaces the cell of an earlier run, and removes it without values", () => {
    const twice = injectParameters(injectParameters(notebook, { seed: 9 }), { seed: 10 });
    expect(twice.cells.filter((cell) => cell.source.includes("seed ="))).toHaveLength(1);
    expect(injectParameters(twice, {})).toEqual(notebook);
  });

  it("injectParameters refuses an unknown name and lists the declared ones", () => {
    expect(() => injectParameters(notebook, { sead: 1 })).toThrow(
      /has no parameter "sead"\. Use one of profile.* seed, source\./,
    );
    expect(() => injectParameters({ ...notebook, cells: [] }, { seed: 1 })).toThrow('Tag a cell "parameters" first.');
  });

  it.each([
    ["seed=7", ["seed", 7]],
    ["name=quick", ["name", "quick"]],
    ["list=[1,2]", ["list", [1, 2]]],
    ["text=a=b", ["text", "a=b"]],
  ])("parseParameter reads %s", (text, expected) => {
    expect(parseParameter(text)).toEqual(expected);
  });

  it.each(["seed", "=1", "a b=1", "1a=2"])("parseParameter refuses %s", (text) => {
    expect(() => parseParameter(text)).toThrow("a parameter must be written name=value");
  });
});
