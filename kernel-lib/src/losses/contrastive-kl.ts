import { assertOneOf } from "../base/check";
import { logSoftmax } from "../base/softmax";
import type { Matrix } from "../base/types";
import {
  assertPair,
  type DistillationOptions,
  klToRetriever,
  type PreferenceLoss,
  resolveLossOptions,
  rowOf,
} from "./preference-loss";

/** "on": the target is the reader's preference times the retriever's own distribution (paper). "off": the preference alone. */
export const PRIORS = ["on", "off"] as const;
export type Prior = (typeof PRIORS)[number];

export interface ContrastiveKlOptions extends DistillationOptions {
  /** Default "on" (paper; the reference code's `add_prior_to_gold_score`). */
  readonly prior?: Prior;
}

/**
 * How far the retriever is from the reader's contrastive preference over K candidates.
 *
 * Paper: arXiv 2508.17394v3, retriever fine-tuning: L = KL(p_LVLM^C ‖ p_RETR), with the target
 * softmax(log_softmax(gold) + log_softmax(s)) and gold_k = -cross-entropy of the true label (`readerPreference`).
 * Deviation: none with the defaults; the reference code is { reduction: "dividedByK" } and a double softmax in gold.
 * Shapes: scores [B, K]; gold [B, K] (nats) -> number (nats, mean over B, not over K).
 * Gradient: flows to scores only; the target, the prior in it included, is treated as constant.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option.
 * @example
 * contrastiveKl({ data: Float32Array.of(2, 0), rows: 1, cols: 2 }, { data: new Float32Array(2), rows: 1, cols: 2 }, { prior: "off" }).value
 * // 0.4338: ½·ln(½/0.8808) + ½·ln(½/0.1192)
 */
export function contrastiveKl(scores: Matrix, gold: Matrix, options: ContrastiveKlOptions = {}): PreferenceLoss {
  const keys = ["temperature", "targetTemperature", "prior", "reduction"];
  const resolved = resolveLossOptions("contrastiveKl", options, keys);
  const { prior = "on" } = options;
  assertOneOf("contrastiveKl: prior", prior, PRIORS);
  assertPair("contrastiveKl", scores, "gold", gold);
  return klToRetriever(scores, resolved, (row, retrieverLog) => {
    const preference = logSoftmax(rowOf(gold, row), resolved.targetTemperature); // [K]
    return prior === "off" ? preference : logSoftmax(preference.map((value, k) => value + retrieverLog[k]!));
  });
}
