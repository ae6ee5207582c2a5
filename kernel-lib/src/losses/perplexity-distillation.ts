import { logSoftmax } from "../base/softmax";
import type { Matrix } from "../base/types";
import { klToRetriever } from "./contrastive-kl";
import {
  assertPair,
  DISTILLATION_OPTIONS,
  type LossResult,
  lossByRow,
  type OptionsOf,
  type RetrieverLoss,
  rowOf,
  settleOptions,
} from "./retriever-loss";

export type PerplexityDistillationOptions = OptionsOf<typeof DISTILLATION_OPTIONS>;

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
): LossResult {
  const settled = settleOptions("perplexityDistillation", DISTILLATION_OPTIONS, options);
  assertPair("perplexityDistillation", scores, "answerLogLikelihood", answerLogLikelihood);
  return lossByRow(scores, settled, (row, retrieverLog) =>
    klToRetriever(logSoftmax(rowOf(answerLogLikelihood, row), settled.targetTemperature), retrieverLog),
  );
}

/** The paper's ablation: ATLAS's PDist. */
export const perplexityDistillationLoss = {
  name: "perplexityDistillation",
  needs: ["answerLogLikelihood"],
  options: DISTILLATION_OPTIONS,
  evaluate: (scores, { answerLogLikelihood }, options) => perplexityDistillation(scores, answerLogLikelihood, options),
} as const satisfies RetrieverLoss<"answerLogLikelihood", typeof DISTILLATION_OPTIONS>;
