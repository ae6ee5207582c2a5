import { describe, expect, it } from "vitest";
import { ANSWER_METRICS, closedAccuracy, exactMatch, macroF1, tokenRecall } from "../../src/metrics/answers";
import { bootstrap, pairedBootstrap } from "../../src/metrics/bootstrap";
import { brierScore, expectedCalibrationError } from "../../src/metrics/calibration";
import { aboutMetric } from "../../src/metrics/known-metrics";
import { listOverlap, recallAtK } from "../../src/metrics/lists";
import { aggregateSeeds, studentQuantile } from "../../src/metrics/seeds";
import { refusal } from "../helpers/refusal";

/** What tables and figures say of each metric: name, label, unit, which way is better, the paper's name. */
const KNOWN = `
accuracy            | accuracy                    | share | higher  | -
macroF1             | macro-F1                    | share | higher  | -
exactMatch          | exact match                 | share | higher  | accuracy
closedAccuracy      | closed accuracy             | share | higher  | -
tokenRecall         | token recall                | share | higher  | openRecall
unparsed            | unreadable answers          | share | lower   | -
inconsistency       | inconsistent queries        | share | neither | -
oracle              | oracle                      | share | higher  | -
oracleGap           | oracle minus accuracy       | share | neither | -
chanceOracle        | oracle of as many guesses   | share | neither | -
picked              | accuracy of the picked reading | share | higher | -
gapLeft             | oracle minus picked, minus half of the gap | share | neither | -
trainedShare        | trained share of the weights | share | lower  | -
trainedWeights      | trained weights             | count | lower   | -
trainingPasses      | prompts read to train       | count | lower   | -
answeringPasses     | prompts read to answer      | count | lower   | -
trainingSeconds     | seconds of training         | seconds | lower | -
trust               | probability of what the caption says | share | neither | -
trustGap            | more trust in the same pattern | share | neither | -
followsCaption      | readings that follow the caption | share | neither | -
captionSwap         | readings that follow a swapped caption | share | neither | -
outcome             | questions of this outcome   | share | neither | -
flow                | questions that go this way  | share | neither | -
kept                | passages that stayed        | share | neither | -
largestWeight       | largest fusion weight       | share | neither | -
equalWeight         | equal fusion weight         | share | neither | -
sameAsEqual         | answers as with equal weights | share | neither | -
agreement           | agreement                   | share | higher  | -
knownTruth          | passages of known truth     | share | neither | -
smallestEffect      | smallest effect that shows  | share | lower   | -
loss                | loss                        | nats  | lower   | -
likelihood          | likelihood                  | nats  | higher  | -
frozenOverlap       | frozen overlap              | share | neither | -
drift               | drift                       | share | neither | -
spread              | spread                      | share | neither | -
targetEntropy       | target entropy              | nats  | neither | -
retrieverEntropy    | retriever entropy           | nats  | neither | -
effectiveCandidates | effective candidates        | count | neither | -
`;

describe("every metric", () => {
  it.each(
    KNOWN.trim()
      .split("\n")
      .map((line) => line.split("|").map((word) => word.trim())),
  )("%s is called %s", (name, label, unit, better, published) => {
    const about = aboutMetric(name!);
    expect(about).toEqual({ label, unit, better, ...(published === "-" ? {} : { published }) });
  });

  it("of a task's table is measured on its own questions", () => {
    const questions = Object.entries(ANSWER_METRICS).map(([name, metric]) => [name, metric.questions]);
    expect(Object.fromEntries(questions)).toEqual({
      accuracy: "all",
      macroF1: "all",
      exactMatch: "all",
      closedAccuracy: "closed",
      tokenRecall: "open",
    });
    const { accuracy, macroF1: f1, exactMatch: exact, closedAccuracy: closed, tokenRecall: recall } = ANSWER_METRICS;
    expect(accuracy.measure([1, 0], [1, 1], { numLabels: 2 })).toBe(1 / 2);
    expect(f1.measure([1, 1, 0], [1, 0, 0], { numLabels: 3 })).toBe((2 / 3 + 2 / 3 + 0) / 3);
    expect(exact.measure([[1], [0]], [[1], [1]], { numLabels: 2 })).toBe(1 / 2);
    expect(closed.measure(["yes"], ["Yes."], { numLabels: 2 })).toBe(1);
    expect(recall.measure(["left"], ["left lung"], { numLabels: 2 })).toBe(1 / 2);
    expect(f1.ofDraws!([0, 1], [0, 1], { numLabels: 2 })([0, 0])).toBe(1); // label 1 was not drawn
    expect(closed.measure(["in side"], ["inside"], { numLabels: 2 })).toBe(0); // two words are not one
  });
});

describe("refusals", () => {
  it.each([
    ["exactMatch: answers must have 2 entries; got 1.", () => exactMatch([[1]], [[1], [2]])],
    ["macroF1: numLabels must be a whole number in [2, ", () => macroF1([0], [0], 1)],
    ["closedAccuracy: answers must have 2 entries; got 1.", () => closedAccuracy(["a"], ["a", "b"])],
    ["tokenRecall: answers must have 2 entries; got 1.", () => tokenRecall(["a"], ["a", "b"])],
    ["brierScore: answers must have 2 entries; got 1.", () => brierScore([[1]], [0, 0])],
    ["brierScore: probabilities of row 1 must be finite", () => brierScore([[1], [Number.NaN]], [0, 0])],
    ["expectedCalibrationError: answers must hold", () => expectedCalibrationError([], [])],
    ["expectedCalibrationError: numBins must be a", () => expectedCalibrationError([[1]], [0], { numBins: 0 })],
    ["listOverlap: answers must have 1 entries; got 0.", () => listOverlap([], [["a"]], 1)],
    ["listOverlap: k must be a whole number in [1, ", () => listOverlap([["a"]], [["a"]], 0)],
    ["recallAtK: answers must have 1 entries; got 0.", () => recallAtK([], [["a"]], 1)],
    ["recallAtK: k must be a whole number in [1, ", () => recallAtK([["a"]], [["a"]], 0)],
    ["Leave such queries out: their recall is not defined.", () => recallAtK([["a"]], [[]], 1)],
    ["studentQuantile: probability must be a number", () => studentQuantile(1, 3)],
    ["studentQuantile: degrees must be a number in [1, ", () => studentQuantile(0.9, 0.5)],
    ['aggregateSeeds: has no option "width"', () => aggregateSeeds([1], { width: 1 } as never)],
    ['bootstrap: has no option "draws"', () => bootstrap(["a"], () => 1, { draws: 1 } as never)],
    ["bootstrap: numDraws must be a whole number in [1, ", () => bootstrap(["a"], () => 1, { numDraws: 0 })],
    ["bootstrap: level must be a number in [0.5, 0.999]", () => bootstrap(["a"], () => 1, { level: 1 })],
    ["bootstrap: seed must be a whole number in [0, ", () => bootstrap(["a"], () => 1, { seed: -1 })],
    ["bootstrap: statistic must be finite on every draw; got NaN.", () => bootstrap(["a"], () => Number.NaN)],
    ["bootstrap: groups must hold at least one row", () => bootstrap([], () => 1)],
    ["bootstrap: outer must have 1 entries; got 2.", () => bootstrap(["a"], () => 1, { outer: ["x", "y"] })],
    [
      "pairedBootstrap: statistic must be",
      () =>
        pairedBootstrap(
          ["a"],
          () => 1,
          () => Number.NaN,
        ),
    ],
    [
      "pairedBootstrap: seed must be",
      () =>
        pairedBootstrap(
          ["a"],
          () => 1,
          () => 1,
          { seed: -1 },
        ),
    ],
  ])("say: %s", (wording, run) => {
    expect(refusal(run).message).toContain(wording);
  });

  it("tell programs what was wrong", () => {
    expect(refusal(() => macroF1([7], [0], 2)).details).toEqual({ label: 7 });
    expect(refusal(() => tokenRecall(["a"], ["?"])).details).toEqual({ row: 0 });
    expect(refusal(() => recallAtK([["a"]], [[]], 1)).details).toEqual({ query: 0 });
    expect(refusal(() => bootstrap(["a"], () => Number.NaN)).details).toEqual({ value: Number.NaN });
  });
});

describe("at the edges", () => {
  it("a label named twice in a row counts once", () => {
    expect(macroF1([[1, 1, 0]], [[0, 1]], 2)).toBe(1);
    expect(macroF1([[1, 1]], [[1]], 2)).toBe((1 + 0) / 2);
  });

  it("closed: words are compared one by one, and no word is no answer", () => {
    expect(closedAccuracy(["leftlung"], ["left lung"])).toBe(0);
    expect(closedAccuracy(["", null], ["?", "!"])).toBe(0);
    expect(tokenRecall([null], ["stryker was here"])).toBe(0);
  });

  it("rankings: only the first k of either count, and two empty ones agree", () => {
    expect(listOverlap([["a", "b", "c"]], [["c", "a", "b"]], 1)).toBe(0);
    expect(listOverlap([["a", "b"]], [["b"]], 2)).toBe(0); // one is compared with one
    expect(listOverlap([[]], [[]], 3)).toBe(1);
    expect(listOverlap([["a"]], [[]], 3)).toBe(0);
  });

  it("calibration: a gap may be on either side, and bins do not set each other off", () => {
    expect(
      expectedCalibrationError(
        [
          [0.6, 0.4],
          [0.9, 0.1],
        ],
        [0, 1],
        { numBins: 2 },
      ),
    ).toBeCloseTo(Math.abs(1 - 0.6 + (0 - 0.9)) / 2, 12);
    expect(
      expectedCalibrationError(
        [
          [0.55, 0.45],
          [0.95, 0.05],
        ],
        [0, 1],
        { numBins: 10 },
      ),
    ).toBeCloseTo((0.45 + 0.95) / 2, 12);
    expect(expectedCalibrationError([[0, 0]], [0], { numBins: 3 })).toBeCloseTo(1, 12); // confidence 0 lies in the first bin
  });

  it("p is twice the smaller share of draws, ties on both sides", () => {
    const groups = ["a", "b", "c", "d"];
    const values = [1, 1, 1, -1];
    const mean = (rows: readonly number[]) => rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;
    const { pValue } = pairedBootstrap(groups, mean, () => 0, { numDraws: 4000, seed: 1 });
    // of four drawn with replacement, at least two are the last: 1 - (3/4)^4 - 4 (1/4) (3/4)^3
    const atMost = 1 - (3 / 4) ** 4 - 4 * (1 / 4) * (3 / 4) ** 3;
    expect(Math.abs(pValue - 2 * atMost)).toBeLessThan(0.04);
    expect(pairedBootstrap(groups, mean, mean).pValue).toBe(1);
  });

  it("Student's quantiles have a closed form for one and two degrees of freedom, and are those of tables for others", () => {
    for (const p of [0.501, 0.51, 0.6, 0.75, 0.9, 0.975, 0.9995, 0.999999]) {
      expect(studentQuantile(p, 1) / Math.tan(Math.PI * (p - 0.5))).toBeCloseTo(1, 9);
      expect((studentQuantile(p, 2) * Math.sqrt(2 * p * (1 - p))) / (2 * p - 1)).toBeCloseTo(1, 9);
    }
    expect(studentQuantile(0.975, 4)).toBeCloseTo(2.7764451051977987, 9);
    expect(studentQuantile(0.95, 10)).toBeCloseTo(1.8124611228107335, 9);
    expect(studentQuantile(0.9995, 3)).toBeCloseTo(12.923978636687567, 7);
  });
});
