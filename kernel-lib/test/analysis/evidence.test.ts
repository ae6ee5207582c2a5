import { expect, test } from "vitest";
import { measureEvidence } from "../../src/analysis/evidence";
import { findMeasurement, type Measurement } from "../../src/analysis/measurement";
import type { Prediction } from "../../src/base/types";
import { predict, toyExample, toyTask } from "./helpers";

const FAST = { bootstrap: { numDraws: 50 } };
const NUM = 25;
const IDS = Array.from({ length: NUM }, (_, i) => `q${i}`);
const task = toyTask(
  ["accuracy"],
  IDS.map((id) => toyExample(id, { labels: [0] })),
);

/**
 * 25 questions of answer 0; the readings of FT RAG differ on the first ten. FT RAG is right on 2 of those and 12 of the others, JOMED on 7
 * and 12, and one of its two readings is right on one question more.
 */
function answers(system: string, rightOf: readonly [hard: number, easy: number]): Prediction<"label">[] {
  return IDS.map((id, i) => {
    const isRight = i < 10 ? i < rightOf[0] : i - 10 < rightOf[1];
    const first = isRight ? 0 : 1;
    const differs = i < 10 || (system === "jomed" && i === NUM - 1);
    return predict(system, id, 0, [first, differs ? 1 - first : first], first);
  });
}
const [RAG, FULL] = [answers("ft-rag", [2, 12]), answers("jomed", [7, 12])];
const seedsOf = (...predictions: (readonly Prediction[])[]) =>
  predictions.map((own, seed) => ({ seed, task, predictions: own }));
const valueIn = (rows: readonly Measurement[], wanted: Partial<Measurement>) => findMeasurement(rows, wanted).value;

test("how much harder inconsistent questions are, and where the gain lies, by hand", () => {
  const rows = measureEvidence(seedsOf([...RAG, ...FULL]), FAST);
  const hard = { subset: "inconsistent minus consistent", metric: "accuracy" };
  expect(valueIn(rows, { ...hard, system: "ft-rag" })).toBeCloseTo(2 / 10 - 12 / 15, 12);
  expect(valueIn(rows, { ...hard, system: "jomed" })).toBeCloseTo(7 / 10 - 12 / 15, 12);
  expect(findMeasurement(rows, { ...hard, system: "jomed" })).toMatchObject({ splitBy: "ft-rag", n: NUM, seeds: 1 });
  const gain = findMeasurement(rows, { system: "jomed", baseline: "ft-rag", subset: "inconsistent minus all" });
  expect(gain.value).toBeCloseTo((7 - 2) / 10 - (19 - 14) / 25, 12);
  expect(gain).toMatchObject({ metric: "accuracy", splitBy: "ft-rag", pValue: expect.any(Number), n: NUM });
});

test("what lies between JOMED and its oracle, by hand", () => {
  const rows = measureEvidence(seedsOf([...RAG, ...FULL]), FAST);
  const value = (metric: string, subset = "all") => valueIn(rows, { system: "jomed", metric, subset });
  const oracle = (10 + 12 + 1) / 25; // every question with two answers, and those that both readings get right
  expect(value("oracle")).toBeCloseTo(oracle, 12);
  expect(value("oracleGap")).toBeCloseTo(oracle - 19 / 25, 12);
  const guess = (10 + 24 + 1) / 50; // readings that are right
  expect(value("chanceOracle")).toBeCloseTo(1 - (1 - guess) ** 2, 12);
  for (const pick of ["score", "confidence", "vote"]) {
    expect(value("picked", pick), pick).toBeCloseTo(19 / 25, 12); // of equals the first, which it answered with
    expect(value("gapLeft", pick), pick).toBeCloseTo((oracle - 19 / 25) / 2, 12);
  }
});

test("kinds of fewer than ten questions are not compared", () => {
  const few = (hard: number) => [
    ...RAG.map((one, i) => (i < hard ? one : { ...one, readings: one.readings.slice(0, 1) })),
    ...FULL,
  ];
  const isCompared = (rows: readonly Measurement[]) => rows.some(({ subset }) => subset.includes("minus"));
  expect(isCompared(measureEvidence(seedsOf(few(10)), FAST))).toBe(true);
  expect(isCompared(measureEvidence(seedsOf(few(9)), FAST))).toBe(false);
  const all = RAG.map((one, i) => predict("ft-rag", `q${i}`, 0, i < 16 ? [0, 1] : [0, 0], one.answer));
  expect(isCompared(measureEvidence(seedsOf([...all, ...FULL]), FAST))).toBe(false); // nine are consistent
  expect(isCompared(measureEvidence(seedsOf(FULL), FAST))).toBe(false); // nobody to split by
});

test("without JOMED there is no gain and no oracle; nor where one seed lacks it, or it reads once", () => {
  const hard = (rows: readonly Measurement[]) => rows.map(({ system, metric }) => `${system} ${metric}`);
  expect(hard(measureEvidence(seedsOf(RAG), FAST))).toEqual(["ft-rag accuracy"]);
  const lacking = hard(measureEvidence(seedsOf([...RAG, ...FULL], RAG), FAST));
  expect(lacking.some((name) => /racle|picked|gapLeft/.test(name))).toBe(false);
  expect(lacking).toEqual(["ft-rag accuracy"]);
  expect(measureEvidence(seedsOf([...RAG, ...FULL], FULL), FAST).some(({ splitBy }) => splitBy !== null)).toBe(false);
  expect(hard(measureEvidence(seedsOf([...RAG, ...FULL], FULL), FAST))).toContain("jomed oracle");
  const once = FULL.map((one) => ({ ...one, readings: one.readings.slice(0, 1) }));
  expect(hard(measureEvidence(seedsOf([...RAG, ...once]), FAST)).some((name) => /racle/.test(name))).toBe(false);
});

test("questions without a reading pick nothing, and hide no rule; words have no confidence", () => {
  const silent = FULL.map((one, i) => (i === 0 ? { ...one, readings: [], weights: [], answer: 1 } : one));
  const rows = measureEvidence(seedsOf([...RAG, ...silent]), FAST);
  expect(valueIn(rows, { system: "jomed", metric: "picked", subset: "vote" })).toBeCloseTo(18 / 25, 12);
  const words = FULL.map(({ exampleId, group, weights, readings }): Prediction => {
    const own = readings.map(({ answer }) => ({
      ...({ form: "words", exampleId, retrieved: null, text: "" } as const),
      answer: answer === 0 ? "yes" : "no",
    }));
    return { form: "words", system: "jomed", exampleId, group, truth: "yes", answer: "yes", weights, readings: own };
  });
  const found = measureEvidence(seedsOf([...RAG, ...words]), FAST).filter(({ metric }) => metric === "picked");
  expect(found.map(({ subset }) => subset)).toEqual(["score", "vote"]);
});

test("over seeds: each weighs as its questions, patients are drawn whole", () => {
  const rows = measureEvidence(seedsOf([...RAG, ...FULL], [...RAG, ...answers("jomed", [9, 15])]), FAST);
  const gain = findMeasurement(rows, { system: "jomed", baseline: "ft-rag", subset: "inconsistent minus all" });
  expect(gain).toMatchObject({ n: 2 * NUM, seeds: 2 });
  expect(gain.value).toBeCloseTo((5 + 7) / 20 - (5 + 10) / 50, 12);
  const oneGroup = [...RAG, ...FULL].map((one) => ({ ...one, group: "patient" }));
  for (const { low, high } of measureEvidence(seedsOf(oneGroup), FAST)) expect(high).toBeCloseTo(low, 12);
  const own = measureEvidence(seedsOf([...RAG, ...FULL]), FAST).find(({ metric }) => metric === "oracle")!;
  expect(own.high).toBeGreaterThan(own.low);
});
