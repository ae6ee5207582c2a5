import { expect, test } from "vitest";
import type { Measurement } from "../../src/analysis/measurement";
import { measureSweep, type SweepCell, type SweepRow, sweepCorrelation } from "../../src/analysis/sweep";
import { type MeasuredTold, predictAccuracy } from "../../src/analysis/theory";
import { predict } from "./helpers";

const told = (same: readonly number[]): MeasuredTold => ({
  ...{ same, sameShare: same.reduce((sum, count) => sum + count, 0) / (4 * same.length) },
  ...{ otherAgreement: 0.3, sameAgreement: 1, numReadings: 4, numClasses: 2 },
});

const probe = (system: string, subset: string, value: number): Measurement => ({
  ...{
    task: "casebook",
    system,
    baseline: null,
    subset,
    splitBy: null,
    metric: "accuracy",
    value,
    low: value,
    high: value,
  },
  ...{ pValue: null, n: 300, seeds: 1, scale: "replica", data: "phantom" },
});
const EXPECTATIONS = [
  ...[probe("linear probe", "label", 0.6), probe("chance", "label", 0.5)],
  ...[
    probe("linear probe", "sign grain", 0.9),
    probe("linear probe", "sign ground", 0.8),
    probe("linear probe", "sign mark", 0.1),
  ],
  probe("linear probe", "nuisance side", 0.2),
];

/** A cell of `n` questions of which the systems get so many right, from the first on; the readings of the last two disagree under FT RAG. */
function cell(
  task: string,
  seed: number,
  [closedBook, ftRag, jomed]: readonly [number, number, number],
  n = 10,
): SweepCell {
  const of = (system: string, right: number) =>
    Array.from({ length: n }, (_, i) => predict(system, `q${i}`, 0, i < n - 2 ? [0, 0] : [0, 1], i < right ? 0 : 1));
  return {
    ...{ task, seed, expectations: EXPECTATIONS, believed: seed === 11 ? 0.9 : null },
    predictions: [...of("closed-book", closedBook), ...of("ft-rag", ftRag), ...of("jomed", jomed)],
    told: { before: told([2, 2, 4, 0]), after: told([3, 3, 4, 1]) },
  };
}

const find = (rows: readonly SweepRow[], task: string, measure: SweepRow["measure"]): SweepRow =>
  rows.find((row) => row.task === task && row.measure === measure)!;

test("accuracies, gains and inconsistent questions over seeds, by hand", () => {
  const rows = measureSweep([cell("casebook", 11, [5, 7, 9]), cell("casebook", 12, [6, 8, 9])]);
  const value = (measure: SweepRow["measure"]) => find(rows, "casebook", measure).value;
  expect(value("closedBook")).toBeCloseTo((5 + 6) / 20, 12);
  expect(value("ragGain")).toBeCloseTo((7 - 5 + 8 - 6) / 20, 12);
  expect(value("gain")).toBeCloseTo((9 - 7 + 9 - 8) / 20, 12);
  expect(value("inconsistent")).toBeCloseTo(4 / 20, 12);
  expect(find(rows, "casebook", "believed")).toBeUndefined(); // of one seed only
  expect(value("gainOnConsistent")).toBeCloseTo((8 - 7 + 8 - 8) / 16, 12);
  expect(value("gainOnInconsistent")).toBeCloseTo((1 + 1) / 4, 12);
  expect(find(rows, "casebook", "gainOnInconsistent")).toMatchObject({ n: 4, seeds: 2, knowledge: 0.7, pull: 1 });
  const { low, high } = find(rows, "casebook", "gain");
  expect(low).toBeLessThan(0.15);
  expect(high).toBeGreaterThan(0.15);
});

test("what the theory says comes from lists and probes alone", () => {
  const rows = measureSweep([cell("casebook:knowledge=0.3", 11, [5, 7, 9])]);
  const value = (measure: SweepRow["measure"]) => find(rows, "casebook:knowledge=0.3", measure).value;
  expect(value("known")).toBeCloseTo((0.6 - 0.5) / 0.5, 12);
  expect(value("reachable")).toBeCloseTo(0.9 * 0.8, 12);
  expect([value("sameBefore"), value("sameAfter")]).toEqual([8 / 16, 11 / 16]);
  const shared = { otherAgreement: 0.3, known: 0.2 };
  const [before, after] = [
    predictAccuracy({ ...shared, same: [2, 2, 4, 0] }),
    predictAccuracy({ ...shared, same: [3, 3, 4, 1] }),
  ];
  expect(value("predictedGain")).toBeCloseTo(after - before, 12);
  expect(value("predictedRagGain")).toBeCloseTo(before - (0.2 + 0.8 / 2), 12);
  expect(value("predictedMost")).toBeCloseTo(predictAccuracy({ ...shared, same: 0.72 }) - before, 12);
  expect(value("believed")).toBe(0.9);
  expect(find(rows, "casebook:knowledge=0.3", "predictedGain")).toMatchObject({
    low: null,
    high: null,
    knowledge: 0.3,
  });
});

test("a kind of question that does not occur has no row", () => {
  const one = cell("casebook", 11, [5, 7, 9]);
  const agreed = one.predictions.map((prediction) => ({ ...prediction, readings: prediction.readings.slice(0, 1) }));
  const rows = measureSweep([{ ...one, predictions: agreed as SweepCell["predictions"] }]);
  expect(find(rows, "casebook", "inconsistent").value).toBe(0);
  expect(find(rows, "casebook", "gainOnInconsistent")).toBeUndefined();
});

test("the correlation of predicted and measured gains is over settings", () => {
  const rows = [0.1, 0.3, 0.5, 0.9].flatMap((knowledge, i) =>
    (["gain", "predictedGain"] as const).map((measure) => ({
      ...{ task: `casebook:knowledge=${knowledge}`, knowledge, visibility: 1, pull: 1, alike: 1 / 3 },
      ...{ measure, value: measure === "gain" ? 0.1 * i : 0.05 * i + 0.01, low: null, high: null, n: 10, seeds: 1 },
    })),
  );
  expect(sweepCorrelation(rows).value).toBeCloseTo(1, 9);
  expect(() => sweepCorrelation(rows.slice(0, 6))).toThrow(/at least four settings; got 3/);
});

test("refuses no cell, a cell twice, other worlds, and a missing system", () => {
  const one = cell("casebook", 11, [5, 7, 9]);
  expect(() => measureSweep([])).toThrow(/at least one; got 0/);
  expect(() => measureSweep([one, one])).toThrow(/casebook, seed 11 twice/);
  expect(() => measureSweep([{ ...one, task: "breast-mnist" }])).toThrow(
    /a setting of the casebook; got "breast-mnist"/,
  );
  const two = one.predictions.filter(({ system }) => system !== "jomed");
  expect(() => measureSweep([{ ...one, predictions: two }])).toThrow(/must hold jomed; got closed-book, ft-rag/);
});

test("the table's rows, in order; every one says its setting and how many questions and seeds are behind it", () => {
  const rows = measureSweep([cell("casebook:visibility=0.4", 11, [5, 7, 9])], { bootstrap: { numDraws: 20 } });
  expect(rows.map(({ measure }) => measure)).toEqual([
    ...["closedBook", "ftRag", "jomed", "ragGain", "gain", "gainOnConsistent", "gainOnInconsistent", "inconsistent"],
    ...["sameBefore", "sameAfter", "otherAgreement", "known", "reachable", "predictedRagGain", "predictedGain"],
    ...["predictedMost", "believed"],
  ]);
  for (const row of rows)
    expect(row).toMatchObject({
      task: "casebook:visibility=0.4",
      visibility: 0.4,
      alike: expect.any(Number),
      seeds: 1,
    });
  expect(rows.map(({ n }) => n)).toEqual([10, 10, 10, 10, 10, 8, 2, ...Array(10).fill(10)]);
  expect(find(rows, "casebook:visibility=0.4", "ftRag").value).toBeCloseTo(0.7, 12);
  expect(find(rows, "casebook:visibility=0.4", "jomed").value).toBeCloseTo(0.9, 12);
  expect(find(rows, "casebook:visibility=0.4", "otherAgreement").value).toBe(0.3);
  expect(() => measureSweep([cell("casebook", 11, [5, 7, 9])], { bootstrap: { numDraws: 0 } })).toThrow(/numDraws/);
});

test("believed is the mean of the seeds where every one measured it; what is worked out is a mean too", () => {
  const [one, other] = [11, 12].map((seed) => ({
    ...cell("casebook", seed, [5, 7, 9]),
    believed: seed === 11 ? 0.9 : 0.5,
  }));
  const further = { ...other!, told: { before: told([4, 4, 4, 4]), after: told([4, 4, 4, 4]) } };
  const rows = measureSweep([one!, further], { bootstrap: { numDraws: 20 } });
  expect(find(rows, "casebook", "believed")).toMatchObject({ value: expect.closeTo(0.7, 12), low: null, high: null });
  expect(find(rows, "casebook", "sameBefore").value).toBeCloseTo((8 / 16 + 1) / 2, 12);
});

test("training reaches no less than the lists already hold", () => {
  const dim = EXPECTATIONS.map((row) => (row.subset === "sign grain" ? { ...row, value: 0.1 } : row));
  const rows = measureSweep([{ ...cell("casebook", 11, [5, 7, 9]), expectations: dim }], {
    bootstrap: { numDraws: 20 },
  });
  expect(find(rows, "casebook", "reachable").value).toBeCloseTo(0.08, 12);
  const most = predictAccuracy({ otherAgreement: 0.3, known: 0.2, same: 0.5 });
  const before = predictAccuracy({ otherAgreement: 0.3, known: 0.2, same: [2, 2, 4, 0] });
  expect(find(rows, "casebook", "predictedMost").value).toBeCloseTo(most - before, 12);
});

test("seeds are drawn: where one gains and the other loses, the interval holds both", () => {
  const rows = measureSweep([cell("casebook", 11, [5, 0, 10]), cell("casebook", 12, [5, 10, 0])], {
    bootstrap: { numDraws: 200 },
  });
  expect(find(rows, "casebook", "gain")).toMatchObject({ value: expect.closeTo(0, 12), low: -1, high: 1 });
  expect(find(rows, "casebook", "jomed")).toMatchObject({ value: 0.5, low: 0, high: 1 });
});

test("the correlation is of FT RAG's gains too, where they are asked for", () => {
  const rows = [0.1, 0.3, 0.5, 0.9].flatMap((knowledge, i) =>
    (["gain", "predictedGain", "ragGain", "predictedRagGain"] as const).map((measure) => ({
      ...{ task: `casebook:knowledge=${knowledge}`, knowledge, visibility: 1, pull: 1, alike: 1 / 3, measure },
      ...{ value: { gain: i, predictedGain: i, ragGain: -i, predictedRagGain: i }[measure] + 0.01 * i * i },
      ...{ low: null, high: null, n: 10, seeds: 1 },
    })),
  );
  expect(sweepCorrelation(rows).value).toBeCloseTo(1, 9);
  expect(sweepCorrelation(rows, "ragGain").value).toBeLessThan(-0.99);
  expect(() => sweepCorrelation([])).toThrow(
    "sweepCorrelation: rows must hold at least four settings; got 0. Sweep more.",
  );
});

test("refusals name the sweep, the cell and what is there", () => {
  const one = cell("casebook", 11, [5, 7, 9]);
  expect(() => measureSweep([])).toThrow("measureSweep: cells must hold at least one; got 0. Run the grid first.");
  expect(() => measureSweep([one, one])).toThrow(
    "measureSweep: cells must be one a setting and seed; got casebook, seed 11 twice.",
  );
  try {
    measureSweep([{ ...one, task: "chest" }]);
    expect.unreachable();
  } catch (error) {
    expect((error as { details: unknown }).details).toEqual({ task: "chest" });
  }
  for (const [name, there] of [
    ["closed-book", "ft-rag, jomed"],
    ["ft-rag", "closed-book, jomed"],
  ] as const) {
    const two = one.predictions.filter(({ system }) => system !== name);
    expect(() => measureSweep([{ ...one, predictions: two }])).toThrow(
      `measureSweep: predictions of casebook, seed 11 must hold ${name}; got ${there}.`,
    );
  }
  expect(() => measureSweep([{ ...one, predictions: [] }])).toThrow(
    /^measureSweep: predictions must hold at least one/,
  );
});
