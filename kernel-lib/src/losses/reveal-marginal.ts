import { assertFinite, assertSameLength } from "../base/check";
import { logSoftmax } from "../base/softmax";
import type { Matrix } from "../base/types";
import { contrastLabels, readerPreference } from "./contrastive-kl";
import { emdr2 } from "./emdr2";
import {
  assertMatrix,
  type LabelJudgement,
  LOSS_OPTIONS,
  type LossResult,
  lossByRow,
  type OptionsOf,
  oneOf,
  type RetrieverLoss,
  type RowLoss,
  settleOptions,
} from "./retriever-loss";

/**
 * What the retriever's probability of a candidate scales. "logits": what the candidate contributes inside the reader, before
 * the softmax over the labels (REVEAL's attentive fusion). "probabilities": the finished answer, after it.
 */
const GATES = ["logits", "probabilities"] as const;

const OPTIONS = {
  ...LOSS_OPTIONS,
  /** Default "logits" (REVEAL). */
  gate: oneOf(GATES, "logits"),
} as const;
export type RevealMarginalOptions = OptionsOf<typeof OPTIONS>;

/**
 * REVEAL-style marginal likelihood: the retriever's probabilities gate the candidates inside one answer, and the true label's
 * likelihood under that answer trains them. A candidate that misleads loses score through its gate.
 *
 * Paper: arXiv 2212.05221 (REVEAL), §3.3 to 3.4: L = -log p(a | q, gated candidates).
 * Deviation: REVEAL scales attention to a candidate's tokens by its score; a reader of one candidate per pass shows its logits, so
 * those are scaled: l = Σ_k p_RETR(z_k) l_k, L = -log softmax(l)_a. The reader is frozen. Several true labels as in `readerPreference`.
 * Shapes: scores [B, K]; labelLogits [B, K, C] -> number (nats).
 * `target`: where one step of exponentiated gradient takes the retriever, p_k exp(-dL/dp_k), normalised; equal to it at an optimum.
 * Gradient: flows to scores only.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option or label.
 */
export function revealMarginal(
  scores: Matrix,
  judgement: LabelJudgement,
  options: RevealMarginalOptions = {},
): LossResult {
  const { gate, ...shared } = settleOptions("revealMarginal", OPTIONS, options);
  const { rows, cols } = scores;
  const { labelLogits, numLabels, trueLabels } = judgement;
  assertMatrix("revealMarginal", "scores", scores);
  assertSameLength("revealMarginal: labelLogits", labelLogits.length, rows * cols * numLabels);
  assertSameLength("revealMarginal: trueLabels", trueLabels.length, rows);
  assertFinite("revealMarginal: labelLogits", labelLogits);
  const logitsOf = (row: number, k: number): Float32Array =>
    labelLogits.subarray((row * cols + k) * numLabels, (row * cols + k + 1) * numLabels); // [C]
  if (gate === "probabilities") {
    const data = Float32Array.from({ length: rows * cols }, (_, i) =>
      readerPreference(logitsOf(Math.floor(i / cols), i % cols), trueLabels[Math.floor(i / cols)]!),
    );
    return emdr2(scores, { data, rows, cols }, shared);
  }
  return lossByRow(scores, shared, (row, retrieverLog) =>
    gatedRow(
      retrieverLog,
      Array.from(retrieverLog, (_, k) => logitsOf(row, k)),
      trueLabels[row]!,
    ),
  );
}

/** The loss of one query whose candidates' logits [K][C] are gated by the retriever's probabilities. */
function gatedRow(
  retrieverLog: Float64Array,
  logits: readonly ArrayLike<number>[],
  trueLabels: readonly number[],
): RowLoss {
  const gates = retrieverLog.map(Math.exp); // [K]
  const fused = new Float64Array(logits[0]!.length); // [C]
  logits.forEach((row, k) => {
    for (let c = 0; c < fused.length; c++) fused[c]! += gates[k]! * row[c]!;
  });
  const { value, gradient: byLogit } = labelLoss(fused, trueLabels);
  const byGate = Float64Array.from(logits, (row) => byLogit.reduce((sum, slope, c) => sum + slope * row[c]!, 0)); // [K]
  const mean = byGate.reduce((sum, slope, k) => sum + gates[k]! * slope, 0);
  return {
    value,
    targetLog: logSoftmax(retrieverLog.map((log, k) => log - byGate[k]!)),
    gradient: gates.map((gate, k) => gate * (byGate[k]! - mean)),
  };
}

/** -log-probability of the true labels and its gradient, [C] -> number, [C]. */
function labelLoss(
  logits: Float64Array,
  trueLabels: readonly number[],
): { readonly value: number; readonly gradient: Float64Array } {
  const contrasts = contrastLabels("revealMarginal", logits, trueLabels);
  const gradient = new Float64Array(logits.length);
  let value = 0;
  for (const { labels, logProbabilities } of contrasts) {
    value -= logProbabilities[0]! / contrasts.length;
    labels.forEach((label, i) => {
      const slope = Math.exp(logProbabilities[i]!) - (i === 0 ? 1 : 0);
      gradient[label]! += slope / contrasts.length;
    });
  }
  return { value, gradient };
}

/** REVEAL's marginal likelihood with gated candidates. */
export const revealLoss = {
  name: "reveal",
  needs: ["labels"],
  options: OPTIONS,
  evaluate: (scores, { labels }, options) => revealMarginal(scores, labels, options),
} as const satisfies RetrieverLoss<"labels", typeof OPTIONS>;
