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

export type PerplexityDistillationOptions = DistillationOptions;

/**
 * ATLAS's perplexity distillation (PDist): the retriever is drawn to the candidates under which the true answer is likely,
 * whatever the other labels get. No contrast between labels and no prior: that is what the paper's ablation takes away.
 *
 * Paper: arXiv 2508.17394v3, ablation "PDist"; arXiv 2208.03299 §2.2: p_k ∝ p_LM(a | d_k, q).  Deviation: none.
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
  const resolved = resolveLossOptions("perplexityDistillation", options);
  assertPair("perplexityDistillation", scores, "answerLogLikelihood", answerLogLikelihood);
  return klToRetriever(scores, resolved, (row) =>
    logSoftmax(rowOf(answerLogLikelihood, row), resolved.targetTemperature),
  );
}
