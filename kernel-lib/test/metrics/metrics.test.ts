import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { accuracy, macroF1 } from "../../src/metrics/answers";
import { quantile } from "../../src/metrics/bootstrap";
import { expectedCalibrationError } from "../../src/metrics/calibration";
import { recallAtK } from "../../src/metrics/lists";

interface Reference {
  answers: { numLabels: number; truth: number[]; answers: (number | null)[]; accuracy: number; macroF1: number }[];
  calibration: { numBins: number; probabilities: number[][]; truth: number[]; error: number }[];
  quantiles: { sorted: number[]; shares: number[]; values: number[] };
}

const reference: Reference = JSON.parse(readFileSync(join(__dirname, "../reference/metrics/reference.json"), "utf8"));

describe("accuracy and macroF1", () => {
  it.each(reference.answers.map((set, i) => [i, set] as const))("equal scikit-learn on set %i", (_i, set) => {
    expect(accuracy(set.answers, set.truth)).toBeCloseTo(set.accuracy, 12);
    expect(macroF1(set.answers, set.truth, set.numLabels)).toBeCloseTo(set.macroF1, 12);
  });

  it("count an unparsed answer as wrong, not as class 0", () => {
    expect(accuracy([null, null], [0, 0])).toBe(0);
    expect(macroF1([null, 1], [0, 1], 2)).toBe((0 + 1) / 2);
  });

  it("count an absent label as F1 0", () => {
    expect(macroF1([0, 0], [0, 0], 4)).toBe(1 / 4);
  });

  it("do not depend on the order of the rows", () => {
    const { answers, truth, numLabels } = reference.answers[1]!;
    expect(macroF1([...answers].reverse(), [...truth].reverse(), numLabels)).toBe(macroF1(answers, truth, numLabels));
  });

  it("refuse other lengths, no rows and labels out of range", () => {
    expect(() => accuracy([1], [1, 0])).toThrow("accuracy: answers must have 2 entries; got 1.");
    expect(() => macroF1([], [], 2)).toThrow("macroF1: answers must hold at least one; got 0.");
    expect(() => macroF1([2], [0], 2)).toThrow("macroF1: labels must be whole numbers in [0, 1]; got 2.");
    expect(() => macroF1([0], [-1], 2)).toThrow("got -1");
  });
});

describe("expectedCalibrationError", () => {
  it.each(reference.calibration.map((set, i) => [i, set] as const))("equals NumPy's on set %i", (_i, set) => {
    const { probabilities, truth, numBins, error } = set;
    expect(expectedCalibrationError(probabilities, truth, { numBins })).toBeCloseTo(error, 12);
  });

  it("is |0.8 - 0.5| when 0.8 is right half of the time, and 0 when certain and right", () => {
    const rows = [
      [0.8, 0.2],
      [0.8, 0.2],
    ];
    expect(expectedCalibrationError(rows, [0, 1])).toBeCloseTo(0.3, 12);
    expect(expectedCalibrationError([[1, 0]], [0])).toBe(0);
  });

  it("puts a confidence on an edge into the lower bin", () => {
    const rows = [
      [0.5, 0.5],
      [0.6, 0.4],
    ];
    expect(expectedCalibrationError(rows, [0, 1], { numBins: 2 })).toBeCloseTo(
      (Math.abs(1 - 0.5) + Math.abs(0 - 0.6)) / 2,
      12,
    );
  });

  it("puts every edge k / n into the lower bin, and the next number into the upper one", () => {
    const next = (value: number): number => value + Number.EPSILON * value; // at least one step up
    for (let numBins = 2; numBins <= 60; numBins++) {
      for (let k = Math.ceil(numBins / 2); k < numBins; k++) {
        const edge = k / numBins;
        // the middle of the bin below, wrong; on the edge, right: gaps of opposite signs, which only one bin sets off
        const below = (k - 0.5) / numBins;
        const error = (confidence: number): number =>
          expectedCalibrationError(
            [
              [below, 0],
              [confidence, 0],
            ],
            [1, 0],
            { numBins },
          );
        expect(error(edge)).toBeCloseTo(Math.abs(-below + (1 - edge)) / 2, 12);
        expect(error(next(edge))).toBeCloseTo((below + (1 - edge)) / 2, 12);
      }
    }
  });

  it("refuses NaN", () => {
    expect(() => expectedCalibrationError([[Number.NaN, 1]], [0])).toThrow(/row 0 must be finite/);
  });
});

describe("quantile", () => {
  it("equals NumPy's", () => {
    const { sorted, shares, values } = reference.quantiles;
    shares.forEach((share, i) => {
      expect(quantile(sorted, share)).toBeCloseTo(values[i]!, 12);
    });
  });
});

describe("recallAtK", () => {
  it("averages each query's share of relevant passages found", () => {
    const found = [
      ["a", "b", "c"],
      ["d", "e", "f"],
    ];
    expect(recallAtK(found, [["b", "x"], ["d"]], 2)).toBe((1 / 2 + 1) / 2);
  });

  it("never falls when k grows", () => {
    const found = [["a", "b", "c", "d"]];
    const recalls = [1, 2, 3, 4, 9].map((k) => recallAtK(found, [["b", "d", "x"]], k));
    expect(recalls).toEqual([0, 1 / 3, 1 / 3, 2 / 3, 2 / 3]);
  });

  it("refuses a query without relevant passages", () => {
    expect(() => recallAtK([["a"]], [[]], 1)).toThrow(/query 0 has none/);
  });
});
