import { assertFinite, assertSameLength } from "../base/check";
import { NumericError, ShapeError } from "../base/errors";
import type { Reading } from "../base/types";

/** The fused answer of several readings of one example. */
export interface FusedAnswer {
  /** Index of the label, or null when readings that name no label hold more than half of the weight. */
  readonly label: number | null;
  /** [C], sums to 1. */
  readonly probabilities: readonly number[];
}

/** Throws unless there is one weight ≥ 0 per reading, summing to 1. */
function assertWeights(where: string, readings: readonly Reading[], weights: readonly number[]): void {
  if (readings.length === 0) throw new ShapeError(`${where}: readings must hold at least one; got 0.`);
  assertSameLength(`${where}: weights`, weights.length, readings.length);
  assertFinite(`${where}: weights`, weights);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (weights.every((weight) => weight >= 0) && Math.abs(sum - 1) < 1e-6) return;
  throw new NumericError(
    `${where}: weights must be at least 0 and sum to 1; got [${weights.join(", ")}]. Pass what fusionWeights() returned.`,
    { weights, sum },
  );
}

/** Weighted mean over K readings of one vector of each, K x [C] → [C]. */
export function weightedMean(
  where: string,
  readings: readonly Reading[],
  weights: readonly number[],
  field: "logits" | "probabilities",
): number[] {
  assertWeights(where, readings, weights);
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
