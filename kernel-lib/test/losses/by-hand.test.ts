import { describe, expect, test } from "vitest";
import type { Matrix } from "../../src/base/types";
import { attentionDistillation, readerReliance } from "../../src/losses/attention-distillation";
import { contrastLabels, readerPreference } from "../../src/losses/contrastive-kl";
import { emdr2 } from "../../src/losses/emdr2";
import { leaveOneOut, likelihoodWithoutEach } from "../../src/losses/leave-one-out";
import { revealMarginal } from "../../src/losses/reveal-marginal";

const row = (...values: number[]): Matrix => ({ data: Float32Array.from(values), rows: 1, cols: values.length });
const { log, exp } = Math;

describe("emdr2 by hand", () => {
  test("equal scores, likelihoods 1/2 and 1/4", () => {
    const loss = emdr2(row(0, 0), row(log(1 / 2), log(1 / 4)));
    expect(loss.value).toBeCloseTo(-log((1 / 2) * (1 / 2) + (1 / 2) * (1 / 4)), 6);
    expect(loss.target.data[0]).toBeCloseTo(2 / 3, 6); // (1/4) / (3/8)
    expect(loss.gradient.data[0]).toBeCloseTo(1 / 2 - 2 / 3, 6);
  });

  test("with one candidate it is the answer's negative log-likelihood, and there is nothing to learn", () => {
    const loss = emdr2(row(5), row(log(1 / 3)));
    expect(loss.value).toBeCloseTo(log(3), 6);
    expect(loss.gradient.data[0]).toBeCloseTo(0, 9);
  });
});

describe("emdr2 on answers of two tokens (D13)", () => {
  // token likelihoods under two candidates of equal scores: 1/2, 1/2 and 1/4, 1
  const [first, second] = [
    [1 / 2, 1 / 2],
    [1 / 4, 1],
  ] as const;

  test("marginalises whole answers, not token by token as ATLAS's code", () => {
    const loss = emdr2(row(0, 0), row(log(first[0] * first[1]), log(second[0] * second[1])));
    expect(loss.value).toBeCloseTo(-log((1 / 2) * (1 / 4) + (1 / 2) * (1 / 4)), 6);
    const byToken =
      -(log((1 / 2) * first[0] + (1 / 2) * second[0]) + log((1 / 2) * first[1] + (1 / 2) * second[1])) / 2;
    expect(byToken).toBeCloseTo(-log((3 / 8) * (3 / 4)) / 2, 12);
    expect(Math.abs(loss.value - byToken)).toBeGreaterThan(0.7); // 1.386 and 0.634
    expect(loss.target.data[0]).toBeCloseTo(1 / 2, 6); // both read the whole answer equally well
  });
});

describe("leaveOneOut by hand", () => {
  test("without the only good candidate the answer is least likely", () => {
    // likelihoods 1/2, 1/4, 1/4: without the first (1/4 + 1/4)/2, without another (1/2 + 1/4)/2
    const loss = leaveOneOut(row(0, 0, 0), row(log(1 / 2), log(1 / 4), log(1 / 4)));
    const [first, other] = [1 / (1 / 4), 1 / (3 / 8)];
    expect(loss.target.data[0]).toBeCloseTo(first / (first + 2 * other), 6);
    expect(loss.value).toBeGreaterThan(0);
  });

  test("by the retriever's weights: candidates that inference would not weigh do not replace the one left out", () => {
    // retriever 1/2, 1/4, 1/4; likelihoods 1, 1/2, 1/8
    const left = likelihoodWithoutEach([log(1), log(1 / 2), log(1 / 8)], [log(1 / 2), log(1 / 4), log(1 / 4)]);
    expect(exp(left[0]!)).toBeCloseTo((1 / 2 + 1 / 8) / 2, 9);
    expect(exp(left[1]!)).toBeCloseTo((1 / 2 + (1 / 4) * (1 / 8)) / (3 / 4), 9);
    const scores = row(log(2), 0, 0);
    const loss = leaveOneOut(scores, row(log(1), log(1 / 2), log(1 / 8)), { leftWeights: "retriever" });
    const odds = Array.from(left, (value) => exp(-value));
    expect(loss.target.data[0]).toBeCloseTo(odds[0]! / odds.reduce((a, b) => a + b), 6);
  });

  test("one candidate: nothing is left to compare", () => {
    expect(leaveOneOut(row(3), row(-7))).toMatchObject({ value: 0 });
  });

  test("a candidate that outweighs all others by e^700 does not cancel them", () => {
    const left = likelihoodWithoutEach([0, -700, -701], [0, 0, 0]);
    expect(left[0]).toBeCloseTo(log((1 + exp(-1)) / 2) - 700, 9);
  });
});

describe("attentionDistillation by hand", () => {
  test("attention ln 3 and 0 makes the target 3/4 and 1/4", () => {
    const loss = attentionDistillation(row(0, 0), row(log(3), 0));
    expect(loss.target.data[0]).toBeCloseTo(3 / 4, 6);
    expect(loss.value).toBeCloseTo((3 / 4) * log(3 / 4 / (1 / 2)) + (1 / 4) * log(1 / 4 / (1 / 2)), 6);
  });

  test("reliance: 0 where the candidate is ignored, whichever constant is added; large where it changes the answer", () => {
    expect(readerReliance([1, 2], [5, 6])).toBeCloseTo(0, 12);
    expect(readerReliance([log(3), 0], [0, 0])).toBeCloseTo((3 / 4) * log(3 / 2) + (1 / 4) * log(1 / 2), 12);
    expect(readerReliance([30, 0], [0, 30])).toBeCloseTo(30, 6);
    expect(readerReliance([0, Number.NEGATIVE_INFINITY], [0, 0])).toBeCloseTo(log(2), 12); // a label that cannot be has no part
  });

  test("reliance does not ask whether the answer is right", () => {
    expect(readerReliance([4, 0], [0, 0])).toBeCloseTo(readerReliance([0, 4], [0, 0]), 12);
  });
});

describe("revealMarginal by hand", () => {
  const judgement = { labelLogits: Float32Array.of(2, 0, 0, 2), numLabels: 2, trueLabels: [[0]] }; // for it, against it

  test("equal gates: the fused logits are equal, the gradient opens the gate of the better candidate", () => {
    const loss = revealMarginal(row(0, 0), judgement);
    expect(loss.value).toBeCloseTo(log(2), 6);
    // dL/dl = (-1/2, 1/2); by gate: -1, 1; their mean 0; gradient g_k (slope - mean) = -1/2, 1/2
    expect(Array.from(loss.gradient.data)).toEqual([-1 / 2, 1 / 2]);
    expect(loss.target.data[0]).toBeCloseTo(exp(1) / (exp(1) + exp(-1)), 6);
  });

  test("gates 3/4 and 1/4: -ln softmax of the gated logits", () => {
    const loss = revealMarginal(row(log(3), 0), judgement);
    const fused = [(3 / 4) * 2, (1 / 4) * 2];
    expect(loss.value).toBeCloseTo(-log(exp(fused[0]!) / (exp(fused[0]!) + exp(fused[1]!))), 6);
  });

  test("gating the probabilities: -ln of the mean probability", () => {
    const p = exp(2) / (exp(2) + 1);
    expect(revealMarginal(row(log(3), 0), judgement, { gate: "probabilities" }).value).toBeCloseTo(
      -log((3 / 4) * p + (1 / 4) * (1 - p)),
      6,
    );
  });
});

describe("several true labels", () => {
  test("each true label is contrasted with the labels that are not true", () => {
    const contrasts = contrastLabels("test", [2, 1, 0], [0, 1]);
    expect(contrasts.map(({ labels }) => labels)).toEqual([
      [0, 2],
      [1, 2],
    ]);
    const wanted = (log(exp(2) / (exp(2) + 1)) + log(exp(1) / (exp(1) + 1))) / 2;
    expect(readerPreference([2, 1, 0], [0, 1])).toBeCloseTo(wanted, 12);
  });

  test("a list of one label is that label; a label named twice counts once; their order does not matter", () => {
    expect(readerPreference([2, 1, 0], [1])).toBe(readerPreference([2, 1, 0], 1));
    expect(readerPreference([2, 1, 0], [1, 1])).toBe(readerPreference([2, 1, 0], 1));
    expect(readerPreference([2, 1, 0], [2, 0])).toBe(readerPreference([2, 1, 0], [0, 2]));
  });

  test("raising one true label never lowers the preference: true labels do not compete", () => {
    for (const softmax of ["once", "twice"] as const) {
      const values = [0, 1, 5, 20].map((logit) => readerPreference([logit, 1, 0, -1], [0, 1], softmax));
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }
  });

  test("all labels true: nothing to prefer them to", () => {
    expect(readerPreference([3, -2], [0, 1])).toBeCloseTo(0, 12);
  });

  test("no true label is refused", () => {
    expect(() => readerPreference([3, -2], [])).toThrow(/trueLabels must hold at least one label; got none/);
  });
});
