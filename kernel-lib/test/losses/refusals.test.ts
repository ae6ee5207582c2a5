import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import type { Matrix } from "../../src/base/types";
import { openBackend } from "../../src/compute/backend";
import { answerNll } from "../../src/losses/answer-nll";
import {
  attentionDistillation,
  attentionDistillationLoss,
  readerReliance,
} from "../../src/losses/attention-distillation";
import {
  contrastiveKl,
  contrastiveLoss,
  contrastLabels,
  klToRetriever,
  readerPreference,
} from "../../src/losses/contrastive-kl";
import { emdr2 } from "../../src/losses/emdr2";
import { leaveOneOut } from "../../src/losses/leave-one-out";
import { chooseLoss, lossOptionsOf } from "../../src/losses/losses";
import { perplexityDistillation } from "../../src/losses/perplexity-distillation";
import { needsLabels, type ReaderJudgement, retrieverLossOp, settleLoss } from "../../src/losses/retriever-loss";
import { revealMarginal } from "../../src/losses/reveal-marginal";
import { refusal } from "../helpers/refusal";

beforeAll(async () => {
  await openBackend();
});

const matrix = (rows: number, cols: number, value = 0): Matrix => ({
  data: new Float32Array(rows * cols).fill(value),
  rows,
  cols,
});
const nan = (rows: number, cols: number): Matrix => matrix(rows, cols, Number.NaN);

type PairLoss = (scores: Matrix, other: Matrix, options?: object) => unknown;
const PAIRS: [name: string, argument: string, loss: PairLoss][] = [
  ["contrastiveKl", "preference", contrastiveKl],
  ["attentionDistillation", "attention", attentionDistillation],
  ["emdr2", "answerLogLikelihood", emdr2],
  ["leaveOneOut", "answerLogLikelihood", leaveOneOut],
  ["perplexityDistillation", "answerLogLikelihood", perplexityDistillation],
];

describe.each(PAIRS)("%s", (name, argument, loss) => {
  test("names itself, the argument and the shapes it refuses", () => {
    const other = refusal(() => loss(matrix(2, 3), matrix(2, 4)));
    expect(other.message).toMatch(
      `${name}: scores and ${argument} must have one shape [B, K]; got [2, 3] and [2, 4]. Pass one row per query`,
    );
    expect(other).toMatchObject({ code: "shape", details: { scores: [2, 3], [argument]: [2, 4] } });
    expect(refusal(() => loss(matrix(2, 3), matrix(1, 3))).details).toEqual({ scores: [2, 3], [argument]: [1, 3] });
    for (const [rows, cols] of [
      [0, 3],
      [2, 0],
    ] as const) {
      const empty = refusal(() => loss(matrix(rows, cols), matrix(rows, cols)));
      expect(empty.message).toMatch(`${name}: scores must have shape [B, K] with B, K >= 1; got [${rows}, ${cols}].`);
      expect(empty.details).toEqual({ scores: [rows, cols] });
    }
    const short = { data: new Float32Array(5), rows: 2, cols: 3 };
    expect(refusal(() => loss(short, matrix(2, 3))).message).toBe(`${name}: scores.data must have 6 entries; got 5.`);
  });

  test("names what is not finite, and an option it does not have", () => {
    expect(refusal(() => loss(nan(1, 2), matrix(1, 2))).message).toMatch(`${name}: scores must be finite; got NaN`);
    expect(refusal(() => loss(matrix(1, 2), nan(1, 2))).message).toMatch(
      `${name}: ${argument} must be finite; got NaN`,
    );
    expect(refusal(() => loss(matrix(1, 2), matrix(1, 2), { heat: 1 })).message).toMatch(
      `${name} has no option "heat"`,
    );
    const { message } = refusal(() => loss(matrix(1, 2), matrix(1, 2), { temperature: 0 }));
    expect(message).toMatch(`${name}: temperature must be a number in [`);
  });
});

test("the others name themselves, the argument and the rule", () => {
  const judged = { labelLogits: new Float32Array(6), numLabels: 3, trueLabels: [[0]] };
  const one = matrix(1, 2);
  const cases: [() => unknown, string][] = [
    [() => revealMarginal(matrix(0, 2), judged), "revealMarginal: scores must have shape"],
    [() => revealMarginal(one, { ...judged, numLabels: 4 }), "revealMarginal: labelLogits must have 8 entries; got 6."],
    [
      () => revealMarginal(one, { ...judged, trueLabels: [] }),
      "revealMarginal: trueLabels must have 1 entries; got 0.",
    ],
    [
      () => revealMarginal(one, { ...judged, labelLogits: new Float32Array(6).fill(Number.NaN) }),
      "revealMarginal: labelLogits must be finite",
    ],
    [() => revealMarginal(one, { ...judged, trueLabels: [[3]] }), "revealMarginal: trueLabel must be a whole number"],
    [
      () => revealMarginal(one, { ...judged, trueLabels: [[]] }),
      "revealMarginal: trueLabels must hold at least one label",
    ],
    [() => revealMarginal(one, judged, { heat: 1 } as never), 'revealMarginal has no option "heat"'],
    [() => readerPreference([1, 2], 2), "readerPreference: trueLabel must be a whole number in [0, 1]; got 2."],
    [() => readerPreference([1, 2], 0, "thrice" as never), "readerPreference: softmax must be one of once, twice"],
    [() => contrastLabels("here", [1, 2], []), "here: trueLabels must hold at least one label; got none."],
    [() => answerNll(tf.zeros([2, 3]), new Int32Array(1), 1), "answerNll: targets must have 2 entries; got 1."],
    [() => answerNll(tf.zeros([2, 3]), new Int32Array(2), 0), "answerNll: numAnswers must be a whole number in [1,"],
    [() => chooseLoss("train", { loss: "none" as never }), "train: loss must be one of contrastive, "],
  ];
  tf.tidy(() => {
    for (const [run, wording] of cases) expect(refusal(run).message).toContain(wording);
  });
});

test("an option of another loss is refused with the names of those that take it", () => {
  const { message, details } = refusal(() => chooseLoss("train", { loss: "emdr2", prior: "off" }));
  expect(message).toBe('train: prior must be left out with loss "emdr2"; got "off". It belongs to contrastive.');
  expect(details).toEqual({ loss: "emdr2", prior: "off" });
  const shared = refusal(() => chooseLoss("train", { loss: "emdr2", targetTemperature: 2 }));
  expect(shared.message).toMatch(/It belongs to [a-zA-Z]+, [a-zA-Z]+/);
  expect(lossOptionsOf({ temperature: 2, prior: undefined })).toStrictEqual({ temperature: 2 });
});

test("a loss says what the judgement lacks and how to have it", () => {
  const judgement = { preference: matrix(1, 2), answerLogLikelihood: matrix(1, 2), labels: null, closedBook: null };
  const { message, details } = refusal(() =>
    settleLoss(attentionDistillationLoss).evaluate(matrix(1, 2), judgement as ReaderJudgement),
  );
  expect(message).toMatch(
    'loss "attentionDistillation": judgement must hold labels; got none. Judge with judgeCandidates({',
  );
  expect(details).toEqual({ loss: "attentionDistillation", need: "labels" });
  expect(refusal(() => settleLoss(contrastiveLoss, { heat: 1 } as never)).message).toMatch(
    'loss "contrastive" has no option',
  );
  const labels = { labelLogits: new Float32Array(4), numLabels: 2, trueLabels: [[0]] };
  const closed = { ...judgement, labels, closedBook: matrix(1, 3) };
  expect(
    refusal(() => settleLoss(attentionDistillationLoss).evaluate(matrix(1, 2), closed as ReaderJudgement)).message,
  ).toBe("attentionDistillation: closedBook must have shape [any, 2]; got [1, 3].");
});

test("only losses that contrast labels need them", () => {
  expect(needsLabels({ needs: ["labels", "answerLogLikelihood"] })).toBe(true);
  expect(needsLabels({ needs: ["closedBook"] })).toBe(true);
  expect(needsLabels({ needs: ["preference", "answerLogLikelihood"] })).toBe(false);
  expect(needsLabels({ needs: [] })).toBe(false);
});

test("what has no probability adds nothing, and is not NaN", () => {
  const far = [0, -800]; // exp underflows to 0
  expect(readerReliance(far, [0, 0])).toBeCloseTo(Math.log(2), 12);
  const impossible = { data: Float32Array.of(0, -2000), rows: 1, cols: 2 };
  const { value } = contrastiveKl(matrix(1, 2), impossible, { prior: "off" });
  expect(value).toBeCloseTo(Math.log(2), 6);
  const half = Float64Array.of(Math.log(0.5), Math.log(0.5));
  expect(klToRetriever(Float64Array.of(0, Number.NEGATIVE_INFINITY), half).value).toBeCloseTo(Math.log(2), 12);
});

test("a loss as an operation has the loss's value and, times what flows in, its gradient", () => {
  const scores = { data: Float32Array.of(2, 0, -1, 1, 0.5, 3), rows: 2, cols: 3 };
  const preference = { data: Float32Array.of(0, -1, -2, -3, -0.5, 0), rows: 2, cols: 3 };
  const evaluate = (given: Matrix) => contrastiveKl(given, preference);
  const expected = evaluate(scores);
  const before = tf.memory().numTensors;
  const [value, gradient] = tf.tidy(() => {
    const input = tf.tensor2d(scores.data, [2, 3]);
    const { value: loss, grad } = tf.valueAndGrad((x) => tf.mul(retrieverLossOp(x as tf.Tensor2D, evaluate), 3))(input);
    return [loss.dataSync()[0]!, [...grad.dataSync()]];
  });
  expect(value).toBeCloseTo(3 * expected.value, 5);
  gradient.forEach((each, i) => {
    expect(each).toBeCloseTo(3 * expected.gradient.data[i]!, 5);
  });
  expect(tf.memory().numTensors).toBe(before);
});
