import { assertInteger } from "../../base/check";
import { ShapeError } from "../../base/errors";
import { logSoftmax } from "../../base/softmax";

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
