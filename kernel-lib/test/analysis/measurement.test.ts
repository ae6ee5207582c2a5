import { expect, test } from "vitest";
import {
  bySystem,
  findMeasurement,
  measure,
  measureDifference,
  ratioOf,
  shareOf,
} from "../../src/analysis/measurement";
import { bootstrap, pairedBootstrap } from "../../src/metrics/bootstrap";
import { predict } from "./helpers";

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

test("a difference counts what only one of the two gets right, where both say which answers are right", () => {
  const [right, others] = [
    [true, true, false, true],
    [true, false, true, false],
  ];
  expect(measureDifference({ ...first, right: right! }, { ...second, right: others! })).toMatchObject({
    gained: 2,
    lost: 1,
  });
  for (const [one, other] of [
    [first, { ...second, right: others! }],
    [{ ...first, right: right! }, second],
  ] as const)
    expect(measureDifference(one, other)).not.toHaveProperty("gained");
});

test("findMeasurement says of nothing that there is nothing", () => {
  expect(() => findMeasurement([], { system: "x" })).toThrow(
    'findMeasurement: wanted must match one row; {"system":"x"} matches 0. There are no rows.',
  );
});

test("bySystem gives every system's predictions in the order of the first, and refuses what cannot be compared", () => {
  const of = (system: string, ...ids: string[]) => ids.map((id) => predict(system, id, 0, [0], 0));
  const found = bySystem("test", [...of("a", "x", "y"), ...of("b", "y", "x")]);
  expect([...found].map(([system, rows]) => [system, rows.map(({ exampleId }) => exampleId)])).toEqual([
    ["a", ["x", "y"]],
    ["b", ["x", "y"]],
  ]);
  const refusal =
    (...predictions: readonly ReturnType<typeof predict>[]) =>
    () =>
      bySystem("test", predictions);
  expect(refusal()).toThrow("test: predictions must hold at least one; got 0.");
  expect(refusal(...of("a", "x", "x"))).toThrow("predictions must be one per system and example; got two of a, x.");
  const rule = "test: predictions of b must be of the same 2 examples as the first system's; got";
  expect(refusal(...of("a", "x", "y"), ...of("b", "y"))).toThrow(
    `${rule} 1, without x. Predict all systems on one split.`,
  );
  expect(refusal(...of("a", "x", "y"), ...of("b", "x", "y", "z"))).toThrow(
    `${rule} 3. Predict all systems on one split.`,
  );
});
