import { assertKnownKeys, assertOneOf } from "../../base/check";
import { logSoftmax } from "../../base/softmax";
import type { Matrix } from "../../base/types";
import { assertPair, klToRetriever, type PreferenceLoss, type Reduction } from "./preference-loss";

export interface ContrastiveKlOptions {
  /** Temperature of the retriever's softmax, > 0, no unit. Default 1. */
  readonly temperature?: number;
  /** "on": the target is the reader's preference times the retriever's own distribution. "off": the preference alone. Default "on". */
  readonly prior?: "on" | "off";
  /** Default "batchMean" (paper); "codeMean" also divides by K. */
  readonly reduction?: Reduction;
}

/**
 * How far the retriever is from the reader's contrastive preference over K candidates.
 *
 * Paper: arXiv 2508.17394v3, retriever fine-tuning: L = KL(p_LVLM^C ‖ p_RETR), with the target
 * softmax(log_softmax(gold) + log_softmax(s)) and gold_k = -cross-entropy of the true label (`readerPreference`).
 * Deviation: none with the defaults; the reference code is { reduction: "codeMean" } and a double softmax in gold.
 * Shapes: scores [B, K]; gold [B, K] (nats) -> number (nats, mean over B, not over K).
 * Gradient: flows to scores only; the target, the prior in it included, is treated as constant.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option.
 * @example
 * contrastiveKl({ data: Float32Array.of(2, 0), rows: 1, cols: 2 }, { data: new Float32Array(2), rows: 1, cols: 2 }, { prior: "off" }).value
 * // 0.4338: ½·ln(½/0.8808) + ½·ln(½/0.1192)
 */
export function contrastiveKl(scores: Matrix, gold: Matrix, options: ContrastiveKlOptions = {}): PreferenceLoss {
  assertKnownKeys("contrastiveKl", options, ["temperature", "prior", "reduction"]);
  const { temperature = 1, prior = "on", reduction = "batchMean" } = options;
  assertOneOf("contrastiveKl: prior", prior, ["on", "off"]);
  assertOneOf("contrastiveKl: reduction", reduction, ["batchMean", "codeMean"]);
  assertPair("contrastiveKl", scores, "gold", gold);
  const targetLog = (row: number, retrieverLog: Float64Array): Float64Array => {
    const preference = logSoftmax(gold.data.subarray(row * gold.cols, (row + 1) * gold.cols)); // [K]
    return prior === "off" ? preference : logSoftmax(preference.map((value, k) => value + retrieverLog[k]!));
  };
  return klToRetriever(scores, targetLog, { temperature, reduction });
}
