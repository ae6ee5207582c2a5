import { softmax } from "../base/softmax";
import type { Reading } from "../base/types";
import { type FusedAnswer, fusedLabel, weightedMean } from "./weighted-mean";

/**
 * One answer from several readings, by averaging their LOGITS and taking the softmax of the mean.
 *
 * Reference code: what its inference does, where the paper averages probabilities: fuseProbabilities().
 * Averaged logits can choose a label that no single reading preferred.
 * Shapes: K readings with logits [C], weights [K] → probabilities [C]. With K = 1 it is that reading's answer.
 *
 * @throws ShapeError when lengths differ or K = 0. NumericError on weights that are no distribution, NaN or ±Infinity.
 */
export function fuseLogits(readings: readonly Reading[], weights: readonly number[]): FusedAnswer {
  const probabilities = Array.from(softmax(weightedMean("fuseLogits", readings, weights, "logits")));
  return { label: fusedLabel(readings, weights, probabilities), probabilities };
}
