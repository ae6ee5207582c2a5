import { describe, expect, it } from "vitest";
import { answerWords } from "../../src/answers/wording";
import { closedAccuracy, exactMatch, macroF1, perLabelF1, tokenRecall } from "../../src/metrics/answers";
import { brierScore } from "../../src/metrics/calibration";
import { listOverlap } from "../../src/metrics/lists";
import { aggregateSeeds, studentQuantile } from "../../src/metrics/seeds";

describe("label sets", () => {
  it("match whole, in any order; unparsed is wrong even where nothing is true", () => {
    expect(exactMatch([[0, 2], [1], null, []], [[2, 0], [1, 3], [], []])).toBe(2 / 4);
  });

  it("F1 of each label by hand", () => {
    // label 0: one hit, one false alarm; label 1: one hit; label 2: nowhere
    expect(perLabelF1([[0], [0, 1]], [[0], [1]], 3)).toEqual([(2 * 1) / (2 * 1 + 1), 1, 0]);
    expect(perLabelF1([[0], [0, 1]], [[0], [1]], 3, { zeroDivision: "leaveOut" })).toEqual([2 / 3, 1, null]);
    expect(perLabelF1([null], [[1]], 2, { zeroDivision: 1 })).toEqual([1, 0]);
  });

  it("are what single labels are when each holds one", () => {
    const [answers, truth] = [
      [1, null, 0, 2],
      [1, 1, 2, 2],
    ];
    const sets = (rows: readonly (number | null)[]) => rows.map((row) => (row === null ? null : [row]));
    expect(
      macroF1(
        sets(answers),
        truth.map((label) => [label]),
        3,
      ),
    ).toBe(macroF1(answers, truth, 3));
  });

  it("give the mean of the per-label F1, and 0 when no label occurs", () => {
    expect(macroF1([[]], [[]], 3, { zeroDivision: "leaveOut" })).toBe(0);
    expect(macroF1([[0]], [[0]], 3)).toBe(1 / 3);
  });

  it("refuse a label out of range and an unknown option", () => {
    expect(() => perLabelF1([[3]], [[0]], 3)).toThrow("perLabelF1: labels must be whole numbers in [0, 2]; got 3.");
    expect(() => macroF1([0], [0.5], 2)).toThrow("got 0.5");
    expect(() => macroF1([0], [0], 2, { zeroDivision: 2 as never })).toThrow(/zeroDivision must be 0, 1 or "leaveOut"/);
    expect(() => macroF1([0], [0], 2, { zero: 1 } as never)).toThrow(/no option "zero"/);
    expect(() => exactMatch([], [])).toThrow(/at least one/);
  });
});

describe("written answers", () => {
  it.each([
    ["The left lung, two nodules (1.5 cm).", ["left", "lung", "2", "nodules", "1.5", "cm"]],
    ["YES!", ["yes"]],
    ["X-ray", ["x", "ray"]],
    ["the patient's liver", ["patient", "liver"]],
    ["ﬁbrosis", ["fibrosis"]],
    ["a", ["a"]],
    ["1,000 µm", ["1,000", "μm"]],
    ["…", []],
  ])("%s", (text, words) => {
    expect(answerWords(text)).toEqual(words);
  });

  it("closed: the same words, or wrong", () => {
    expect(closedAccuracy(["Yes.", "no", null, "yes, it is", ""], ["yes", "yes", "no", "yes", "…"])).toBe(1 / 5);
  });

  it("open: the share of the true words that are said", () => {
    expect(tokenRecall(["in the left lung"], ["left upper lung"])).toBe(2 / 3);
    expect(tokenRecall(["lung lung"], ["lung"])).toBe(1);
    expect(tokenRecall([null, "Liver"], ["liver", "the liver"])).toBe(1 / 2);
  });

  it("open: more words never lower it, and order does not matter", () => {
    const truth = ["right lower lobe"];
    const recalls = ["right", "lobe right", "lobe, lower right", "lobe lower right of the lung"];
    expect(recalls.map((answer) => tokenRecall([answer], truth))).toEqual([1 / 3, 2 / 3, 1, 1]);
  });

  it("open: a true answer without a word is refused", () => {
    expect(() => tokenRecall(["x"], ["?"])).toThrow(/truth must hold a word in each row; row 0 is "\?"/);
  });
});

describe("brierScore", () => {
  it("by hand, and between 0 and 2", () => {
    expect(brierScore([[0.8, 0.2]], [0])).toBeCloseTo(0.2 ** 2 + 0.2 ** 2, 12);
    expect(brierScore([[1, 0]], [0])).toBe(0);
    expect(brierScore([[1, 0]], [1])).toBe(2);
    expect(() => brierScore([[1, 0]], [2])).toThrow(/truth of row 0 must be a whole number in \[0, 1\]; got 2/);
  });

  it("is proper: nobody gains by saying another probability than the true one", () => {
    const expected = (said: number) =>
      0.7 * brierScore([[said, 1 - said]], [0]) + 0.3 * brierScore([[said, 1 - said]], [1]);
    for (const said of [0, 0.3, 0.6, 0.69, 0.71, 0.9, 1]) expect(expected(said)).toBeGreaterThan(expected(0.7));
  });
});

describe("listOverlap", () => {
  it("by hand, in any order, symmetric", () => {
    const [first, second] = [
      [["a", "b", "c"], ["x"]],
      [
        ["b", "d", "a"],
        ["x", "y"],
      ],
    ];
    expect(listOverlap(first, second, 2)).toBe((1 / 2 + 1) / 2);
    expect(listOverlap(second, first, 3)).toBe((2 / 3 + 1) / 2);
    expect(listOverlap(first, first, 3)).toBe(1);
    expect(listOverlap([[]], [["a"]], 3)).toBe(0);
  });
});

describe("aggregateSeeds", () => {
  it("by hand: t of one degree of freedom is 12.706", () => {
    const { value, deviation, low, high, numSeeds } = aggregateSeeds([0.8, 0.84]);
    expect([value, numSeeds]).toEqual([(0.8 + 0.84) / 2, 2]);
    expect(deviation).toBeCloseTo(0.04 / Math.SQRT2, 12);
    expect(high - value).toBeCloseTo((12.7062047361747 * 0.04) / Math.SQRT2 / Math.SQRT2, 9);
    expect(low).toBeCloseTo(2 * value - high, 12);
  });

  it("one seed has no width and says so", () => {
    expect(aggregateSeeds([0.7])).toEqual({ value: 0.7, low: 0.7, high: 0.7, deviation: 0, numSeeds: 1 });
  });

  it("refuses NaN, nothing, an odd level", () => {
    expect(() => aggregateSeeds([1, Number.NaN])).toThrow(/values must be finite/);
    expect(() => aggregateSeeds([])).toThrow(/at least one/);
    expect(() => aggregateSeeds([1, 2], { level: 0.2 })).toThrow(/level must be a number/);
  });

  it("t nears the normal quantile, and turns around at 1/2", () => {
    expect(studentQuantile(0.975, 1e6)).toBeCloseTo(1.959964, 4);
    expect(studentQuantile(0.1, 3)).toBe(-studentQuantile(0.9, 3));
    expect(studentQuantile(0.5, 3)).toBe(0);
  });
});
