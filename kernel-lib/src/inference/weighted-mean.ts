import { assertFinite, assertSameLength } from "../base/check";
import type { Reading } from "../base/types";
import { assertWeights } from "./vote";

/** The fused answer of several readings of one example. */
export interface FusedAnswer {
  /** Index of the label, or null when readings that name no label hold more than half of the weight. */
  readonly label: number | null;
  /** [C], sums to 1. */
  readonly probabilities: readonly number[];
}

/** Weighted mean over K readings of one vector of each, K x [C] → [C]. */
export function weightedMean(
  where: string,
  readings: readonly Reading[],
  weights: readonly number[],
  field: "logits" | "probabilities",
): number[] {
  assertWeights(where, readings.length, weights);
  const numLabels = readings[0]![field].length;
  const mean = new Array<number>(numLabels).fill(0);
  readings.forEach((reading, k) => {
    assertSameLength(`${where}: ${field} of reading ${k}`, reading[field].length, numLabels);
    assertFinite(`${where}: ${field} of reading ${k}`, reading[field]);
    for (let c = 0; c < numLabels; c++) mean[c]! += weights[k]! * reading[field][c]!;
  });
  return mean;
}

/** The most probable label (of equals the lower index), or null when most of the weight names no label. */
export function fusedLabel(
  readings: readonly Reading[],
  weights: readonly number[],
  probabilities: readonly number[],
): number | null {
  const unparsed = weights.reduce((sum, weight, k) => (readings[k]!.label === null ? sum + weight : sum), 0);
  return unparsed > 0.5 + 1e-9 ? null : probabilities.indexOf(Math.max(...probabilities));
}
