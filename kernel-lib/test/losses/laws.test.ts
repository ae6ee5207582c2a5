import { describe, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { createRandom } from "../../src/base/random";
import { softmax } from "../../src/base/softmax";
import type { Matrix } from "../../src/base/types";
import { contrastiveKl } from "../../src/losses/contrastive-kl";
import { emdr2 } from "../../src/losses/emdr2";
import { leaveOneOut } from "../../src/losses/leave-one-out";
import { chooseLoss, LOSSES, type RetrieverLossOptions } from "../../src/losses/losses";
import type { ReaderJudgement } from "../../src/losses/retriever-loss";
import { revealMarginal } from "../../src/losses/reveal-marginal";

const [ROWS, COLS, LABELS] = [3, 5, 4];

function world(seed: number, cols = COLS, scale = 2): { scores: Matrix; judgement: ReaderJudgement } {
  const random = createRandom(seed);
  const draw = (mean = 0): Matrix => ({
    data: Float32Array.from({ length: ROWS * cols }, () => random.normal(mean, scale)),
    rows: ROWS,
    cols,
  });
  const labelLogits = Float32Array.from({ length: ROWS * cols * LABELS }, () => random.normal(0, scale));
  const likelihood = draw();
  return {
    scores: draw(),
    judgement: {
      preference: draw(),
      answerLogLikelihood: { ...likelihood, data: likelihood.data.map((value) => -Math.abs(value)) },
      labels: { labelLogits, numLabels: LABELS, trueLabels: [[1], [0, 3], [2]] },
      closedBook: {
        data: Float32Array.from({ length: ROWS * LABELS }, () => random.normal(0, scale)),
        rows: ROWS,
        cols: LABELS,
      },
    },
  };
}

const VARIANTS: RetrieverLossOptions[] = [
  ...LOSSES.map(({ name: loss }) => ({ loss, temperature: 0.7 })),
  { loss: "contrastive", prior: "off", targetTemperature: 3 },
  { loss: "contrastive", tempering: "product", temperature: 0.7, targetTemperature: 3 },
  { loss: "leaveOneOut", leftWeights: "retriever" },
  { loss: "reveal", gate: "probabilities", reduction: "dividedByK" },
];
const nameOf = (options: RetrieverLossOptions): string => JSON.stringify(options);
const changed = (matrix: Matrix, change: (value: number, i: number) => number): Matrix => ({
  ...matrix,
  data: matrix.data.map(change),
});

describe.each(VARIANTS.map((options) => [nameOf(options), options] as const))("%s", (_name, options) => {
  const at = ({ scores, judgement }: ReturnType<typeof world>) =>
    chooseLoss("test", options).evaluate(scores, judgement);

  test("a constant added to the scores of a query changes nothing, and a row's gradients sum to zero", () => {
    const start = world(1);
    const loss = at(start);
    const shifted = at({ ...start, scores: changed(start.scores, (value, i) => value + Math.floor(i / COLS) * 8) });
    expect(shifted.value).toBeCloseTo(loss.value, 5);
    for (let b = 0; b < ROWS; b++) {
      const sum = loss.gradient.data.subarray(b * COLS, (b + 1) * COLS).reduce((a, value) => a + value, 0);
      expect(sum).toBeCloseTo(0, 6);
    }
  });

  test("target and retriever are distributions", () => {
    const { target, retriever } = at(world(2));
    for (const matrix of [target, retriever]) {
      for (let b = 0; b < ROWS; b++) {
        const values = matrix.data.subarray(b * COLS, (b + 1) * COLS);
        expect(values.reduce((a, value) => a + value, 0)).toBeCloseTo(1, 5);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
      }
    }
  });

  test("the order of candidates does not matter: value the same, gradient permuted", () => {
    const start = world(3);
    const order = [3, 0, 4, 2, 1];
    const turn = (values: Float32Array, width = 1): Float32Array =>
      Float32Array.from(values, (_, i) => {
        const [cell, inside] = [Math.floor(i / width), i % width];
        return values[(Math.floor(cell / COLS) * COLS + order[cell % COLS]!) * width + inside]!;
      });
    const permute = (matrix: Matrix): Matrix => ({ ...matrix, data: turn(matrix.data) });
    const { preference, answerLogLikelihood, labels } = start.judgement;
    const judgement: ReaderJudgement = {
      ...start.judgement,
      preference: permute(preference),
      answerLogLikelihood: permute(answerLogLikelihood),
      labels: { ...labels!, labelLogits: turn(labels!.labelLogits, LABELS) },
    };
    const loss = at(start);
    const turned = at({ scores: permute(start.scores), judgement });
    expect(turned.value).toBeCloseTo(loss.value, 6);
    turn(loss.gradient.data).forEach((value, i) => {
      expect(turned.gradient.data[i]).toBeCloseTo(value, 6);
    });
  });

  test("the gradient is that of finite differences, the target held where the loss holds it", () => {
    const start = world(4);
    const loss = at(start);
    const isKl = options.loss !== "emdr2" && options.loss !== "reveal";
    const tau = options.temperature ?? 1;
    const valueAt = (scores: Matrix): number => {
      if (!isKl) return at({ ...start, scores }).value;
      let sum = 0; // cross-entropy with the target of `start`: KL but for a constant
      for (let b = 0; b < ROWS; b++) {
        const p = softmax(scores.data.subarray(b * COLS, (b + 1) * COLS), tau);
        p.forEach((value, k) => {
          sum -= loss.target.data[b * COLS + k]! * Math.log(value);
        });
      }
      return sum / ROWS;
    };
    const step = 1 / 64;
    for (let i = 0; i < ROWS * COLS; i++) {
      const moved = (by: number) => valueAt(changed(start.scores, (value, j) => (j === i ? value + by : value)));
      expect(loss.gradient.data[i]).toBeCloseTo((moved(step) - moved(-step)) / (2 * step), 3);
    }
  });

  test("gradient descent on the scores reaches a point where the gradient is zero", () => {
    let { scores, judgement } = world(5);
    const first = at({ scores, judgement });
    for (let step = 0; step < 400; step++) {
      const { gradient } = at({ scores, judgement });
      scores = changed(scores, (value, i) => value - 2 * gradient.data[i]!);
    }
    const last = at({ scores, judgement });
    expect(last.value).toBeLessThan(first.value);
    const length = (values: Float32Array) => Math.hypot(...values);
    expect(length(last.gradient.data)).toBeLessThan(0.2 * length(first.gradient.data));
  });

  test("one candidate: nothing to learn; scores of ±1e4: finite", () => {
    for (const value of at(world(6, 1)).gradient.data) expect(value).toBeCloseTo(0, 6);
    const huge = at(world(7, COLS, 1e4));
    expect(Number.isFinite(huge.value)).toBe(true);
    for (const matrix of [huge.gradient, huge.target, huge.retriever]) {
      expect(matrix.data.every(Number.isFinite)).toBe(true);
    }
  });

  test("equal scores: the retriever is indifferent, exactly", () => {
    const start = world(8);
    const { retriever } = at({ ...start, scores: changed(start.scores, () => 1e4) });
    for (const value of retriever.data) expect(value).toBe(Math.fround(1 / COLS));
  });

  test("NaN and infinities are refused, in the scores and in what the reader said", () => {
    const start = world(9);
    const spoil = (matrix: Matrix, value: number): Matrix => changed(matrix, (each, i) => (i === 4 ? value : each));
    const { judgement } = start;
    const spoiled: ReaderJudgement = {
      ...judgement,
      preference: spoil(judgement.preference, Number.NaN),
      answerLogLikelihood: spoil(judgement.answerLogLikelihood, Number.NEGATIVE_INFINITY),
      closedBook: spoil(judgement.closedBook!, Number.NaN),
      labels: { ...judgement.labels!, labelLogits: judgement.labels!.labelLogits.map((v, i) => (i === 9 ? NaN : v)) },
    };
    const codeOf = (call: () => unknown) => {
      try {
        call();
      } catch (error) {
        return isKernelError(error) ? error.code : String(error);
      }
      return "accepted";
    };
    expect(codeOf(() => at({ ...start, scores: spoil(start.scores, Number.NaN) }))).toBe("numeric");
    expect(codeOf(() => at({ ...start, judgement: spoiled }))).toBe("numeric");
  });
});

describe("between the losses", () => {
  test("EMDR2's gradient is that of a KL to the posterior: the contrastive form with prior, given likelihoods", () => {
    const { scores, judgement } = world(10);
    const marginal = emdr2(scores, judgement.answerLogLikelihood, { temperature: 0.6 });
    const divergence = contrastiveKl(scores, judgement.answerLogLikelihood, { temperature: 0.6 });
    marginal.gradient.data.forEach((value, i) => {
      expect(divergence.gradient.data[i]).toBeCloseTo(value, 6);
    });
    expect(Array.from(marginal.target.data)).toEqual(Array.from(divergence.target.data));
  });

  test("Jensen: the marginal likelihood loss is at most the retriever's mean of -log-likelihood", () => {
    for (let seed = 20; seed < 40; seed++) {
      const { scores, judgement } = world(seed);
      const loss = emdr2(scores, judgement.answerLogLikelihood);
      const mean = loss.retriever.data.reduce((sum, p, i) => sum - p * judgement.answerLogLikelihood.data[i]!, 0);
      expect(loss.value).toBeLessThanOrEqual(mean / ROWS + 1e-6);
    }
  });

  test("LOOP ranks candidates as their likelihoods do when all weigh the same", () => {
    const { scores, judgement } = world(41);
    const { target } = leaveOneOut(scores, judgement.answerLogLikelihood);
    const rank = (values: Float32Array) => [...values.keys()].sort((a, b) => values[b]! - values[a]!);
    for (let b = 0; b < ROWS; b++) {
      const [from, to] = [b * COLS, (b + 1) * COLS];
      expect(rank(target.data.slice(from, to))).toEqual(rank(judgement.answerLogLikelihood.data.slice(from, to)));
    }
  });

  test("REVEAL: candidates that say the same leave no gate anything to gain", () => {
    const labelLogits = Float32Array.from({ length: ROWS * COLS * 2 }, (_, i) => [1, -1][i % 2]!);
    const loss = revealMarginal(world(42).scores, { labelLogits, numLabels: 2, trueLabels: [[0], [1], [0]] });
    for (const value of loss.gradient.data) expect(value).toBeCloseTo(0, 6);
    loss.target.data.forEach((value, i) => {
      expect(value).toBeCloseTo(loss.retriever.data[i]!, 6);
    });
  });
});

describe("refusals", () => {
  const refused = (options: object) => () => chooseLoss("test", options).evaluate(world(1).scores, world(1).judgement);
  test("an option of another loss, an unknown value", () => {
    expect(refused({ loss: "emdr2", prior: "on" })).toThrow(/prior must be left out with loss "emdr2"/);
    expect(refused({ loss: "reveal", targetTemperature: 1 })).toThrow(/targetTemperature must be left out/);
    expect(refused({ gate: "logits" })).toThrow(/gate must be left out with loss "contrastive".*belongs to reveal/);
    expect(refused({ loss: "dpr" })).toThrow(/loss must be one of contrastive, /);
    expect(refused({ loss: "leaveOneOut", leftWeights: "all" })).toThrow(/leftWeights must be one of equal, retriever/);
    expect(refused({ loss: "reveal", gate: "attention" })).toThrow(/gate must be one of logits, probabilities/);
    expect(refused({ targetTemperature: 0 })).toThrow(/targetTemperature must be a number/);
  });
  test("a judgement without what the loss needs", () => {
    const { scores, judgement } = world(1);
    const bare = { ...judgement, labels: null, closedBook: null };
    const judged = (loss: "reveal" | "attentionDistillation", said: ReaderJudgement) => () =>
      chooseLoss("test", { loss }).evaluate(scores, said);
    expect(judged("reveal", bare)).toThrow(/must hold labels; got none/);
    expect(judged("attentionDistillation", { ...judgement, closedBook: null })).toThrow(/needs: \["closedBook"\]/);
  });
});
