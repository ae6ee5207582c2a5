import { assertInteger, assertOneOf } from "../../base/check";
import { logSoftmax } from "../../base/softmax";

/** "once": log-probability of the true label (paper). "twice": the reference code's cross-entropy of probabilities, softmax over softmax. */
export type PreferenceSoftmax = "once" | "twice";

/**
 * How strongly the reader, given one candidate, prefers the true label to the others: gold_k.
 *
 * Paper: arXiv 2508.17394v3, retriever fine-tuning.  Deviation: none with "once"; the code is "twice".
 * Shapes: meanLogits [C] (the mean logit of each label's tokens) -> number (nats, <= 0).
 *
 * @param softmax Default "once". With "twice" the result lies within [-ln(C - 1 + e), -ln(1 + (C - 1) / e)]: a weaker preference.
 * @throws ConfigError when trueLabel is no index into meanLogits. NumericError when no logit is finite.
 * @example readerPreference([2, 0], 0)   // -0.1269 = ln 0.8808
 */
export function readerPreference(
  meanLogits: ArrayLike<number>,
  trueLabel: number,
  softmax: PreferenceSoftmax = "once",
): number {
  assertInteger("readerPreference: trueLabel", trueLabel, 0, meanLogits.length - 1);
  assertOneOf("readerPreference: softmax", softmax, ["once", "twice"]);
  const once = logSoftmax(meanLogits); // [C]
  return softmax === "once" ? once[trueLabel]! : logSoftmax(once.map(Math.exp))[trueLabel]!;
}
