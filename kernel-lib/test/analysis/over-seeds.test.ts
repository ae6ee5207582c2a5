import { expect, test } from "vitest";
import { measureEvaluation } from "../../src/analysis/evaluation";
import { findMeasurement } from "../../src/analysis/measurement";
import { aggregateMeasurements, measureOverSeeds, type SeedAnswers } from "../../src/analysis/over-seeds";
import { predict, toyExample, toyTask } from "./helpers";

/** Ten questions; each system is right on so many, from the first on; under FT RAG the readings of the last four disagree. */
function answers(seed: number, right: Readonly<Record<string, number>>): SeedAnswers {
  const ids = Array.from({ length: 10 }, (_, i) => `q${i}`);
  const task = toyTask(
    ["accuracy", "macroF1"],
    ids.map((id, i) => toyExample(id, { labels: [i % 2] })),
  );
  const predictions = Object.entries(right).flatMap(([system, count]) =>
    ids.map((id, i) => {
      const readings = system === "closed-book" ? [i % 2] : i < 6 ? [0, 0] : [0, 1];
      return predict(system, id, i % 2, readings, i < count ? i % 2 : 1 - (i % 2));
    }),
  );
  return { seed, task, predictions };
}
const FEW = { bootstrap: { numDraws: 100 } };
const TWO = [
  answers(11, { "closed-book": 5, "ft-rag": 6, jomed: 9 }),
  answers(12, { "closed-book": 4, "ft-rag": 8, jomed: 9 }),
];

test("values and paired differences over seeds, on all, consistent and inconsistent questions", () => {
  const rows = measureOverSeeds(TWO, FEW);
  const value = (system: string, more: object = {}) => findMeasurement(rows, { system, metric: "accuracy", ...more });
  expect(value("jomed")).toMatchObject({ value: (9 + 9) / 20, n: 20, seeds: 2 });
  const gain = value("jomed", { baseline: "ft-rag" });
  expect(gain.value).toBeCloseTo((9 - 6 + 9 - 8) / 20, 12);
  expect(gain.low).toBeLessThanOrEqual(gain.value);
  expect(value("jomed", { baseline: "ft-rag", subset: "inconsistent" })).toMatchObject({
    value: (3 - 0 + 3 - 2) / 8,
    n: 8,
    splitBy: "ft-rag",
  });
  expect(value("jomed", { baseline: "ft-rag", subset: "consistent" }).value).toBeCloseTo(0, 12);
  expect(findMeasurement(rows, { system: "ft-rag", metric: "inconsistency" }).value).toBeCloseTo(8 / 20, 12);
});

test("a metric that is no mean of questions is averaged over seeds", () => {
  const f1 = TWO.map(
    ({ task, predictions }) =>
      findMeasurement(measureEvaluation(task, predictions, FEW).rows, { system: "jomed", metric: "macroF1" }).value,
  );
  const rows = measureOverSeeds(TWO, FEW);
  expect(findMeasurement(rows, { system: "jomed", metric: "macroF1" }).value).toBeCloseTo((f1[0]! + f1[1]!) / 2, 12);
});

test("one seed gives what measureEvaluation gives", () => {
  const [{ task, predictions }] = [TWO[0]!];
  const alone = measureEvaluation(task, predictions, FEW);
  const rows = measureOverSeeds([TWO[0]!], FEW);
  for (const { system, metric, baseline, value, low, high } of [...alone.rows, ...alone.differences]) {
    const found = findMeasurement(rows, { system, metric, baseline });
    for (const [got, wanted] of [
      [found.value, value],
      [found.low, low],
      [found.high, high],
    ])
      expect(got).toBeCloseTo(wanted!, 12);
  }
});

test("rows of several seeds become their mean with a t-interval; one that a seed lacks is left out", () => {
  const [first, second] = TWO.map(({ task, predictions }) => measureEvaluation(task, predictions, FEW).differences);
  const rows = aggregateMeasurements([first!, second!.filter(({ system }) => system === "jomed")]);
  expect([...new Set(rows.map(({ system }) => system))]).toEqual(["jomed"]);
  const row = rows.find(({ metric }) => metric === "accuracy")!;
  expect(row).toMatchObject({ n: 20, seeds: 2, baseline: "ft-rag", pValue: null, gained: 4, lost: 0 });
  expect(row.value).toBeCloseTo((0.3 + 0.1) / 2, 12);
  expect(row.high - row.value).toBeCloseTo(12.7062 * 0.1, 4); // t of one degree, 0.2 / √2 / √2
  expect(aggregateMeasurements([first!])).toEqual(first);
  expect(() => aggregateMeasurements([])).toThrow(/at least one seed; got 0/);
});

test("refuses no seed, a seed twice, other tasks, and a seed that lacks a system", () => {
  expect(() => measureOverSeeds([])).toThrow(/at least one; got 0/);
  expect(() => measureOverSeeds([TWO[0]!, TWO[0]!])).toThrow(/once each; got 11, 11/);
  const other = { ...TWO[1]!, task: { ...TWO[1]!.task, name: "other" } };
  expect(() => measureOverSeeds([TWO[0]!, other])).toThrow(/of one task; got toy, other/);
  const fewer = answers(12, { "closed-book": 4, "ft-rag": 8 });
  expect(() => measureOverSeeds([TWO[0]!, fewer])).toThrow(/seed 12 has others than seed 11/);
});

test("differences of further pairs, where both have answered; none to itself, none twice", () => {
  const rows = measureOverSeeds(TWO, {
    ...FEW,
    pairs: [
      ["jomed", "closed-book"],
      ["jomed", "nobody"],
      ["jomed", "ft-rag"],
    ],
  });
  const differences = rows.filter(
    ({ baseline, metric, subset }) => baseline !== null && metric === "accuracy" && subset === "all",
  );
  expect(differences.map(({ system, baseline }) => `${system} - ${baseline}`)).toEqual([
    ...["closed-book - ft-rag", "jomed - ft-rag", "jomed - closed-book"],
  ]);
  expect(differences[2]).toMatchObject({
    value: expect.closeTo((9 - 5 + 9 - 4) / 20, 12),
    gained: 9,
    lost: 0,
    seeds: 2,
  });
  const other = measureOverSeeds(TWO, { ...FEW, baseline: "closed-book" });
  expect(findMeasurement(other, { system: "jomed", baseline: "closed-book", metric: "accuracy" }).value).toBeCloseTo(
    0.45,
    12,
  );
  expect(other.some(({ subset }) => subset !== "all")).toBe(false); // it reads once: nothing is inconsistent under it
});

test("inconsistency has a row for every system that reads several passages, and no difference", () => {
  const rows = measureOverSeeds(TWO, FEW).filter(({ metric }) => metric === "inconsistency");
  expect(rows.map(({ system, baseline, value, n }) => [system, baseline, value, n])).toEqual([
    ["ft-rag", null, 8 / 20, 20],
    ["jomed", null, 8 / 20, 20],
  ]);
});

test("a seed weighs as many questions as it has", () => {
  const short = answers(12, { "ft-rag": 2 });
  const kept = short.predictions.slice(0, 5);
  const rows = measureOverSeeds([answers(11, { "ft-rag": 9 }), { ...short, predictions: kept }], FEW);
  expect(findMeasurement(rows, { metric: "accuracy" })).toMatchObject({
    value: expect.closeTo(11 / 15, 12),
    n: 15,
    seeds: 2,
  });
});

test("rows of several seeds keep what they are of; counts only where every row has them", () => {
  const [row] = measureEvaluation(TWO[0]!.task, TWO[0]!.predictions, FEW).differences;
  const [one, other] = [
    { ...row!, value: 0.1, n: 3, gained: 5, lost: 1 },
    { ...row!, value: 0.3, n: 4, gained: 2, lost: 2 },
  ];
  expect(aggregateMeasurements([[one], [other]])).toEqual([
    {
      ...row,
      value: expect.closeTo(0.2, 12),
      low: expect.any(Number),
      high: expect.any(Number),
      pValue: null,
      n: 7,
      seeds: 2,
      gained: 7,
      lost: 3,
    },
  ]);
  const { gained: _g, lost: _l, ...plain } = one;
  expect(aggregateMeasurements([[plain], [plain]])[0]).not.toHaveProperty("gained");
  for (const column of ["system", "baseline", "subset", "splitBy", "metric"] as const)
    expect(aggregateMeasurements([[one], [{ ...other, [column]: "another" }]]), column).toEqual([]);
});
