import { expect, test } from "vitest";
import { findMeasurement, measure, measureDifference, ratioOf, shareOf } from "../../src/analysis/measurement";
import { bootstrap, pairedBootstrap } from "../../src/metrics/bootstrap";

const groups = ["a", "a", "b", "c"];
const first = { system: "first", metric: "accuracy", groups, statistic: shareOf([1, 1, 0, 1], (each) => each === 1) };
const second = { system: "second", metric: "accuracy", groups, statistic: shareOf([1, 0, 0, 0], (each) => each === 1) };
const settings = { numDraws: 100, seed: 3 };

test("a row holds the bootstrap's interval and says of what", () => {
  const row = measure(first, { task: { name: "toy", source: "real" }, bootstrap: settings });
  expect(row).toEqual({
    ...{ task: "toy", system: "first", baseline: null, subset: "all", splitBy: null, metric: "accuracy" },
    ...bootstrap(groups, first.statistic, settings),
    ...{ pValue: null, n: 4, seeds: 1, scale: "replica", data: "real" },
  });
  expect(measure({ ...first, subset: "inconsistent", splitBy: "ft-rag" })).toMatchObject({
    subset: "inconsistent",
    splitBy: "ft-rag",
    task: null,
    data: null,
  });
});

test("a difference is paired, and names its baseline", () => {
  const row = measureDifference(first, second, { bootstrap: settings });
  const paired = pairedBootstrap(groups, first.statistic, second.statistic, settings);
  expect(row).toMatchObject({ system: "first", baseline: "second", ...paired });
  expect(measureDifference(first, first)).toMatchObject({ value: 0, low: 0, high: 0 });
});

test("a ratio is of sums, not a mean of ratios", () => {
  const rows = [
    { part: 1, whole: 1 },
    { part: 0, whole: 3 },
  ];
  const ratio = ratioOf(
    rows,
    ({ part }) => part,
    ({ whole }) => whole,
  );
  expect(ratio([0, 1])).toBe(1 / 4);
  expect(ratio([0, 0, 1])).toBe(2 / 5);
});

test("findMeasurement wants one row, and says what is there", () => {
  const rows = [measure(first), measure(second), measureDifference(first, second)];
  expect(findMeasurement(rows, { system: "first" })).toBe(rows[0]);
  expect(findMeasurement(rows, { system: "first", baseline: "second" })).toBe(rows[2]);
  expect(() => findMeasurement(rows, { metric: "accuracy" })).toThrow(/must match one row; .* matches 2/);
  expect(() => findMeasurement(rows, { system: "third" })).toThrow(/matches 0. There are first accuracy all, second/);
});
