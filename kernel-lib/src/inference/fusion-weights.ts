import { assertFinite, assertInRange } from "../base/check";
import { ShapeError } from "../base/errors";
import { softmax } from "../base/softmax";
import type { Head, Retrieved } from "../base/types";

/** Options of fusionWeights. */
export interface FusionWeightOptions {
  /** Temperature of the softmax, in (0, 1000], no unit. Default 1. */
  readonly temperature?: number;
}

/** By what each head's scores are divided, so that the two heads' scores meet on one scale. */
function scales(retrieved: readonly Retrieved[]): Map<Head, number> {
  const best = new Map<Head, number>();
  for (const { head, score } of retrieved) best.set(head, Math.max(score, best.get(head) ?? Number.NEGATIVE_INFINITY));
  return new Map([...best].map(([head, score]) => [head, score === 0 ? 1 : Math.abs(score)]));
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
