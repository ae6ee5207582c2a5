import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Matrix } from "../../src/base/types";
import { readerPreference } from "../../src/losses/contrastive-kl";
import { chooseLoss, LOSSES, type RetrieverLossOptions } from "../../src/losses/losses";
import type { ReaderJudgement } from "../../src/losses/retriever-loss";

interface Result {
  loss: NonNullable<RetrieverLossOptions["loss"]>;
  options: RetrieverLossOptions & { softmax?: "twice"; several?: true };
  value: number;
  gradient: number[];
}
interface Case {
  shape: [number, number, number];
  scores: number[];
  logits: number[];
  alone: number[];
  likelihood: number[];
  labels: number[][];
  multiple: number[][];
  results: Result[];
}
const file = join(__dirname, "../reference/losses/reference.json");
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: Case[] };

/** The judgement that judgeCandidates would make of the case's numbers. */
function judge(set: Case, softmax: "once" | "twice", trueLabels: number[][]): ReaderJudgement {
  const [rows, cols, numLabels] = set.shape;
  const labelLogits = Float32Array.from(set.logits);
  const matrix = (value: (row: number, logits: Float32Array) => number): Matrix => ({
    data: Float32Array.from({ length: rows * cols }, (_, i) =>
      value(Math.floor(i / cols), labelLogits.subarray(i * numLabels, (i + 1) * numLabels)),
    ),
    rows,
    cols,
  });
  return {
    preference: matrix((row, logits) => readerPreference(logits, trueLabels[row]!, softmax)),
    answerLogLikelihood: { data: Float32Array.from(set.likelihood), rows, cols },
    labels: { labelLogits, numLabels, trueLabels },
    closedBook: { data: Float32Array.from(set.alone), rows, cols: numLabels },
  };
}

function differenceOf(set: Case, result: Result): number {
  const [rows, cols] = set.shape;
  const { softmax = "once", several, ...options } = result.options;
  const judgement = judge(set, softmax, several ? set.multiple : set.labels);
  const scores = { data: Float32Array.from(set.scores), rows, cols };
  const { value, gradient } = chooseLoss("test", { loss: result.loss, ...options }).evaluate(scores, judgement);
  const gap = (found: number, wanted: number): number => Math.abs(found - wanted) / Math.max(1, Math.abs(wanted));
  return Math.max(gap(value, result.value), ...gradient.data.map((each, i) => gap(each, result.gradient[i]!)));
}

describe("value and gradient equal torch autograd's to 1e-5", () => {
  for (const [i, set] of cases.entries()) {
    const scale = Math.max(...set.scores.map(Math.abs)).toPrecision(2);
    test(`case ${i}: [B, K, C] = [${set.shape.join(", ")}], largest score ${scale}`, () => {
      for (const result of set.results) {
        expect([JSON.stringify([result.loss, result.options]), differenceOf(set, result) < 1e-5]).toEqual([
          JSON.stringify([result.loss, result.options]),
          true,
        ]);
      }
    });
  }

  test("every loss is among them, under both reductions", () => {
    const seen = new Set(cases.flatMap(({ results }) => results.map((r) => `${r.loss} ${r.options.reduction}`)));
    const wanted = LOSSES.flatMap(({ name: loss }) => [`${loss} batchMean`, `${loss} dividedByK`]);
    expect([...seen].sort()).toEqual(wanted.sort());
  });
});
