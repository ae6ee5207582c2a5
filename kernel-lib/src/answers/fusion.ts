import { assertFinite, assertInRange, assertSameLength } from "../base/check";
import { NumericError, ShapeError } from "../base/errors";
import { argMax, sum } from "../base/numbers";
import { softmax } from "../base/softmax";
import type { Head, Retrieved } from "../base/types";
import type { Fused, Fusion, Vote } from "./form";

/**
 * The paper's inference, arXiv 2508.17394v3:
 *
 *   p(a | q) = Σ_k p(a | z_k ∘ q) p_R(z_k | q)
 *
 * fusionWeights() is p_R(z_k | q), the retriever's trust in each of the K passages; fuseProbabilities() is the sum. The reference code
 * averages the reader's logits instead, with the same weights: fuseLogits().
 */

/** Options of fusionWeights. */
export interface FusionWeightOptions {
  /** Temperature of the softmax, in (0, 1000], no unit. Default 1. */
  readonly temperature?: number;
}

/**
 * The weight p_R(z_k | q) of each retrieved passage in the fused answer, [K], sums to 1, in the order given.
 *
 * Reference code: each head's scores are divided by that head's maximum, concatenated, and passed through a softmax.
 * Deviation: a head whose best score is negative is divided by its absolute value (by 1 when it is zero), which keeps
 * the order of its passages; dividing by the negative maximum would turn it around.
 *
 * @throws ShapeError when nothing was retrieved. NumericError on NaN or ±Infinity. ConfigError on the temperature.
 * @example fusionWeights([{ head: "image", score: 2, … }, { head: "text", score: 4, … }])   // [0.5, 0.5]
 */
export function fusionWeights(retrieved: readonly Retrieved[], options: FusionWeightOptions = {}): number[] {
  const { temperature = 1 } = options;
  assertInRange("fusionWeights: temperature", temperature, 1e-6, 1000);
  if (retrieved.length === 0) {
    throw new ShapeError("fusionWeights: retrieved must hold at least one passage; got 0. Retrieve before fusing.");
  }
  assertFinite(
    "fusionWeights: scores",
    retrieved.map(({ score }) => score),
  );
  const scaleOf = scales(retrieved);
  const scaled = retrieved.map(({ head, score }) => score / scaleOf.get(head)!);
  return Array.from(softmax(scaled, temperature));
}

/** By what each head's scores are divided, so that the two heads' scores meet on one scale. */
function scales(retrieved: readonly Retrieved[]): Map<Head, number> {
  const best = new Map<Head, number>();
  for (const { head, score } of retrieved) best.set(head, Math.max(score, best.get(head) ?? Number.NEGATIVE_INFINITY));
  return new Map([...best].map(([head, score]) => [head, score === 0 ? 1 : Math.abs(score)]));
}

/**
 * One answer from several readings, by averaging their PROBABILITIES: p(a | q) = Σ_k p(a | z_k ∘ q) p_R(z_k | q).
 *
 * Paper: arXiv 2508.17394v3, inference. The reference code averages logits instead: fuseLogits().
 * Shapes: K readings with probabilities [C], weights [K] → probabilities [C]. With K = 1 it is that reading's answer.
 *
 * @throws ShapeError when lengths differ or K = 0. NumericError on weights that are no distribution, NaN or ±Infinity.
 */
export function fuseProbabilities(readings: readonly Vote<"label">[], weights: readonly number[]): Fused<"label"> {
  const probabilities = weightedMean("fuseProbabilities", readings, weights, "probabilities");
  return { answer: fusedLabel(readings, weights, probabilities), probabilities };
}

/**
 * One answer from several readings, by averaging their LOGITS and taking the softmax of the mean.
 *
 * Reference code: what its inference does, where the paper averages probabilities: fuseProbabilities().
 * Averaged logits can choose a label that no single reading preferred.
 * Shapes: K readings with logits [C], weights [K] → probabilities [C]. With K = 1 it is that reading's answer.
 *
 * @throws ShapeError when lengths differ or K = 0. NumericError on weights that are no distribution, NaN or ±Infinity.
 */
export function fuseLogits(readings: readonly Vote<"label">[], weights: readonly number[]): Fused<"label"> {
  const probabilities = Array.from(softmax(weightedMean("fuseLogits", readings, weights, "logits")));
  return { answer: fusedLabel(readings, weights, probabilities), probabilities };
}

/** The two fusions by name. */
export const FUSIONS: Readonly<Record<Fusion, typeof fuseProbabilities>> = {
  probabilities: fuseProbabilities,
  logits: fuseLogits,
};

/** Weighted mean over K readings of one vector of each, K x [C] → [C]. */
function weightedMean(
  where: string,
  readings: readonly Vote<"label">[],
  weights: readonly number[],
  field: Fusion,
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

/** The most probable label (of equals the lower index), or null when readings that name none hold more than half of the weight. */
function fusedLabel(
  readings: readonly Vote<"label">[],
  weights: readonly number[],
  probabilities: readonly number[],
): number | null {
  const unparsed = sum(weights.filter((_, k) => readings[k]!.answer === null));
  return unparsed > 0.5 + 1e-9 ? null : argMax(probabilities);
}

/** Throws unless there is one weight ≥ 0 per vote, summing to 1. */
export function assertWeights(where: string, numVotes: number, weights: readonly number[]): void {
  if (numVotes === 0) throw new ShapeError(`${where}: readings must hold at least one; got 0.`);
  assertSameLength(`${where}: weights`, weights.length, numVotes);
  assertFinite(`${where}: weights`, weights);
  const total = sum(weights);
  if (weights.every((weight) => weight >= 0) && Math.abs(total - 1) < 1e-6) return;
  throw new NumericError(
    `${where}: weights must be at least 0 and sum to 1; got [${weights.join(", ")}]. Pass what fusionWeights() returned.`,
    { weights, sum: total },
  );
}
