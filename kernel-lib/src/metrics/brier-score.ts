import { assertFinite, assertInteger } from "../base/check";
import { assertAnswers } from "./check-answers";

/**
 * Mean over the rows of Σ_c (p_c - 1[c is true])², in [0, 2], lower is better: Brier's original definition, scikit-learn's
 * brier_score_loss(scale_by_half=False).
 *
 * @param probabilities [N, C], rows sum to 1.
 * @param truth [N], labels 0 … C-1.
 * @throws ShapeError when the lengths differ or are 0. NumericError on NaN. ConfigError on a label out of range.
 * @example brierScore([[0.8, 0.2]], [0])   // 0.2² + 0.2²
 */
export function brierScore(probabilities: readonly (readonly number[])[], truth: readonly number[]): number {
  assertAnswers("brierScore", probabilities, truth);
  let sum = 0;
  probabilities.forEach((row, i) => {
    assertFinite(`brierScore: probabilities of row ${i}`, row);
    assertInteger(`brierScore: truth of row ${i}`, truth[i], 0, row.length - 1);
    row.forEach((p, label) => {
      sum += (p - (label === truth[i] ? 1 : 0)) ** 2;
    });
  });
  return sum / truth.length;
}
