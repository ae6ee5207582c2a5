import type { Reading } from "../base/types";
import { type FusedAnswer, fusedLabel, weightedMean } from "./weighted-mean";

/**
 * One answer from several readings, by averaging their PROBABILITIES: p(a | q) = Σ_k p(a | z_k ∘ q) p_R(z_k | q).
 *
 * Paper: arXiv 2508.17394v3, inference. The reference code averages logits instead: fuseLogits().
 * Shapes: K readings with probabilities [C], weights [K] → probabilities [C]. With K = 1 it is that reading's answer.
 *
 * @throws ShapeError when lengths differ or K = 0. NumericError on weights that are no distribution, NaN or ±Infinity.
 */
export function fuseProbabilities(readings: readonly Reading[], weights: readonly number[]): FusedAnswer {
  const probabilities = weightedMean("fuseProbabilities", readings, weights, "probabilities");
  return { label: fusedLabel(readings, weights, probabilities), probabilities };
}
