import { describe, expect, it } from "vitest";
import { isInconsistent, measureInconsistency } from "../../src/analysis/inconsistency";
import { predict } from "./helpers";

const BASE = [
  predict("rag", "e1", 1, [1, 1], 1),
  predict("rag", "e2", 1, [0, 1], 0),
  predict("rag", "e3", 0, [0, 1], 0),
  predict("rag", "e4", 0, [null, 0], 0),
];
const OTHER = [
  predict("jomed", "e4", 0, [0, 0], 0), // another order
  predict("jomed", "e1", 1, [0, 1], 0),
  predict("jomed", "e2", 1, [1, 1], 1),
  predict("jomed", "e3", 0, [0, 0], 0),
];

describe("measureInconsistency", () => {
  const report = measureInconsistency([...BASE, ...OTHER], { base: "rag", numLabels: 2 });
  const find = (system: string, subset: string) =>
    report.results.find((result) => result.system === system && result.subset === subset)!;

  it("counts the queries whose readings differ, unparsed differing from every label", () => {
    expect(BASE.map(isInconsistent)).toEqual([false, true, true, true]);
    expect(report).toMatchObject({ base: "rag", numQueries: 4, numInconsistent: 3 });
    expect(report.shares).toEqual({ rag: 3 / 4, jomed: 1 / 4 });
  });

  it("measures every system on the base system's subsets, matching examples by id", () => {
    expect(find("rag", "all").accuracy!.value).toBe(3 / 4);
    expect(find("rag", "inconsistent").accuracy!.value).toBe(2 / 3);
    expect(find("jomed", "inconsistent").accuracy!.value).toBe(1);
    expect(find("jomed", "consistent")).toMatchObject({ numQueries: 1, accuracy: { value: 0, low: 0, high: 0 } });
    expect(find("rag", "inconsistent").macroF1!.value).toBe((4 / 5 + 0) / 2); // label 0: tp 2, fp 1; label 1: missed
  });

  it("adds the two subsets up to all", () => {
    for (const system of ["rag", "jomed"]) {
      const right = (subset: string) => find(system, subset).accuracy!.value * find(system, subset).numQueries;
      expect(right("consistent") + right("inconsistent")).toBeCloseTo(right("all"), 12);
    }
  });

  it("gives null, not a number, for an empty subset", () => {
    const agreeing = [predict("rag", "e1", 1, [1, 1], 1)];
    const { results } = measureInconsistency(agreeing, { base: "rag", numLabels: 2 });
    expect(results.find(({ subset }) => subset === "inconsistent")).toMatchObject({
      numQueries: 0,
      accuracy: null,
      macroF1: null,
    });
  });

  it("refuses an unknown base and systems on other examples", () => {
    expect(() => measureInconsistency(BASE, { base: "ragg", numLabels: 2 })).toThrow(
      'measureInconsistency: base must be one of rag; got "ragg".',
    );
    expect(() => measureInconsistency([...BASE, OTHER[0]!], { base: "rag", numLabels: 2 })).toThrow(
      /predictions of jomed must be of the same 4 examples as the first system's; got 1, without e1/,
    );
    const more = [...BASE, ...OTHER, predict("jomed", "e5", 0, [0], 0)];
    expect(() => measureInconsistency(more, { base: "rag", numLabels: 2 })).toThrow(/got 5/);
    expect(() => measureInconsistency([...BASE, BASE[0]!], { base: "rag", numLabels: 2 })).toThrow(/two of rag, e1/);
    expect(() => measureInconsistency([], { base: "rag", numLabels: 2 })).toThrow(/at least one/);
  });
});
