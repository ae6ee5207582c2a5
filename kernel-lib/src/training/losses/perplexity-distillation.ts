import { assertKnownKeys, assertOneOf } from "../../base/check";
import { logSoftmax } from "../../base/softmax";
import type { Matrix } from "../../base/types";
import { assertPair, klToRetriever, type PreferenceLoss, type Reduction } from "./preference-loss";

export interface PerplexityDistillationOptions {
  /** Temperature of the retriever's softmax, > 0, no unit. Default 1. */
  readonly temperature?: number;
  /** Default "batchMean". */
  readonly reduction?: Reduction;
}

/**
 * ATLAS's perplexity distillation: the retriever is drawn to the candidates under which the true answer is likely,
 * whatever the other labels get. No contrast between labels and no prior: that is what the paper's ablation takes away.
 *
 * Paper: arXiv 2508.17394v3, ablation "PDist".  Deviation: none.
 * Shapes: scores [B, K]; answerLogLikelihood [B, K] (nats, over the whole vocabulary) -> number (nats).
 * Gradient: flows to scores only.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option.
 */
export function perplexityDistillation(
  scores: Matrix,
  answerLogLikelihood: Matrix,
  options: PerplexityDistillationOptions = {},
): PreferenceLoss {
  assertKnownKeys("perplexityDistillation", options, ["temperature", "reduction"]);
  const { temperature = 1, reduction = "batchMean" } = options;
  assertOneOf("perplexityDistillation: reduction", reduction, ["batchMean", "codeMean"]);
  assertPair("perplexityDistillation", scores, "answerLogLikelihood", answerLogLikelihood);
  const { data, cols } = answerLogLikelihood;
  const targetLog = (row: number): Float64Array => logSoftmax(data.subarray(row * cols, (row + 1) * cols)); // [K]
  return klToRetriever(scores, targetLog, { temperature, reduction });
}
