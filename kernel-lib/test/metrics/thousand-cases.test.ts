import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { accuracy, exactMatch, macroF1, perLabelF1 } from "../../src/metrics/answers";
import { brierScore } from "../../src/metrics/calibration";
import { aggregateSeeds } from "../../src/metrics/seeds";

/** `present` is null where no label occurs at all: scikit-learn says NaN, macroF1 says 0. */
type F1Values = [absent0: number, absent1: number, present: number | null];
interface Cases {
  single: [count: number, truth: string, answers: string, accuracy: number, ...F1Values][];
  several: [count: number, truth: string, answers: string, exact: number, f1: number[], ...F1Values][];
  calibrated: [count: number, truth: string, thousandths: number[], brier: number][];
  seeds: [level: number, values: number[], mean: number, deviation: number, low: number, high: number][];
}

const cases: Cases = JSON.parse(readFileSync(join(__dirname, "../reference/metrics/cases.json"), "utf8"));
const TOLERANCE = 1e-9;
const gap = (found: number, wanted: number): number => Math.abs(found - wanted);
/** The case of the largest difference, so that a failure names it. */
function worst<T>(rows: readonly T[], difference: (row: T) => number): { gap: number; case: number } {
  const gaps = rows.map(difference);
  const largest = gaps.reduce((most, value, i) => (value <= gaps[most]! ? most : i), 0);
  return { gap: gaps[largest]!, case: largest };
}

const ZERO_DIVISIONS = [0, 1, "leaveOut"] as const;
const digit = (text: string) => (text === "-" ? null : Number.parseInt(text, 36));
const labelSet = (text: string) => {
  const mask = digit(text);
  return mask === null ? null : Array.from({ length: 8 }, (_, bit) => bit).filter((bit) => (mask >> bit) & 1);
};

describe("equal to scikit-learn and scipy within 1e-9", () => {
  it("is asked about 1,000 cases", () => {
    const { single, several, calibrated, seeds } = cases;
    expect(single.length + several.length + calibrated.length + seeds.length).toBe(1000);
  });

  it("accuracy and macro-F1 of one label, absent labels counted three ways", () => {
    const largest = worst(cases.single, ([count, truth, answers, wanted, ...f1]) => {
      const [right, said] = [[...truth].map((t) => digit(t)!), [...answers].map(digit)];
      const gaps = ZERO_DIVISIONS.map((zeroDivision, i) =>
        gap(macroF1(said, right, count, { zeroDivision }), f1[i] ?? 0),
      );
      return Math.max(gap(accuracy(said, right), wanted), ...gaps);
    });
    expect(largest.gap, `case ${largest.case}`).toBeLessThan(TOLERANCE);
  });

  it("exact match, per-label F1 and macro-F1 of label sets", () => {
    const largest = worst(cases.several, ([count, truth, answers, exact, each, ...f1]) => {
      const right = truth.split(" ").map((text) => labelSet(text)!);
      const said = answers.split(" ").map(labelSet);
      const perLabel = perLabelF1(said, right, count).map((value, label) => gap(value!, each[label]!));
      const macro = ZERO_DIVISIONS.map((zeroDivision, i) =>
        gap(macroF1(said, right, count, { zeroDivision }), f1[i] ?? 0),
      );
      return Math.max(gap(exactMatch(said, right), exact), ...perLabel, ...macro);
    });
    expect(largest.gap, `case ${largest.case}`).toBeLessThan(TOLERANCE);
  });

  it("Brier score", () => {
    const largest = worst(cases.calibrated, ([count, truth, thousandths, wanted]) => {
      const labels = [...truth].map(Number);
      const rows = labels.map((_, i) => thousandths.slice(i * count, (i + 1) * count).map((part) => part / 1000));
      return gap(brierScore(rows, labels), wanted);
    });
    expect(largest.gap, `case ${largest.case}`).toBeLessThan(TOLERANCE);
  });

  it("mean, deviation and t-interval over seeds", () => {
    const largest = worst(cases.seeds, ([level, values, ...wanted]) => {
      const { value, deviation, low, high } = aggregateSeeds(values, { level });
      return Math.max(...[value, deviation, low, high].map((found, i) => gap(found, wanted[i]!)));
    });
    expect(largest.gap, `case ${largest.case}`).toBeLessThan(TOLERANCE);
  });
});
