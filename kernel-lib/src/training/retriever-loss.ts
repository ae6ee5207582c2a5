import { assertOneOf } from "../base/check";
import type { Matrix } from "../base/types";
import { contrastiveKl } from "./losses/contrastive-kl";
import { perplexityDistillation } from "./losses/perplexity-distillation";
import type { PreferenceLoss } from "./losses/preference-loss";
import type { ReaderJudgement } from "./retriever-data";

/**
 * "contrastive": the paper's. "contrastiveNoPrior": the reader's preference alone is the target.
 * "contrastiveCode": as the reference code reduces it, also divided by K. "perplexityDistillation": the ablation.
 */
export const RETRIEVER_LOSSES = [
  "contrastive",
  "contrastiveNoPrior",
  "contrastiveCode",
  "perplexityDistillation",
] as const;
export type RetrieverLoss = (typeof RETRIEVER_LOSSES)[number];

/** The named loss of scores [B, K] against what the reader said. Defaults: "contrastive", temperature 1. */
export function retrieverLoss(
  scores: Matrix,
  judgement: ReaderJudgement,
  options: { readonly loss?: RetrieverLoss | undefined; readonly temperature?: number | undefined } = {},
): PreferenceLoss {
  const { loss = "contrastive", temperature = 1 } = options;
  assertOneOf("retrieverLoss: loss", loss, RETRIEVER_LOSSES);
  if (loss === "perplexityDistillation") {
    return perplexityDistillation(scores, judgement.answerLogLikelihood, { temperature });
  }
  return contrastiveKl(scores, judgement.gold, {
    temperature,
    prior: loss === "contrastiveNoPrior" ? "off" : "on",
    reduction: loss === "contrastiveCode" ? "codeMean" : "batchMean",
  });
}
