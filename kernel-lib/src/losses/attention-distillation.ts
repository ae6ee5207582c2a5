import { assertShape } from "../base/check";
import { logSoftmax } from "../base/softmax";
import type { Matrix } from "../base/types";
import { klToRetriever } from "./contrastive-kl";
import {
  assertPair,
  DISTILLATION_OPTIONS,
  type LabelJudgement,
  type LossResult,
  lossByRow,
  type OptionsOf,
  type RetrieverLoss,
  rowOf,
  settleOptions,
} from "./retriever-loss";

export type AttentionDistillationOptions = OptionsOf<typeof DISTILLATION_OPTIONS>;

/**
 * Attention distillation (ADist): the retriever is drawn to the candidates the reader looks at, right answer or not.
 *
 * Paper: arXiv 2208.03299 §2.2: L = KL(softmax(attention) ‖ p_RETR), the attention averaged over heads, layers and tokens.
 * Deviation: a reader that sees one candidate per pass divides no attention between candidates. The retriever stage therefore
 * passes `readerReliance`, how far a candidate moves the answer from the closed-book one; the function takes any [B, K].
 * Shapes: scores [B, K]; attention [B, K] (unbounded) -> number (nats).
 * Gradient: flows to scores only.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option.
 */
export function attentionDistillation(
  scores: Matrix,
  attention: Matrix,
  options: AttentionDistillationOptions = {},
): LossResult {
  const settled = settleOptions("attentionDistillation", DISTILLATION_OPTIONS, options);
  assertPair("attentionDistillation", scores, "attention", attention);
  return lossByRow(scores, settled, (row, retrieverLog) =>
    klToRetriever(logSoftmax(rowOf(attention, row), settled.targetTemperature), retrieverLog),
  );
}

/**
 * How much the reader relies on a candidate: KL(p(· | z, q) ‖ p(· | q)) over the labels, the closed-book answer as the baseline.
 * The documented stand-in for attention: large where the candidate changed the reader's mind, whichever way; 0 where it was ignored.
 *
 * Shapes: withCandidate [C], closedBook [C] (mean logits of the labels) -> number (nats, >= 0).
 *
 * @throws NumericError when no logit is finite.
 * @example readerReliance([1, 1], [3, 3])   // 0
 */
export function readerReliance(withCandidate: ArrayLike<number>, closedBook: ArrayLike<number>): number {
  const [after, before] = [logSoftmax(withCandidate), logSoftmax(closedBook)];
  let divergence = 0;
  after.forEach((log, c) => {
    const p = Math.exp(log);
    if (p > 0) divergence += p * (log - before[c]!);
  });
  return Math.max(0, divergence); // rounding can leave -1e-17
}

/** The reader's reliance on each candidate: labels [B, K, C] against closedBook [B, C] -> [B, K]. */
function relianceOf({ labelLogits, numLabels }: LabelJudgement, closedBook: Matrix): Matrix {
  const rows = closedBook.rows;
  assertShape("attentionDistillation: closedBook", [rows, closedBook.cols], [null, numLabels]);
  const cols = labelLogits.length / (rows * numLabels);
  const data = Float32Array.from({ length: rows * cols }, (_, i) => {
    const withCandidate = labelLogits.subarray(i * numLabels, (i + 1) * numLabels); // [C]
    return readerReliance(withCandidate, rowOf(closedBook, Math.floor(i / cols)));
  });
  return { data, rows, cols };
}

/** ATLAS's ADist; reads each query closed-book once more. */
export const attentionDistillationLoss = {
  name: "attentionDistillation",
  needs: ["labels", "closedBook"],
  options: DISTILLATION_OPTIONS,
  evaluate: (scores, { labels, closedBook }, options) =>
    attentionDistillation(scores, relianceOf(labels, closedBook), options),
} as const satisfies RetrieverLoss<"labels" | "closedBook", typeof DISTILLATION_OPTIONS>;
