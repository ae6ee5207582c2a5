import { assertInteger, assertOneOf } from "../base/check";
import { ShapeError } from "../base/errors";
import { logSoftmax } from "../base/softmax";

/** One true label against the labels that are not true: their positions, the true one first, and log-probabilities. */
export interface LabelContrast {
  /** Positions in the task's labels; the true label is the first. */
  readonly labels: readonly number[];
  /** Log-softmax of the logits at those positions. */
  readonly logProbabilities: Float64Array;
}

/**
 * Each true label against the labels that are not true. True labels do not compete with one another: "pneumonia, effusion"
 * is no worse an answer for holding both. With one true label it is the softmax over all labels.
 *
 * Shapes: logits [C], T true labels -> T contrasts of C - T + 1 labels.
 *
 * @throws ShapeError without a true label. ConfigError when one is no index into logits. NumericError when no logit is finite.
 */
export function contrastLabels(
  where: string,
  logits: ArrayLike<number>,
  trueLabels: readonly number[],
): LabelContrast[] {
  if (trueLabels.length === 0) {
    throw new ShapeError(
      `${where}: trueLabels must hold at least one label; got none. Use the likelihood of the written answer there.`,
    );
  }
  for (const label of trueLabels) assertInteger(`${where}: trueLabel`, label, 0, logits.length - 1);
  const isTrue = new Set(trueLabels);
  const others = Array.from({ length: logits.length }, (_, label) => label).filter((label) => !isTrue.has(label));
  return [...isTrue].map((label) => {
    const labels = [label, ...others];
    return { labels, logProbabilities: logSoftmax(labels.map((each) => logits[each]!)) };
  });
}

/** "once": log-probability of the true label (paper). "twice": the reference code's cross-entropy of probabilities, softmax over softmax. */
export const PREFERENCE_SOFTMAXES = ["once", "twice"] as const;
export type PreferenceSoftmax = (typeof PREFERENCE_SOFTMAXES)[number];

/**
 * How strongly the reader, given one candidate, prefers the true label to the others: gold_k.
 *
 * Several true labels (multi-label tasks): each is contrasted with the labels that are not true, and the mean is taken.
 *
 * Paper: arXiv 2508.17394v3, retriever fine-tuning.  Deviation: none with "once" and one label; the code is "twice"; the paper does
 * not say how it treats several labels.
 * Shapes: meanLogits [C] (the mean logit of each label's tokens) -> number (nats, <= 0).
 *
 * @param trueLabels one label, or all that are true.
 * @param softmax Default "once". With "twice" the result lies within [-ln(C - 1 + e), -ln(1 + (C - 1) / e)]: a weaker preference.
 * @throws ConfigError when a true label is no index into meanLogits. ShapeError without one. NumericError when no logit is finite.
 * @example readerPreference([2, 0], 0)   // -0.1269 = ln 0.8808
 */
export function readerPreference(
  meanLogits: ArrayLike<number>,
  trueLabels: number | readonly number[],
  softmax: PreferenceSoftmax = "once",
): number {
  assertOneOf("readerPreference: softmax", softmax, PREFERENCE_SOFTMAXES);
  const wanted = typeof trueLabels === "number" ? [trueLabels] : trueLabels;
  const contrasts = contrastLabels("readerPreference", meanLogits, wanted);
  const sum = contrasts.reduce((total, { logProbabilities }) => {
    const log = softmax === "once" ? logProbabilities : logSoftmax(logProbabilities.map(Math.exp));
    return total + log[0]!;
  }, 0);
  return sum / contrasts.length;
}
