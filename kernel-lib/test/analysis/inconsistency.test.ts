import { describe, expect, it } from "vitest";
import { isInconsistent, measureInconsistency } from "../../src/analysis/inconsistency";
import { findMeasurement } from "../../src/analysis/measurement";
import type { Prediction, Reading } from "../../src/base/types";
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
  const rows = measureInconsistency([...BASE, ...OTHER], { base: "rag", numLabels: 2 });
  const find = (system: string, subset: string, metric = "accuracy", baseline: string | null = null) =>
    findMeasurement(rows, { system, subset, metric, baseline });

  it("counts the queries whose readings differ, unparsed differing from every label", () => {
    expect(BASE.map(isInconsistent)).toEqual([false, true, true, true]);
    expect(find("rag", "all", "inconsistency")).toMatchObject({ value: 3 / 4, n: 4, splitBy: null });
    expect(find("jomed", "all", "inconsistency").value).toBe(1 / 4);
    expect(find("rag", "inconsistent")).toMatchObject({ n: 3, splitBy: "rag" });
  });

  it("measures every system on the base system's subsets, matching examples by id", () => {
    expect(find("rag", "all")).toMatchObject({ value: 3 / 4, splitBy: null });
    expect(find("rag", "inconsistent").value).toBe(2 / 3);
    expect(find("jomed", "inconsistent").value).toBe(1);
    expect(find("jomed", "consistent")).toMatchObject({ n: 1, value: 0, low: 0, high: 0 });
    expect(find("rag", "inconsistent", "macroF1").value).toBe((4 / 5 + 0) / 2); // label 0: tp 2, fp 1; label 1: missed
  });

  it("takes paired differences to the base on each subset", () => {
    expect(find("jomed", "inconsistent", "accuracy", "rag").value).toBeCloseTo(1 / 3, 12);
    expect(find("jomed", "consistent", "accuracy", "rag")).toMatchObject({ value: -1, pValue: 0 });
    expect(rows.filter(({ system, baseline }) => system === "rag" && baseline !== null)).toEqual([]);
  });

  it("adds the two subsets up to all", () => {
    for (const system of ["rag", "jomed"]) {
      const right = (subset: string) => find(system, subset).value * find(system, subset).n;
      expect(right("consistent") + right("inconsistent")).toBeCloseTo(right("all"), 12);
    }
  });

  it("has no row, not a number, for an empty subset", () => {
    const agreeing = [predict("rag", "e1", 1, [1, 1], 1)];
    const found = measureInconsistency(agreeing, { base: "rag", numLabels: 2 });
    expect(found.map(({ subset, metric }) => `${subset} ${metric}`)).toEqual([
      "all inconsistency",
      "all accuracy",
      "all macroF1",
      "consistent accuracy",
      "consistent macroF1",
    ]);
  });

  it("without a base gives the shares alone, and none of a system that reads once", () => {
    const closed = BASE.map(({ exampleId }) => predict("closed-book", exampleId, 0, [0], 0));
    const found = measureInconsistency([...BASE, ...closed], { task: { name: "toy", source: "phantom" } });
    expect(found).toMatchObject([
      { task: "toy", data: "phantom", system: "rag", metric: "inconsistency", value: 3 / 4 },
    ]);
  });

  it("takes answers in words, without macro-F1", () => {
    const words = BASE.map(({ exampleId, group, weights }, i): Prediction<"words"> => {
      const readings = ["left lung", i === 0 ? "right lung" : "The left lung."].map(
        (text): Reading<"words"> => ({ form: "words", exampleId, retrieved: null, text, answer: text }),
      );
      return {
        form: "words",
        system: "rag",
        exampleId,
        group,
        weights,
        readings,
        truth: "left lung",
        answer: "left lung",
      };
    });
    const found = measureInconsistency(words, { base: "rag" });
    expect(findMeasurement(found, { metric: "inconsistency" }).value).toBe(1 / 4);
    expect(findMeasurement(found, { metric: "accuracy", subset: "inconsistent" })).toMatchObject({ value: 1, n: 1 });
    expect(() => measureInconsistency(words, { base: "rag", numLabels: 2 })).toThrow(/numLabels must be left out/);
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

describe("the table of inconsistency", () => {
  it("has these rows, each of its questions", () => {
    const rows = measureInconsistency([...BASE, ...OTHER], { base: "rag", numLabels: 2, bootstrap: { numDraws: 20 } });
    const subsets = ["all", "consistent", "inconsistent"];
    const numOf = (subset: string) => ({ all: 4, consistent: 1 })[subset] ?? 3;
    const splitOf = (subset: string) => (subset === "all" ? null : "rag");
    const metrics = ["accuracy", "macroF1"];
    const values = (system: string, baseline: string | null, subset: string) =>
      metrics.map((metric) => [system, baseline, metric, subset, splitOf(subset), numOf(subset)]);
    expect(rows.map((r) => [r.system, r.baseline, r.metric, r.subset, r.splitBy, r.n])).toEqual([
      ["rag", null, "inconsistency", "all", null, 4],
      ["jomed", null, "inconsistency", "all", null, 4],
      ...subsets.flatMap((subset) => values("rag", null, subset)),
      ...subsets.flatMap((subset) => [...values("jomed", null, subset), ...values("jomed", "rag", subset)]),
    ]);
  });

  it("counts an answer that cannot be read as wrong, of macro-F1 too", () => {
    const unread = [predict("rag", "e1", 0, [0, 1], null), predict("rag", "e2", 0, [0, 0], 0)];
    const rows = measureInconsistency(unread, { base: "rag", numLabels: 2, bootstrap: { numDraws: 20 } });
    expect(findMeasurement(rows, { metric: "macroF1", subset: "all" }).value).toBeCloseTo((2 / 3 + 0) / 2, 12);
    expect(findMeasurement(rows, { metric: "accuracy", subset: "all" }).value).toBe(1 / 2);
  });
});
