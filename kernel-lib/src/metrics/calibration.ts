import { assertFinite, assertInteger } from "../base/check";
import { assertAnswers } from "./answers";

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

/** Options of expectedCalibrationError. */
export interface CalibrationOptions {
  /** Bins of equal width over (0, 1]. Default 15. */
  readonly numBins?: number;
}

/**
 * Mean gap between confidence and accuracy, over bins of confidence weighted by their size, in [0, 1].
 * Confidence is the largest probability; bin b holds what is above b / numBins up to and with (b + 1) / numBins.
 *
 * @param probabilities [N, C], rows sum to 1.
 * @throws ShapeError when the lengths differ or are 0. NumericError on NaN. ConfigError on numBins < 1.
 * @example expectedCalibrationError([[0.8, 0.2], [0.8, 0.2]], [0, 1])   // |0.8 - 0.5|
 */
export function expectedCalibrationError(
  probabilities: readonly (readonly number[])[],
  truth: readonly number[],
  options: CalibrationOptions = {},
): number {
  const { numBins = 15 } = options;
  assertAnswers("expectedCalibrationError", probabilities, truth);
  assertInteger("expectedCalibrationError: numBins", numBins, 1);
  const gaps = new Array<number>(numBins).fill(0); // Σ (right - confidence) of each bin
  probabilities.forEach((row, i) => {
    assertFinite(`expectedCalibrationError: probabilities of row ${i}`, row);
    const confidence = Math.max(...row);
    gaps[binOf(confidence, numBins)]! += (row.indexOf(confidence) === truth[i] ? 1 : 0) - confidence;
  });
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / truth.length;
}

/** The bin of a confidence. Edges are compared, not products: 7/25 · 25 is a little more than 7. */
function binOf(confidence: number, numBins: number): number {
  let bin = Math.min(numBins - 1, Math.max(0, Math.ceil(confidence * numBins) - 1));
  if (bin > 0 && confidence <= bin / numBins) bin--;
  else if (bin < numBins - 1 && confidence > (bin + 1) / numBins) bin++;
  return bin;
}
